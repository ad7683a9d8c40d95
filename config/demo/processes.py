"""The four processes of the demo, and how they end: all of them, whichever of them goes first."""

import os
import shlex
import signal
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread, Timer
from typing import Any

from honcho.manager import Manager
from honcho.process import Popen, Process

from config.demo import VAR
from config.environment import ROOT

# Longer than honcho waits before it kills.
_PATIENCE = 12
_ASKED_TO_STOP = (128 + signal.SIGINT, 128 + signal.SIGTERM)


class Family(Popen):
    """A program that takes its children along.

    They hold the pipe that honcho reads, and while they do, honcho believes the program alive.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        Thread(target=self._sweep, daemon=True).start()

    def _sweep(self) -> None:
        self.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class Program(Process):
    """One line of a Procfile, started as a family."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._child_ctor = Family


class Processes(Manager):
    """honcho's manager; a signal that comes while it is still starting is heard as well."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__()
        self._pid, self._is_watched = os.getpid(), False
        self._process_ctor = Program
        for name, command in _commands(environment["PORT"]).items():
            # The shell makes way, so that signals reach the program itself.
            line = f"exec {shlex.join([sys.executable, '-m', *command.split()])}"
            self.add_process(name, line, env=environment, cwd=str(ROOT))

    def terminate(self) -> None:
        """Stop everybody, as soon as there are process ids to stop.

        The fork that watches over a child has this handler too, from its first moment until it
        begins to ignore signals; it is meant to stay until its child is gone.
        """
        if os.getpid() != self._pid:
            return
        self._watch_the_end()
        if self._all_started():
            super().terminate()
        else:
            Timer(0.1, self.terminate).start()

    def _watch_the_end(self) -> None:
        """Whatever goes wrong in ending, and much can in a signal's handler, it does end."""
        if not self._is_watched:
            self._is_watched = True
            last_resort = Timer(_PATIENCE, _kill_everybody)
            last_resort.daemon = True
            last_resort.start()

    def run(self) -> int:
        """Until the end, which is a success if somebody asked for it."""
        self.loop()
        return 0 if self.returncode in _ASKED_TO_STOP else self.returncode or 1


def _kill_everybody() -> None:
    for pid in _descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)


def _descendants(pid: int) -> list[int]:
    """Children and theirs, as the kernel lists them, the youngest last."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    children = [int(child) for child in listed.split()]
    return children + [deeper for child in children for deeper in _descendants(child)]


def _commands(port: str) -> dict[str, str]:
    return {
        "web": (
            f"granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1"
            " --blocking-threads 8 --workers-kill-timeout 3 --respawn-failed-workers --no-ws"
            " --log-level error config.wsgi:application"
        ),
        "worker": (
            "celery --quiet -A config worker --pool threads --concurrency 2"
            " --without-gossip --without-mingle --without-heartbeat"
        ),
        "beat": f"celery --quiet -A config beat --schedule {VAR / 'beat-schedule'} --pidfile=",
        "sandbox": "sandbox",
    }
