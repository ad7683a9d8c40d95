"""The service on its own servers, and a keeper who starts again what was killed."""

import shutil
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.chaos import CannotStart, settings
from bench.chaos.callers import ask
from bench.chaos.forms import Form
from bench.chaos.programs import Program
from bench.chaos.servers import Postgres, Redis
from config.environment import ROOT

_PATIENCE = 60
# How soon somebody notices that a program is gone.
_GLANCE = 0.2


class Stage:
    """Everything that runs for one run; leaving it ends all of it."""

    def __init__(self, form: Form, folder: Path) -> None:
        self._form, self.folder = form, folder.resolve()
        self._ending = ExitStack()
        self._is_over = threading.Event()
        self.programs: dict[str, Program] = {}
        self.postgres: Postgres | None = None
        self.redis: Redis | None = None
        self.environment: dict[str, str] = {}
        self.sandbox_urls: dict[str, str] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._ending.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.close()

    @property
    def web_url(self) -> str:
        """Where the service answers."""
        return self.environment["PUBLIC_URL"]

    def _start(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        database, redis = f"sqlite:///{self.folder / 'ballast.sqlite3'}", ""
        if self._form.on_servers:
            database, redis = self._servers()
        self.environment = settings.environment(self._form, database, redis)
        self.manage("migrate", "--verbosity", "0")
        lines = settings.commands(self._form, self.folder, self.environment["PORT"])
        for name, line in lines.items():
            self._run(Program(name, line, self.environment, self.folder / f"{name}.log"))
        for company, told in settings.sandboxes(self.environment, self.folder).items():
            log = self.folder / f"{company}.log"
            self._run(Program(company, [sys.executable, "-m", "sandbox"], told, log))
            self.sandbox_urls[company] = f"http://127.0.0.1:{told['SANDBOX_PORT']}"
        self._keep()
        for company, url in self.sandbox_urls.items():
            self._wait(f"{url}/control/{company}")
        self._wait(f"{self.web_url}/health/ready")

    def _servers(self) -> tuple[str, str]:
        web, cache = settings.free_ports(2)
        self.postgres, self.redis = Postgres(self.folder, web), Redis(self.folder, cache)
        self._ending.callback(self.postgres.stop)
        self.postgres.start()
        self._ending.callback(self.redis.stop)
        self.redis.start()
        self.redis.wait()
        return self.postgres.url, self.redis.url

    def _run(self, program: Program) -> None:
        self.programs[program.name] = program
        self._ending.callback(program.stop)
        program.start()

    def _keep(self) -> None:
        """As an orchestrator does."""
        keeper = threading.Thread(target=self._restart_the_fallen, daemon=True, name="keeper")
        self._ending.callback(keeper.join)
        self._ending.callback(self._is_over.set)
        keeper.start()

    def _restart_the_fallen(self) -> None:
        while not self._is_over.wait(_GLANCE):
            for program in self.programs.values():
                if not program.is_running():
                    program.start()

    def _wait(self, address: str) -> None:
        gives_up_at = time.monotonic() + _PATIENCE
        while time.monotonic() < gives_up_at:
            if ask("GET", address).is_good:
                return
            time.sleep(0.1)
        raise CannotStart(f"{address} does not answer; the logs in {self.folder} may say why.")

    def manage(self, *command: str) -> str:
        """What a management command prints. Raises CannotStart where it fails."""
        status, said = self.try_to_manage(*command)
        if status:
            raise CannotStart(f"manage.py {command[0]} failed; manage.log in {self.folder} has it.")
        return said

    def try_to_manage(self, *command: str) -> tuple[int, str]:
        """The exit status of a management command, and what it prints."""
        with (self.folder / "manage.log").open("ab") as log:
            done = subprocess.run(
                [sys.executable, "manage.py", *command],
                cwd=ROOT,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
            )
        return done.returncode, done.stdout
