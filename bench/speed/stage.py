"""Everything that a run needs, started before it and gone after it: servers, service, rivals."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from bench.chaos.programs import Program
from bench.chaos.servers import Postgres, Redis
from bench.chaos.settings import free_ports
from bench.speed import FOLDER, ROOT, CannotMeasure
from bench.speed.load import Load, Right
from bench.speed.notices import HOST
from bench.speed.provider import Provider

WORKERS = os.cpu_count() or 2
# As the image starts it; a test holds the two together.
FLAGS = (
    "--interface wsgi --blocking-threads 8 --workers-kill-timeout 30 --no-ws --log-level warning"
)
_RIVALS_PYTHON = ROOT / ".venv" / "bench" / "bin" / "python"
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_READY_WITHIN = 60


class Stage:
    """The servers and who runs on them, each answering at a port of its own."""

    def __init__(self) -> None:
        self._ending = ExitStack()
        self.ports: dict[str, int] = {}
        self.environments: dict[str, dict[str, str]] = {}

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

    def _start(self) -> None:
        self._alone()
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        self._ending.callback(self._sweep)
        self.provider = Provider()
        self._ending.callback(self.provider.stop)
        self._start_servers()
        self._start_service()
        self._start_rivals()

    def _alone(self) -> None:
        """Two runs would share a folder, and the machine."""
        FOLDER.parent.mkdir(exist_ok=True)
        lock = self._ending.enter_context(FOLDER.with_suffix(".lock").open("w"))
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise CannotMeasure("A bench runs in this folder already.") from None

    def _sweep(self) -> None:
        """The logs stay."""
        for folder in ("postgres", "redis", "sqlite"):
            shutil.rmtree(FOLDER / folder, ignore_errors=True)

    # --- servers

    def _start_servers(self) -> None:
        self.ports["postgres"], port = free_ports(2)
        postgres, self.redis = Postgres(FOLDER, self.ports["postgres"]), Redis(FOLDER, port)
        self._ending.callback(postgres.stop)
        postgres.start()
        self._ending.callback(self.redis.stop)
        self.redis.start()
        self.redis.wait()

    def address_of(self, database: str) -> str:
        """Where one of our databases is."""
        return f"postgres://ballast@127.0.0.1:{self.ports['postgres']}/{database}"

    def connection_to(self, database: str) -> psycopg.Connection:
        """A connection that commits each statement."""
        return psycopg.connect(self.address_of(database), autocommit=True)

    def create_database(self, name: str, template: str = "template1") -> None:
        """A new database, empty or as the other one is."""
        with self.connection_to("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")

    def database_facts(self) -> str:
        """What PostgreSQL says of itself, as far as it matters to its speed."""
        names = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        with self.connection_to("postgres") as connection:
            rows = [connection.execute(f"SHOW {name}").fetchone() for name in names]
        values = [str(row[0]) for row in rows if row]
        return (
            f"PostgreSQL {values[0].split()[0]} (fsync {values[1]}, synchronous_commit"
            f" {values[2]}, shared_buffers {values[3]})"
        )

    # --- the service, twice: on PostgreSQL with Redis, and on its embedded defaults

    def _start_service(self) -> None:
        common = _inherited() | _production(self.provider.url)
        self.create_database("ballast")
        addresses = {"DATABASE_URL": self.address_of("ballast"), "REDIS_URL": self.redis.url}
        (FOLDER / "sqlite").mkdir()
        embedded = {"DATABASE_URL": f"sqlite:///{self.sqlite_file}"}
        self.environments = {"service": common | addresses, "sqlite": common | embedded}
        for name in self.environments:
            self.run_in(name, "manage.py", "migrate", "--verbosity", "0")
            # Taken now, while nobody is connected and it is as empty as a new one.
            if name == "service":
                self.create_database("claims", template="ballast")
            self._serve(name, self.environments[name], "config.wsgi:application")

    @property
    def sqlite_file(self) -> Path:
        """The embedded database."""
        return FOLDER / "sqlite" / "ballast.sqlite3"

    # --- the others

    def _start_rivals(self) -> None:
        self._serve("empty", _inherited(), "bench.speed.rivals.empty:application")
        self.create_database("rival")
        secret = self.environments["service"]["STRIPE_WEBHOOK_SECRET"]
        told = {"DATABASE_URL": self.address_of("rival"), "STRIPE_WEBHOOK_SECRET": secret}
        module, python = "bench.speed.rivals.djstripe", str(_RIVALS_PYTHON)
        self._run([python, "-m", module], _inherited() | told)
        for name, is_tuned in (("djstripe", "yes"), ("djstripe-plain", "no")):
            told["RIVAL_IS_TUNED"] = is_tuned
            self._serve(name, _inherited() | told, f"{module}:application", python)

    def _serve(
        self, name: str, environment: Mapping[str, str], target: str, python: str = sys.executable
    ) -> None:
        (port,) = free_ports(1)
        place = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(WORKERS)]
        command = [python, "-m", "granian", *FLAGS.split(), *place, target]
        program = Program(name, command, environment, FOLDER / f"{name}.log")
        self._ending.callback(program.stop)
        program.start()
        self.ports[name] = port
        _wait(name, port)

    # --- programs inside the service

    def ask(self, program: str, *arguments: str, database: str = "", at: str = "service") -> Any:
        """What one of the programs inside says."""
        told = {"DATABASE_URL": self.address_of(database)} if database else {}
        return json.loads(self.run_in(at, "-m", "bench.speed.inside", program, *arguments, **told))

    def run_in(self, name: str, *command: str, **told: str) -> str:
        """What a Python program prints. Raises CannotMeasure where it fails."""
        return self._run([sys.executable, *command], self.environments[name] | told)

    def _run(self, command: Sequence[str], environment: Mapping[str, str]) -> str:
        log = FOLDER / "programs.log"
        with log.open("ab") as errors:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=dict(environment),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                check=False,
                start_new_session=True,  # Ctrl-C is for us: we end it
            )
        if done.returncode:
            raise CannotMeasure(f"{' '.join(command[1:5])} failed; {log} says why.")
        return done.stdout


def _wait(name: str, port: int) -> None:
    request = f"GET /health/live HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    gives_up_at = time.monotonic() + _READY_WITHIN
    while time.monotonic() < gives_up_at:
        try:
            Load(port, 1, Right((200, 404))).run([request], 1)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise CannotMeasure(f"{name} does not answer; {FOLDER / name}.log may say why.")


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def _production(provider: str) -> dict[str, str]:
    """Settings of production behind a proxy that ends TLS; limits are counted, and never met."""
    return {
        "DJANGO_ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DJANGO_SECRET_KEY": secrets.token_hex(32),
        "ENCRYPTION_KEY": f"bench:{secrets.token_hex(32)}",
        "AUDIT_KEY": secrets.token_hex(32),
        "HASH_SALT": secrets.token_hex(16),
        "PUBLIC_URL": f"https://{HOST}",
        "DJANGO_ALLOWED_HOSTS": HOST,
        "TRUSTED_PROXIES": "127.0.0.1",
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(16)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(16)}",
        "STRIPE_API_BASE": provider,
        "RATE_LIMIT_DEFAULT": "1000000/m",
        "RATE_LIMIT_BLOCK_ADDRESS_AFTER": "1000000/m",
        "RATE_LIMIT_GLOBAL": "1000000/m",
        "RATE_LIMIT_VERIFY": "1000000/m",
        "RATE_LIMIT_PROCESS": "1000000/m",
    }
