"""The database's own limit: the service's statements for a new event, sent by pgbench."""

import re
import shutil
import subprocess
from itertools import chain

from bench.speed import FOLDER, CannotMeasure
from bench.speed.notices import Names
from bench.speed.payments import Payments
from bench.speed.stage import Stage

_CLIENTS = 8
# More than one client does in a second.
_PER_SECOND = 700
_RATE = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
_FAILED = re.compile(r"failed transactions: (\d+)")


class Pgbench:
    """Eight clients, each with its own numbers, all the statements in one transaction."""

    def __init__(self, stage: Stage, payments: Payments, names: Names) -> None:
        self._stage, self._payments = stage, payments
        self._script = FOLDER / "pgbench.sql"
        first = payments.take(2)[0]
        said = stage.ask("statements", str(first), names.operation, names.session)
        self._variables: dict[str, str] = said["variables"]
        self.statements = len(said["lines"])
        lines = [r"\set i :i + 1", r"\set n :first + :client_id * :span + :i"]
        self._script.write_text("\n".join([*lines, "BEGIN;", *said["lines"], "END;", ""]))

    def wanted(self, seconds: int) -> int:
        """How many payments that takes."""
        return _CLIENTS * _PER_SECOND * seconds

    def rate(self, seconds: int) -> float:
        """Transactions a second. Raises CannotMeasure where one fails."""
        span = _PER_SECOND * seconds
        first = self._payments.take(self.wanted(seconds))[0]
        told = {"first": str(first), "span": str(span), "i": "-1"} | self._variables
        place = ["-h", "127.0.0.1", "-p", str(self._stage.ports["postgres"]), "-U", "ballast"]
        load = ["-n", "-M", "prepared", "-c", str(_CLIENTS), "-j", "2", "-T", str(seconds)]
        given = chain.from_iterable(("-D", f"{name}={value}") for name, value in told.items())
        tool = shutil.which("pgbench") or "pgbench"
        command = [tool, *place, *load, *given, "-f", str(self._script), "ballast"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found, failed = _RATE.search(done.stdout), _FAILED.search(done.stdout)
        if done.returncode or not found or (failed and failed[1] != "0"):
            raise CannotMeasure(f"pgbench failed: {done.stderr.strip()[-500:]}")
        return float(found[1])
