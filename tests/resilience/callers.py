"""A clock that stands still, and somebody who calls through a breaker."""

import pytest

from payments.resilience.breaker import Breaker
from payments.resilience.controls import Control
from payments.resilience.errors import CallRefused
from payments.resilience.signals import BreakerChanged
from payments.resilience.storage import BreakerState


def logged_in(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The names of the events that were logged."""
    return {record.msg["event"] for record in caplog.records if isinstance(record.msg, dict)}


class Broken(Exception):
    """The target failed."""


class Clock:
    """Microseconds that pass only when told, from the beginning of a bucket."""

    def __init__(self, now: int = 1_000_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def nanoseconds(self) -> int:
        return self.now * 1000

    def seconds(self) -> float:
        return self.now / 1_000_000

    def go(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000)


class WrittenControls:
    """What operators wrote down, as rows would keep it: it survives every store."""

    def __init__(self) -> None:
        self.rows: dict[str, Control] = {}
        self.trouble: Exception | None = None

    def read(self, name: str) -> Control:
        if self.trouble:
            raise self.trouble
        return self.rows.get(name, Control())


class Caller:
    """Calls a target that does as it is told."""

    def __init__(self, breaker: Breaker, clock: Clock) -> None:
        self.breaker, self.clock = breaker, clock

    @property
    def state(self) -> BreakerState:
        return self.breaker.statistics().state

    def succeed(self, times: int = 1, *, seconds: float = 0) -> None:
        for _ in range(times):
            assert self.breaker.call(self._answer, seconds) == "answer"

    def fail(self, times: int = 1, *, seconds: float = 0) -> None:
        for _ in range(times):
            try:
                self.breaker.call(self._break, seconds)
            except Broken:
                continue
            raise AssertionError("the call's own error was lost")

    def refusal(self) -> CallRefused | None:
        """What a call is told now; None where it passed (and succeeded)."""
        try:
            self.succeed()
        except CallRefused as refusal:
            return refusal
        return None

    def is_refused(self) -> bool:
        return self.refusal() is not None

    def open_up(self) -> None:
        """Fail until it opens."""
        self.fail(10)
        assert self.state is BreakerState.OPEN

    def _answer(self, seconds: float) -> str:
        self.clock.go(seconds)
        return "answer"

    def _break(self, seconds: float) -> str:
        self.clock.go(seconds)
        raise Broken


class Heard:
    """What was announced of breakers."""

    def __init__(self) -> None:
        self.changes: list[BreakerChanged] = []

    def receive(self, change: BreakerChanged, **_: object) -> None:
        self.changes.append(change)

    @property
    def kinds(self) -> list[str]:
        return [str(change.kind) for change in self.changes]
