"""A primary with a streaming replica, and one web process that reads from both."""

import os
import shutil
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import requests

from bench.chaos import settings
from bench.chaos.forms import FULL
from bench.chaos.programs import Program
from bench.chaos.servers import Postgres, Redis
from tests.drills.stage import PATIENCE, in_time, managed

MAX_LAG = 6


class Standby(Postgres):
    """A streaming copy of a primary."""

    def __init__(self, folder: Path, port: int, primary: Postgres) -> None:
        super().__init__(folder, port)
        self._primary = primary

    def start(self) -> None:
        """Copy the primary as it is now, and follow it."""
        self._prepare()
        source = ("--dbname", self._primary.url, "--write-recovery-conf", "--checkpoint", "fast")
        self._run("pg_basebackup", *source)
        self._listen()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def promote(self) -> None:
        self._run("pg_ctl", "promote", "--wait", "--silent")

    def asked(self, question: str) -> Any:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(question).fetchone()
            assert row is not None
            return row[0]

    def pause(self) -> None:
        self.asked("SELECT pg_wal_replay_pause()")
        in_time(lambda: self.asked("SELECT pg_get_wal_replay_pause_state()") == "paused")

    def signal(self, number: signal.Signals) -> None:
        """To all of its processes."""
        first = int((self._folder / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for pid in (first, *map(int, children)):
            os.kill(pid, number)

    def follows(self) -> bool:
        return self.is_there() and bool(self.asked("SELECT pg_is_in_recovery()"))

    def is_there(self) -> bool:
        return (self._folder / "postmaster.pid").exists()


class Copies:
    """Everything on ports and in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._ending = ExitStack()
        (folder / "standby").mkdir(mode=0o711)
        first, second, third, port = settings.free_ports(4)
        self.primary = Postgres(folder, first)
        self.standby = Standby(folder / "standby", second, self.primary)
        self.redis = Redis(folder, third)
        told = settings.environment(FULL, self.primary.url, self.redis.url)
        told |= {"DATABASE_REPLICA_URL": self.standby.url, "PORT": str(port)}
        told |= {"DATABASE_REPLICA_MAX_LAG": str(MAX_LAG * 1000), "LOG_LEVEL": "INFO"}
        self.environment, self.url = told, f"http://127.0.0.1:{port}"
        line = (
            f"granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1"
            " --blocking-threads 8 --no-ws --log-level warning config.wsgi:application"
        )
        self.web = Program("web", [sys.executable, "-m", *line.split()], told, folder / "web.log")

    def __enter__(self) -> Self:
        with ExitStack() as unless_started:
            unless_started.callback(self.redis.stop)
            self.redis.start()
            unless_started.callback(self.primary.stop)
            self.primary.start()
            managed(self.environment, "migrate", "--verbosity", "0")
            self.writer = self._key("writer", "payments:read", "payments:write")
            self.reader = self._key("reader", "operator")
            unless_started.callback(self.standby.stop)
            self.standby.start()
            unless_started.callback(self.web.stop)
            self.web.start()
            self._ending = unless_started.pop_all()
        self.recover()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.close()

    def _key(self, name: str, *scopes: str) -> str:
        return managed(self.environment, "create_api_key", name, "--scopes", *scopes).split()[-1]

    def recover(self) -> None:
        """Wait until the replica is there, follows, and is used."""
        if self.standby.is_there():
            self.standby.signal(signal.SIGCONT)
        if not self.standby.follows():
            self.standby.remove()
            self.standby.start()
        self.standby.asked("SELECT pg_wal_replay_resume()")
        in_time(lambda: self.health() == "ok")

    def health(self) -> str:
        """What is said of the replica."""
        try:
            answer = requests.get(f"{self.url}/health/ready", timeout=PATIENCE)
        except requests.ConnectionError:
            return "no web yet"
        assert answer.status_code == 200, answer.text
        return str(answer.json()["checks"]["replica"])

    def create(self) -> str:
        body = {"amount": "125.50", "currency": "AED"}
        url = f"{self.url}/payments/v2/create"
        answer = requests.post(url, json=body, headers=_by(self.writer), timeout=PATIENCE)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def listed_for(self, key: str) -> list[str]:
        """The newest payments, as this key is told of them."""
        url = f"{self.url}/payments/v2"
        answer = requests.get(url, headers=_by(key), timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return [str(each["id"]) for each in answer.json()["results"]]


def _by(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
