"""Carries a plan out, and counts what was really broken."""

import signal
import threading
import time
from collections import Counter

from bench.chaos.callers import Companies
from bench.chaos.plan import Trouble
from bench.chaos.settings import COMPANIES
from bench.chaos.stage import Stage

# One that is just being started again cannot be killed yet.
_VICTIM_COMES_BACK_WITHIN = 10.0
_PEACE = {
    "mode": "up",
    "webhooks": {"drop_rate": 0.0, "forge_rate": 0.0, "duplicates": 0, "shuffle": False},
}


class Troublemaker:
    """A thread that does the deeds of a plan. `done` counts them by name."""

    def __init__(self, stage: Stage, companies: Companies, plan: list[Trouble]) -> None:
        self._stage, self._companies, self._plan = stage, companies, plan
        self._thread = threading.Thread(target=self._run, daemon=True, name="trouble")
        self.done: Counter[str] = Counter()
        self.accidents: list[str] = []

    def start(self) -> None:
        """Begin with the plan's first moment now."""
        self._thread.start()

    def make_peace(self) -> None:
        """Wait for the last deed; then all is well, and everybody runs."""
        self._thread.join()
        if self._stage.redis:
            self._stage.redis.signal(signal.SIGCONT)
        for company in COMPANIES:
            self._companies.turn(company, _PEACE)

    def _run(self) -> None:
        begun_at = time.monotonic()
        for trouble in self._plan:
            time.sleep(max(0.0, begun_at + trouble.at - time.monotonic()))
            try:
                self._do(trouble)
            except Exception as error:  # noqa: BLE001 - ours to mend, and the run fails for it
                self.accidents.append(f"{trouble}: {error!r}")

    def _do(self, trouble: Trouble) -> None:
        if trouble.deed in ("dial", "outage"):
            self._companies.turn(trouble.target, trouble.facts)
        elif trouble.deed == "kill":
            self._kill(trouble)
        elif trouble.deed == "restart":
            self._restart(trouble)
        elif self._stage.redis:
            stops = trouble.deed == "pause"
            self._stage.redis.signal(signal.SIGSTOP if stops else signal.SIGCONT)
        if trouble.deed == "outage":
            self.done[f"outage: {trouble.facts['mode']}"] += 1
        elif trouble.deed in ("restart", "pause"):
            self.done[f"{trouble.deed} {trouble.target}"] += 1

    def _kill(self, trouble: Trouble) -> None:
        """A program that has no workers at the moment is killed itself."""
        name, _, child = trouble.target.partition(" ")
        program = self._stage.programs[name]
        gives_up_at = time.monotonic() + _VICTIM_COMES_BACK_WITHIN
        while time.monotonic() < gives_up_at:
            if (child and program.kill_child(trouble.facts["place"])) or program.kill():
                self.done[f"kill {trouble.target}"] += 1
                return
            time.sleep(0.2)

    def _restart(self, trouble: Trouble) -> None:
        if trouble.target == "postgres" and self._stage.postgres:
            self._stage.postgres.restart(trouble.facts["mode"])
        elif self._stage.redis:
            self._stage.redis.signal(signal.SIGCONT)
            self._stage.redis.kill()
            self._stage.redis.start()
            self._stage.redis.wait()
