"""The service as real processes on servers of its own, which a test may kill, freeze or empty."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import redis
import requests

from bench.chaos import settings
from bench.chaos.forms import FULL
from bench.chaos.programs import Program
from bench.chaos.servers import Postgres, Redis, missing
from config.environment import ROOT
from tests.journeys.conftest import eventually

# Programs start, reconnect and take heart again at their own pace.
in_time = partial(eventually, patience=45)
# Whoever hangs for as long as this has failed.
PATIENCE = 8


def managed(environment: Mapping[str, str], *command: str) -> str:
    """What a management command prints."""
    told = [sys.executable, "manage.py", *command]
    done = subprocess.run(
        told, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Stage:
    """PostgreSQL, Redis, one process of the web, one worker with its scheduler, and PayTabs."""

    def __init__(self, folder: Path) -> None:
        if gone := missing():
            raise RuntimeError(f"These drills need {' and '.join(gone)} to be installed.")
        self.folder, self._ending = folder, ExitStack()
        database, cache = settings.free_ports(2)
        self.postgres, self.redis = Postgres(folder, database), Redis(folder, cache)
        told = settings.environment(FULL, self.postgres.url, self.redis.url)
        # News waits for a worker; each payment without a customer may be processed three times.
        told |= {"WEBHOOK_PROCESSING": "worker", "RATE_LIMIT_ENABLED": "true"}
        told |= {"RATE_LIMIT_PROCESS": "3/h", "RECOVERY_CHECK_DELAYS": "1000"}
        told |= {"DATABASE_TIMEOUT": "2000"}
        told |= {"RECOVERY_SWEEP_INTERVAL": "1000", "WEBHOOK_SWEEP_INTERVAL": "1000"}
        self.environment = told
        self.url = told["PUBLIC_URL"]
        sandbox = settings.sandboxes(self.environment, folder)["paytabs"]
        self.sandbox_url = f"http://127.0.0.1:{sandbox['SANDBOX_PORT']}/control/paytabs"
        self.sandbox = Program(
            "sandbox", [sys.executable, "-m", "sandbox"], sandbox, folder / "sandbox.log"
        )
        serve = (
            f"granian --interface wsgi --host 127.0.0.1 --port {told['PORT']} --workers 1"
            " --blocking-threads 8 --no-ws --log-level warning config.wsgi:application"
        )
        work = f"celery --quiet -A config worker -B -s {folder}/beat --pool prefork --concurrency 1"
        self.web, self.worker = self._program("web", serve), self._program("worker", work)
        self.key = ""

    def _program(self, name: str, line: str) -> Program:
        command = [sys.executable, "-m", *line.split()]
        return Program(name, command, self.environment, self.folder / f"{name}.log")

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
        self._ending.callback(self.postgres.stop)
        self.postgres.start()
        self._ending.callback(self.redis.stop)
        self.redis.start()
        self.manage("migrate", "--verbosity", "0")
        for program in (self.sandbox, self.web, self.worker):
            self._ending.callback(program.stop)
            program.start()
        scopes = ("payments:read", "payments:write", "refunds:write", "operator")
        self.key = self.manage("create_api_key", "drill", "--scopes", *scopes).split()[-1]
        self.recover()

    def recover(self) -> None:
        """Wait until all is well, whatever was done to it."""
        self.signal_postgres(signal.SIGCONT)
        self.redis.signal(signal.SIGCONT)
        for program in (self.redis, self.web, self.worker):
            if not program.is_running():
                program.start()
        self.redis.wait()
        in_time(lambda: self.status("/health/ready") == 200)
        in_time(lambda: self._is_there(self.sandbox_url))
        self.empty_redis()
        in_time(self._counts_in_redis)

    def _counts_in_redis(self) -> bool:
        """After an outage limits and breakers leave Redis alone for a moment, each for itself."""
        breakers = self.get("/circuit-breaker/stats").json()
        with redis.Redis.from_url(self.redis.url) as client:
            counts = bool(client.dbsize())
        return counts and all(each["scope"] == "shared" for each in breakers)

    def _is_there(self, address: str) -> bool:
        try:
            return requests.get(address, timeout=PATIENCE).ok
        except requests.ConnectionError:
            return False

    def manage(self, *command: str) -> str:
        """What a management command prints."""
        return managed(self.environment, *command)

    def signal_postgres(self, number: int) -> None:
        """To the server and each of its processes; every one leads a group of its own."""
        master = (self.folder / "postgres" / "postmaster.pid").read_text().split()[0]
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        for pid in (master, *children):
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(int(pid), number)

    def empty_redis(self) -> None:
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    # --- over HTTP

    def status(self, path: str) -> int:
        try:
            return requests.get(self.url + path, timeout=PATIENCE).status_code
        except requests.ConnectionError:
            return 0

    def post(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        """A merchant's call; it fails the test where it hangs."""
        known = {"Authorization": f"Bearer {self.key}"} | headers
        url = f"{self.url}/payments/v2{path}"
        return requests.post(url, json=body or {}, headers=known, timeout=PATIENCE)

    def get(self, path: str) -> requests.Response:
        known = {"Authorization": f"Bearer {self.key}"}
        return requests.get(f"{self.url}/payments/v2{path}", headers=known, timeout=PATIENCE)

    def create(self, **headers: str) -> requests.Response:
        return self.post("/create", {"amount": "125.50", "currency": "AED"}, **headers)

    def started(self) -> tuple[str, str]:
        """A payment whose page is open: its id, and its reference at the provider."""
        payment = str(self.create().json()["id"])
        body = self.post(f"/process/{payment}").json()
        assert body["status"] == "requires_action", body
        return payment, str(body["transaction_ref"])

    def status_of(self, payment: str) -> str:
        return str(self.get(f"/{payment}").json()["status"])

    def turn(self, **dials: Any) -> None:
        requests.put(self.sandbox_url, json=dials, timeout=PATIENCE).raise_for_status()

    def approve(self, reference: str) -> None:
        url = f"{self.sandbox_url}/payments/{reference}/approve"
        requests.post(url, timeout=PATIENCE).raise_for_status()

    def told(self, what: str) -> list[dict[str, Any]]:
        """PayTabs' own `payments`, or its `notices`."""
        answer = requests.get(f"{self.sandbox_url}/{what}", timeout=PATIENCE)
        found: list[dict[str, Any]] = answer.json()
        return found

    def answers_to(self, reference: str) -> set[str]:
        """What PayTabs heard when it told us of a transaction."""
        told = [each for each in self.told("notices") if each["transaction_ref"] == reference]
        return {each["last_answer"] for each in told}

    # --- behind its back

    def count(self, statement: str, *values: Any) -> int:
        with psycopg.connect(self.postgres.url) as connection:
            row = connection.execute(statement, values).fetchone()
            assert row is not None
            return int(row[0])

    def breaker(self, name: str) -> dict[str, Any]:
        facts: list[dict[str, Any]] = json.loads(self.manage("breakers", "list", "--json"))
        return next(each for each in facts if each["name"] == name)
