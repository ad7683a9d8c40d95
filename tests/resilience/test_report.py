"""What a breaker tells of itself, in people's units."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from payments.resilience.policy import Policy
from payments.resilience.storage import BreakerState, Scope
from payments.resilience.window import nearest_rank
from tests.resilience.callers import Caller, Clock
from tests.resilience.conftest import MakeCaller

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_breaker_that_was_never_used_is_well(caller: Caller) -> None:
    statistics = caller.breaker.statistics()
    assert (statistics.state, statistics.generation) == (BreakerState.CLOSED, 0)
    assert (statistics.error_rate, statistics.success_rate, statistics.uptime) == (0, 100, 100)
    assert (statistics.throughput, statistics.last_failure_at, statistics.next_retry_at) == (
        0,
        None,
        None,
    )


def test_rates_are_of_completed_calls(caller: Caller, clock: Clock) -> None:
    caller.succeed(3, seconds=0.5)
    caller.fail(1, seconds=0.5)
    statistics = caller.breaker.statistics()
    assert (statistics.error_rate, statistics.success_rate, statistics.slow_rate) == (25, 75, 0)
    assert statistics.throughput == 2  # four in two seconds
    clock.go(6)
    assert caller.breaker.statistics().throughput == 0.5


def test_a_first_second_counts_whole(caller: Caller) -> None:
    caller.succeed(4)
    assert caller.breaker.statistics().throughput == 4


def test_durations_have_a_mean_and_ranks(caller: Caller) -> None:
    for milliseconds in range(1, 101):
        caller.succeed(seconds=milliseconds / 1000)
    latency = caller.breaker.statistics().latency
    assert latency.mean == timedelta(microseconds=50_500)
    ranks = [rank / timedelta(milliseconds=1) for rank in (latency.p50, latency.p95, latency.p99)]
    assert ranks == [50, 95, 99]


def test_durations_leave_the_window_with_their_calls(caller: Caller, clock: Clock) -> None:
    caller.succeed(seconds=0.9)
    clock.go(8)
    caller.succeed(seconds=0.2)
    clock.go(1)
    latency = caller.breaker.statistics().latency
    assert (latency.p99, latency.mean) == (timedelta(seconds=0.2), timedelta(seconds=0.2))


def test_no_more_samples_are_kept_than_the_policy_says(make_caller: MakeCaller) -> None:
    caller = make_caller(Policy(samples=3))
    for seconds in (0.4, 0.1, 0.1, 0.1):
        caller.succeed(seconds=seconds)
    latency = caller.breaker.statistics().latency
    assert (latency.p99, latency.mean) == (timedelta(seconds=0.1), timedelta(seconds=0.175))


def test_uptime_is_the_time_in_which_it_was_closed(caller: Caller, clock: Clock) -> None:
    caller.succeed()
    clock.go(60)
    caller.open_up()
    clock.go(30)
    caller.succeed()
    clock.go(30)
    assert caller.breaker.statistics().uptime == 75


@time_machine.travel(NOON, tick=False)
def test_moments_are_in_this_process_clock(caller: Caller, clock: Clock) -> None:
    caller.open_up()
    clock.go(20)
    statistics = caller.breaker.statistics()
    assert statistics.last_failure_at == NOON - timedelta(seconds=20)
    assert statistics.next_retry_at == NOON + timedelta(seconds=10)
    assert caller.breaker._store.opened_at == NOON - timedelta(seconds=20)


def test_it_says_over_whom_its_numbers_hold(caller: Caller, request: pytest.FixtureRequest) -> None:
    on_redis = "memory" not in request.node.name
    expected = Scope.SHARED if on_redis else Scope.PROCESS
    assert caller.breaker.statistics().scope is expected


def test_the_window_is_told_piece_by_piece_too(caller: Caller, clock: Clock) -> None:
    caller.fail(2)
    clock.go(3)
    caller.succeed(3)
    clock.go(6)
    caller.fail()
    now = caller.breaker.statistics()
    told = [(counts.failures, counts.successes) for counts in now.buckets]
    assert told == [(2, 0), (0, 0), (0, 0), (0, 3), *[(0, 0)] * 5, (1, 0)]
    clock.go(1)
    told = [(counts.failures, counts.successes) for counts in caller.breaker.statistics().buckets]
    assert told == [(0, 0), (0, 0), (0, 3), *[(0, 0)] * 5, (1, 0), (0, 0)]


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=300), st.integers(1, 100))
def test_a_rank_is_a_sample_with_enough_below(samples: list[int], percentile: int) -> None:
    ordered = sorted(samples)
    rank = nearest_rank(ordered, percentile)
    assert sum(each <= rank for each in ordered) * 100 >= percentile * len(ordered)
    assert sum(each < rank for each in ordered) * 100 < percentile * len(ordered)


@pytest.mark.parametrize(
    "facts",
    [
        {"buckets": 0},
        {"half_open_max": 0},
        {"minimum_requests": -1},
        {"window": timedelta(0)},
        {"window": timedelta(microseconds=5)},
        {"error_rate": 0},
        {"error_rate": 101},
        {"slow_rate": 0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(facts: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="A breaker"):
        Policy(**facts)  # type: ignore[arg-type]
