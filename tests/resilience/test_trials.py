"""An open circuit asks a few trials whether it may close; what is late has no say."""

from datetime import timedelta

from payments.resilience.policy import Policy
from payments.resilience.storage import BreakerState, Outcome
from tests.resilience.callers import Caller, Clock, Heard
from tests.resilience.conftest import MakeCaller

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
LEASE_SECONDS = 35


def ready_for_trial(caller: Caller) -> Caller:
    caller.open_up()
    caller.clock.go(30)
    return caller


def test_one_good_trial_closes(caller: Caller, heard: Heard) -> None:
    ready_for_trial(caller).succeed()
    assert caller.state is CLOSED
    assert heard.kinds == ["opened", "half_open", "closed"]
    assert [change.generation for change in heard.changes] == [1, 2, 3]
    assert caller.breaker.statistics().rolling.failures == 0  # it begins with an empty window


def test_as_many_good_trials_as_the_policy_wants(make_caller: MakeCaller) -> None:
    caller = ready_for_trial(make_caller(Policy(half_open_successes=3)))
    caller.succeed(2)
    assert caller.state is HALF_OPEN
    caller.succeed()
    assert caller.state is CLOSED


def test_a_failed_trial_opens_again(caller: Caller, heard: Heard) -> None:
    ready_for_trial(caller).fail()
    assert caller.state is OPEN
    assert [change.reason for change in heard.changes] == ["error-rate", "time", "trial-failed"]


def test_a_slow_trial_opens_again_though_it_succeeded(caller: Caller, heard: Heard) -> None:
    ready_for_trial(caller).succeed(seconds=10.5)
    assert caller.state is OPEN
    assert heard.changes[-1].reason == "trial-slow"


def test_opened_by_hand_when_its_time_is_over_it_lets_no_trial_pass(
    caller: Caller, heard: Heard
) -> None:
    ready_for_trial(caller).breaker.open()
    assert caller.is_refused()
    assert [change.reason for change in heard.changes] == ["error-rate", "manual"]
    caller.breaker.open()
    assert caller.breaker.statistics().totals.opens == 2  # it is open; there is nothing to do
    caller.clock.go(60)
    assert not caller.is_refused()


def test_a_sixth_trial_at_once_is_refused(caller: Caller) -> None:
    ready_for_trial(caller)
    trials = [caller.breaker.enter() for _ in range(5)]
    assert len({trial.probe for trial in trials}) == 5
    refusal = caller.refusal()
    assert refusal is not None
    assert refusal.reason == "half-open"
    caller.breaker.leave(trials[0], Outcome.IGNORED, 0, None)
    assert not caller.is_refused()


def test_a_trial_that_died_frees_its_place_when_its_lease_ends(
    caller: Caller, clock: Clock
) -> None:
    ready_for_trial(caller)
    for _ in range(5):
        caller.breaker.enter()
    clock.go(LEASE_SECONDS - 0.000001)
    assert caller.is_refused()
    clock.go(0.000001)
    assert not caller.is_refused()
    statistics = caller.breaker.statistics()
    assert statistics.totals.lease_expired == 5
    assert (statistics.totals.failures, statistics.totals.successes) == (10, 1)


def test_trials_of_another_time_take_no_place(make_caller: MakeCaller, clock: Clock) -> None:
    shorter_than_a_lease = timedelta(seconds=30)
    caller = ready_for_trial(make_caller(Policy(longest_reset_timeout=shorter_than_a_lease)))
    for _ in range(4):
        caller.breaker.enter()
    caller.fail()
    clock.go(30)
    assert not caller.is_refused()
    assert caller.breaker.statistics().probes == 0


def test_what_a_trial_says_after_its_lease_is_late(make_caller: MakeCaller, clock: Clock) -> None:
    caller = ready_for_trial(make_caller(Policy(half_open_successes=2)))
    trial = caller.breaker.enter()
    clock.go(LEASE_SECONDS)
    caller.breaker.leave(trial, Outcome.FAILURE, 5, None)
    statistics = caller.breaker.statistics()
    assert statistics.state is HALF_OPEN
    assert statistics.totals.late == 1


def test_a_success_from_before_does_not_close(caller: Caller, clock: Clock) -> None:
    from_before = caller.breaker.enter()
    ready_for_trial(caller)
    trial = caller.breaker.enter()
    caller.breaker.leave(from_before, Outcome.SUCCESS, 5, None)
    statistics = caller.breaker.statistics()
    assert (statistics.state, statistics.totals.late, statistics.rolling.successes) == (
        HALF_OPEN,
        1,
        0,
    )
    caller.breaker.leave(trial, Outcome.SUCCESS, 5, None)
    assert caller.state is CLOSED


def test_a_failure_from_before_neither_opens_again_nor_makes_it_last(
    caller: Caller, clock: Clock
) -> None:
    early, later = caller.breaker.enter(), caller.breaker.enter()
    caller.open_up()
    clock.go(20)
    caller.breaker.leave(early, Outcome.FAILURE, 5, None)
    refusal = caller.refusal()
    assert refusal is not None
    assert refusal.retry_after.total_seconds() == 10
    clock.go(10)
    caller.succeed()
    caller.breaker.leave(later, Outcome.FAILURE, 5, None)
    assert caller.state is CLOSED
    assert caller.breaker.statistics().rolling.failures == 0


def test_an_ignored_trial_gives_its_place_back_and_changes_nothing(caller: Caller) -> None:
    ready_for_trial(caller)
    trial = caller.breaker.enter()
    before = caller.breaker.statistics()
    caller.breaker.leave(trial, Outcome.IGNORED, 5, None)
    after = caller.breaker.statistics()
    assert (before.probes, after.probes) == (1, 0)
    assert (after.state, after.rolling, after.totals.ignored) == (HALF_OPEN, before.rolling, 1)


def test_resetting_forgets_calls_in_flight_and_keeps_the_totals(
    caller: Caller, heard: Heard
) -> None:
    in_flight = [caller.breaker.enter() for _ in range(9)]
    caller.fail(5)
    caller.breaker.reset()
    for permit in in_flight:
        caller.breaker.leave(permit, Outcome.FAILURE, 5, None)
    caller.fail()
    statistics = caller.breaker.statistics()
    assert (statistics.state, statistics.rolling.failures) == (CLOSED, 1)
    assert (statistics.totals.failures, statistics.totals.late) == (15, 9)
    assert heard.kinds == ["reset"]


def test_resetting_an_open_circuit_is_a_close_too(caller: Caller, heard: Heard) -> None:
    caller.open_up()
    caller.breaker.reset()
    assert not caller.is_refused()
    assert heard.kinds == ["opened", "reset", "closed"]
    assert caller.breaker.statistics().totals.closes == 1


def test_by_hand_it_opens_half_opens_and_closes(caller: Caller, heard: Heard) -> None:
    caller.breaker.open()
    assert caller.is_refused()
    caller.breaker.half_open()
    assert caller.state is HALF_OPEN
    caller.breaker.close()
    assert caller.state is CLOSED
    assert heard.kinds == ["opened", "half_open", "reset", "closed"]
