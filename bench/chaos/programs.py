"""A program that runs beside us, may be killed at any moment, and is started again."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from config.environment import ROOT

_PATIENCE = 15


class Program:
    """One command with its children: they live in one group, and die together."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name, self._command, self._environment, self._log = name, command, environment, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        """Whether its first process lives."""
        return self._process is not None and self._process.poll() is None

    def children(self) -> list[int]:
        """Its workers, as the kernel lists them."""
        if self._process is None or not self.is_running():
            return []
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        try:
            return [int(child) for child in path.read_text().split()]
        except OSError:
            return []

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to all of it; whether it was there to hear it."""
        if self._process is None or not self.is_running():
            return False
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
            return True
        return False

    def kill(self) -> bool:
        """End all of it at once, as a machine ends that loses its power."""
        if not self.signal(signal.SIGKILL):
            return False
        if self._process:
            self._process.wait()
        return True

    def kill_child(self, place: int) -> bool:
        """End one of its workers, which it should replace by itself."""
        workers = self.children()
        if not workers:
            return False
        with suppress(ProcessLookupError):
            os.kill(workers[place % len(workers)], signal.SIGKILL)
            return True
        return False

    def stop(self) -> None:
        """Ask it to end, and insist."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            if self._process:
                self._process.wait(_PATIENCE)
        # Children that outlive their parent are still of its group.
        with suppress(ProcessLookupError, PermissionError):
            if self._process:
                os.killpg(self._process.pid, signal.SIGKILL)
