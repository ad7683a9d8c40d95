"""A clock that is set back or forward must neither keep a circuit open nor judge by old news."""

from payments.resilience.storage import BreakerState
from tests.resilience.callers import Caller, Clock

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN


def seconds_to_wait(caller: Caller) -> float:
    refusal = caller.refusal()
    assert refusal is not None
    return refusal.retry_after.total_seconds()


def test_set_back_five_seconds_time_stands_still(caller: Caller, clock: Clock) -> None:
    caller.open_up()
    clock.go(10)
    assert seconds_to_wait(caller) == 20
    clock.go(-5)
    assert seconds_to_wait(caller) == 20
    clock.go(5)
    assert seconds_to_wait(caller) == 20
    clock.go(1)
    assert seconds_to_wait(caller) == 19


def test_set_back_a_little_the_window_is_kept(caller: Caller, clock: Clock) -> None:
    caller.fail(9)
    clock.go(-5)
    caller.fail()
    assert caller.state is OPEN


def test_set_back_an_hour_everything_moves_with_it(caller: Caller, clock: Clock) -> None:
    caller.open_up()
    clock.go(10)
    assert seconds_to_wait(caller) == 20
    clock.go(-3600)
    assert seconds_to_wait(caller) == 20
    clock.go(20)
    assert not caller.is_refused()
    statistics = caller.breaker.statistics()
    assert statistics.uptime == 0  # closed for none of the thirty seconds that really passed


def test_set_back_an_hour_the_window_begins_anew(caller: Caller, clock: Clock) -> None:
    caller.fail(9)
    clock.go(-3600)
    caller.fail()
    assert caller.state is CLOSED
    assert caller.breaker.statistics().rolling.failures == 1


def test_set_back_an_hour_leases_end_when_they_would_have(caller: Caller, clock: Clock) -> None:
    caller.open_up()
    clock.go(30)
    for _ in range(5):
        caller.breaker.enter()
    clock.go(-3600)
    assert caller.is_refused()
    clock.go(34.9)
    assert caller.is_refused()
    clock.go(0.1)
    assert not caller.is_refused()


def test_an_hour_ahead_is_an_idle_hour(caller: Caller, clock: Clock) -> None:
    caller.open_up()
    clock.go(3600)
    caller.succeed()
    assert caller.state is CLOSED
