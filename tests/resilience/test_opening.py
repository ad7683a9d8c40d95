"""When a closed circuit opens, and for how long."""

import pytest

from payments.resilience.policy import Policy
from payments.resilience.storage import BreakerState
from tests.resilience.callers import Caller, Clock, Heard
from tests.resilience.conftest import MakeCaller, OpenStore

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN


def test_nine_failures_are_too_few_to_judge_and_the_tenth_opens(
    caller: Caller, heard: Heard
) -> None:
    caller.fail(9)
    assert caller.state is CLOSED
    caller.fail()
    assert caller.state is OPEN
    assert [(c.kind, c.reason, c.generation) for c in heard.changes] == [
        ("opened", "error-rate", 1)
    ]
    assert heard.changes[0].error_rate == 100


def test_exactly_half_opens_and_less_does_not(make_caller: MakeCaller) -> None:
    less, half = make_caller(), make_caller()
    less.succeed(6)
    less.fail(5)
    assert less.state is CLOSED
    less.breaker.reset()
    half.succeed(5)
    half.fail(4)
    assert half.state is CLOSED
    half.fail()
    assert half.state is OPEN


def test_a_success_can_be_the_result_that_opens(caller: Caller) -> None:
    caller.fail(9)
    caller.succeed()
    assert caller.state is OPEN


def test_refused_calls_are_told_when_to_come_back_and_are_never_sent(
    caller: Caller, clock: Clock
) -> None:
    caller.open_up()
    clock.go(12)
    refusal = caller.refusal()
    assert refusal is not None
    assert (refusal.name, refusal.reason) == ("target", "open")
    assert refusal.retry_after.total_seconds() == 18
    totals = caller.breaker.statistics().totals
    assert (totals.rejects, totals.successes) == (1, 0)


@pytest.mark.parametrize(
    ("minimum", "volume", "quorum"), [(10, None, 10), (None, 20, 20), (10, 20, 20), (30, 20, 30)]
)
def test_of_two_gates_the_larger_holds(
    make_caller: MakeCaller, minimum: int | None, volume: int | None, quorum: int
) -> None:
    caller = make_caller(Policy(minimum_requests=minimum, volume_threshold=volume))
    caller.fail(quorum - 1)
    assert caller.state is CLOSED
    caller.fail()
    assert caller.state is OPEN


def test_refused_calls_are_not_among_the_completed(caller: Caller, clock: Clock) -> None:
    caller.open_up()
    for _ in range(20):
        assert caller.is_refused()
    clock.go(30)
    caller.succeed()
    caller.fail(9)
    assert caller.state is CLOSED


def test_exactly_ten_seconds_are_not_slow(caller: Caller) -> None:
    caller.succeed(30, seconds=10)
    assert caller.state is CLOSED
    assert caller.breaker.statistics().totals.slow == 0
    caller.succeed(seconds=10.000001)
    assert caller.breaker.statistics().totals.slow == 1


def test_slow_successes_alone_open(make_caller: MakeCaller, clock: Clock, heard: Heard) -> None:
    caller = make_caller()
    # Ten in flight at once, for one after the other they would leave the window.
    passages = [caller.breaker.calling() for _ in range(10)]
    for passage in passages:
        passage.__enter__()
    clock.go(10.5)
    for passage in passages:
        assert caller.state is CLOSED
        passage.__exit__(None, None, None)
    assert caller.state is OPEN
    assert [change.reason for change in heard.changes] == ["slow-rate"]


def test_the_slow_rule_can_be_switched_off(make_caller: MakeCaller, clock: Clock) -> None:
    caller = make_caller(Policy(slow_rate=101))
    passages = [caller.breaker.calling() for _ in range(10)]
    for passage in passages:
        passage.__enter__()
    clock.go(11)
    for passage in passages:
        passage.__exit__(None, None, None)
    assert caller.state is CLOSED


def test_a_failure_leaves_the_window_after_ten_seconds_and_no_sooner(
    caller: Caller, clock: Clock
) -> None:
    caller.fail(5)
    clock.go(9.999)
    assert caller.breaker.statistics().rolling.failures == 5
    clock.go(0.001)
    assert caller.breaker.statistics().rolling.failures == 0
    caller.fail(5)
    assert caller.state is CLOSED


def test_a_bucket_that_comes_round_again_starts_empty(caller: Caller, clock: Clock) -> None:
    for _ in range(25):
        caller.succeed(seconds=0.25)
        clock.go(0.75)
    statistics = caller.breaker.statistics()
    assert statistics.rolling.successes == 9  # the tenth bucket has just begun
    assert statistics.totals.successes == 25


def test_after_an_idle_hour_the_window_is_empty(caller: Caller, clock: Clock) -> None:
    caller.fail(9)
    clock.go(3600)
    statistics = caller.breaker.statistics()
    assert (statistics.rolling.failures, statistics.latency.p99.total_seconds()) == (0, 0)
    caller.fail(9)
    assert caller.state is CLOSED


def test_each_opening_lasts_twice_as_long_until_a_close_puts_it_back(
    caller: Caller, clock: Clock
) -> None:
    caller.open_up()
    lasted = []
    for _ in range(3):
        refusal = caller.refusal()
        assert refusal is not None
        lasted.append(refusal.retry_after.total_seconds())
        clock.go(lasted[-1])
        caller.fail()
    assert lasted == [30, 60, 60]
    clock.go(60)
    caller.succeed()
    assert caller.state is CLOSED
    caller.open_up()
    refusal = caller.refusal()
    assert refusal is not None
    assert refusal.retry_after.total_seconds() == 30


def test_two_names_are_two_circuits(make_caller: MakeCaller, open_store: OpenStore) -> None:
    paypal = make_caller(store=open_store(name="paypal"))
    stripe = make_caller(store=open_store(name="stripe"))
    paypal.open_up()
    stripe.succeed()
    assert stripe.state is CLOSED
