"""A Redis of a test's own, to be killed, frozen, emptied and brought back."""

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import redis
from django.conf import settings

REDIS_SERVER = shutil.which("redis-server")
# Where a Redis was promised, a missing one is an error; where none was, there is none to test.
CAN_SHARE = bool(settings.REDIS_URL or REDIS_SERVER)
READY_WITHIN_SECONDS = 10


class PrivateRedis:
    """A process of ours on a socket of ours; nothing of it outlives the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def address(self) -> str:
        return f"unix://{self._folder}/redis.sock"

    def start(self) -> None:
        place = ["--dir", str(self._folder), "--unixsocket", f"{self._folder}/redis.sock"]
        alone = ["--port", "0", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [REDIS_SERVER or "redis-server", *place, *alone], stdout=subprocess.DEVNULL
        )
        gives_up_at = time.monotonic() + READY_WITHIN_SECONDS
        while not self._answers():
            if time.monotonic() > gives_up_at:
                raise TimeoutError("redis-server did not come up")
            time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def flush(self) -> None:
        with redis.Redis.from_url(self.address) as client:
            client.flushdb()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError("it does not run")
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.address) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
