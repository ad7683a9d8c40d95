"""A deadline around retries around a breaker: what a caller may believe in the end."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from payments.resilience.breaker import Breaker
from payments.resilience.errors import CallRefused, DeadlineExceeded
from payments.resilience.guard import Guard
from payments.resilience.memory import MemoryStore
from payments.resilience.policy import Policy
from payments.resilience.retry import RetryPolicy
from payments.resilience.storage import BreakerState
from tests.resilience.callers import Clock


class Unsent(Exception):
    """Nothing left."""


class Lost(Exception):
    """Sent, and no answer."""


class Busy(Exception):
    retry_after = timedelta(seconds=3)


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    policy = Policy(request_timeout=timedelta(seconds=30))
    return Breaker(MemoryStore("target", policy.limits(), clock), policy, timer=clock.nanoseconds)


@pytest.fixture
def guard(breaker: Breaker, clock: Clock) -> Guard:
    return Guard(
        breaker,
        budget=timedelta(seconds=45),
        retry=RetryPolicy(attempts=3),
        may_repeat=lambda error: isinstance(error, Unsent | Lost | Busy),
        was_not_sent=lambda error: isinstance(error, Unsent),
        timer=clock.seconds,
        sleep=clock.go,
        luck=lambda: 1.0,
    )


class Target:
    """Ends each attempt as the script says, after so many seconds."""

    def __init__(self, clock: Clock, *script: tuple[float, Any]) -> None:
        self._clock, self._script = clock, list(script)
        self.limits: list[float] = []

    def __call__(self, limit: timedelta) -> Any:
        self.limits.append(limit.total_seconds())
        seconds, end = self._script.pop(0)
        self._clock.go(seconds)
        if isinstance(end, Exception):
            raise end
        return end


def test_a_result_is_a_result(guard: Guard, clock: Clock) -> None:
    target = Target(clock, (1, "done"))
    assert guard.call(target) == "done"
    assert target.limits == [30]


def test_every_attempt_passes_the_breaker_and_shares_one_budget(
    guard: Guard, breaker: Breaker, clock: Clock
) -> None:
    target = Target(clock, (30, Lost()), (1, Lost()), (1, "done"))
    assert guard.call(target) == "done"
    assert target.limits == [30, 14.5, 12.5]
    totals = breaker.statistics().totals
    assert (totals.fires, totals.failures, totals.successes) == (3, 2, 1)


def test_the_last_error_is_the_callers_own(guard: Guard, clock: Clock) -> None:
    errors = [Lost("first"), Lost("second"), Lost("third")]
    with pytest.raises(Lost) as raised:
        guard.call(Target(clock, *((1, error) for error in errors)))
    assert raised.value is errors[-1]


def test_what_may_not_be_repeated_is_not(guard: Guard, clock: Clock) -> None:
    target = Target(clock, (1, ValueError("no")), (1, "done"))
    with pytest.raises(ValueError, match="no"):
        guard.call(target)


def test_a_target_is_given_the_time_it_asks_for(guard: Guard, clock: Clock) -> None:
    before = clock.seconds()
    assert guard.call(Target(clock, (0, Busy()), (0, "done"))) == "done"
    assert clock.seconds() - before == 3.5


def test_no_attempt_begins_for_which_no_time_is_left(guard: Guard, clock: Clock) -> None:
    target = Target(clock, (45, Lost("slow")), (1, "done"))
    with pytest.raises(Lost):
        guard.call(target)
    assert len(target.limits) == 1


def test_a_refusal_is_not_waited_for(guard: Guard, breaker: Breaker, clock: Clock) -> None:
    breaker.open()
    before = clock.now
    with pytest.raises(CallRefused):
        guard.call(Target(clock, (1, "done")))
    assert clock.now == before


def opens_first(breaker: Breaker) -> Callable[[float], None]:
    def instead_of_sleeping(_: float) -> None:
        breaker.open()

    return instead_of_sleeping


def test_a_refusal_of_the_second_attempt_does_not_unsay_the_first(
    guard: Guard, breaker: Breaker, clock: Clock
) -> None:
    impatient = Guard(
        breaker,
        budget=guard.budget,
        retry=guard.retry,
        may_repeat=guard.may_repeat,
        was_not_sent=guard.was_not_sent,
        timer=clock.seconds,
        sleep=opens_first(breaker),
    )
    with pytest.raises(Lost):
        impatient.call(Target(clock, (1, Lost())))
    assert breaker.current_state == BreakerState.OPEN


def test_not_sent_the_second_time_does_not_unsay_the_first(guard: Guard, clock: Clock) -> None:
    cause = ConnectionError("reset")
    lost = Lost()
    lost.__cause__ = cause
    with pytest.raises(Lost) as raised:
        guard.call(Target(clock, (1, lost), (1, Unsent()), (1, Unsent())))
    assert raised.value.__cause__ is cause


def test_never_sent_at_all_is_not_sent(guard: Guard, clock: Clock) -> None:
    with pytest.raises(Unsent):
        guard.call(Target(clock, (1, Unsent()), (1, Unsent()), (1, Unsent())))


def test_without_any_time_nothing_is_tried(breaker: Breaker, clock: Clock) -> None:
    guard = Guard(breaker, budget=timedelta(0), timer=clock.seconds)
    with pytest.raises(DeadlineExceeded):
        guard.call(Target(clock))
    assert breaker.statistics().totals.fires == 0
