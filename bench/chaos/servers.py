"""A PostgreSQL and a Redis of this run's own, on free ports, with their data in its folder."""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

import redis

from bench.chaos import CannotStart
from bench.chaos.programs import Program

_DEBIAN = Path("/usr/lib/postgresql")
_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 80
"""


def missing() -> list[str]:
    """The servers that are not installed here."""
    found = {"PostgreSQL": _tool("initdb"), "Redis": shutil.which("redis-server")}
    return [name for name, path in found.items() if not path]


def _tool(name: str) -> str | None:
    """On the path, or where Debian keeps it, the newest first."""
    kept = sorted(_DEBIAN.glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or (str(kept[0]) if kept else None)


class Postgres:
    """Data that survives: written through to the disk, as in production."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder / "postgres", port
        self._log = folder / "postgres.log"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"postgres://ballast@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Make an empty one, and wait until it answers."""
        self._prepare()
        self._run("initdb", "--username", "ballast", "--auth", "trust", "--encoding", "UTF8")
        self._listen()

    def _prepare(self) -> None:
        self._folder.mkdir(mode=0o700)
        if _is_root():
            shutil.chown(self._folder, "postgres", "postgres")
        self._log.touch()

    def _listen(self) -> None:
        with (self._folder / "postgresql.conf").open("a") as settings:
            settings.write(_SETTINGS.format(port=self._port))
        self._run("pg_ctl", "start", "--wait", "--silent")

    def restart(self, mode: str) -> None:
        """`fast` ends every connection; `immediate` is a crash, with recovery after it."""
        self._run("pg_ctl", "restart", "--wait", "--silent", "--mode", mode)

    def stop(self) -> None:
        """What was not made cannot be stopped."""
        if (self._folder / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "--wait", "--silent", "--mode", "immediate")

    def _run(self, tool: str, *options: str) -> None:
        command = [_tool(tool) or tool, "--pgdata", str(self._folder), *options]
        # PostgreSQL refuses to run as root.
        command = ["runuser", "-u", "postgres", "--", *command] if _is_root() else command
        with self._log.open("ab") as log:
            done = subprocess.run(command, cwd="/", stdout=log, stderr=log, check=False)
        if done.returncode:
            raise CannotStart(f"{tool} failed; {self._log} says why.")


def _is_root() -> bool:
    return os.geteuid() == 0 and any(user.pw_name == "postgres" for user in pwd.getpwall())


class Redis(Program):
    """The cache and the broker; its file is written every second, as in production."""

    def __init__(self, folder: Path, port: int) -> None:
        data = folder / "redis"
        data.mkdir()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data)]
        command += ["--appendonly", "yes", "--save", ""]
        super().__init__("redis", command, os.environ, folder / "redis.log")
        self._port = port

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self._port}/0"

    def wait(self) -> None:
        """Until it answers."""
        with redis.Redis.from_url(self.url) as client:
            for _ in range(100):
                try:
                    client.ping()
                except redis.RedisError:
                    time.sleep(0.1)
                else:
                    return
        raise CannotStart("redis-server does not answer; redis.log says why.")
