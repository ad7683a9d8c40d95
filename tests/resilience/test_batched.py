"""A breaker that is well asks Redis once for many calls, and nothing bad waits for that."""

from collections.abc import Callable
from typing import Any

import pytest

from payments.resilience import batched
from payments.resilience.batched import FRESH_FOR, MOST, BatchedStore
from payments.resilience.breaker import Breaker
from payments.resilience.controls import Control, Mode
from payments.resilience.memory import MemoryStore
from payments.resilience.policy import Policy
from payments.resilience.resilient import Link, ResilientStore
from payments.resilience.shared import RedisStore
from payments.resilience.storage import BreakerState, Outcome, Reply
from tests.resilience.callers import Caller, Clock, WrittenControls
from tests.resilience.servers import CAN_SHARE, PrivateRedis
from tests.resilience.test_parity import Answer, History, _anywhere, policy_of
from tests.resilience.test_processes import in_child

Join = Callable[..., Caller]
FRESH_SECONDS = FRESH_FOR / 1_000_000_000


@pytest.fixture(autouse=True, params=["batched"] if CAN_SHARE else [])
def _on_redis() -> None:
    """Where none can be had, there is nothing to batch."""


@pytest.fixture
def join(lent_redis: str, prefix: str, clock: Clock, controls: WrittenControls) -> Join:
    """One more process that shares the breaker, as far as a store can tell."""

    def joined(**facts: Any) -> Caller:
        policy = Policy(**facts)
        store = BatchedStore(
            "target", policy.limits(), lent_redis, prefix, clock, clock.nanoseconds
        )
        return Caller(Breaker(store, policy, controls=controls, timer=clock.nanoseconds), clock)

    return joined


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Redis was asked."""
    questions: list[str] = []
    ask = RedisStore._ask

    def counted(self: RedisStore, question: str, *told: str | int) -> Any:
        questions.append(question)
        return ask(self, question, *told)

    monkeypatch.setattr(RedisStore, "_ask", counted)
    return questions


def test_calls_that_go_well_are_told_together(join: Join, asked: list[str]) -> None:
    caller = join()
    caller.succeed(10 * MOST)
    assert asked == ["enter"] + ["settle"] * 10
    totals = caller.breaker.statistics().totals
    assert (totals.fires, totals.successes, totals.in_flight) == (10 * MOST, 10 * MOST, 0)


def test_what_is_known_of_a_calm_circuit_ages(join: Join, asked: list[str], clock: Clock) -> None:
    caller = join()
    caller.succeed(3)
    clock.go(FRESH_SECONDS)
    caller.succeed(3)
    assert asked == ["enter", "settle"]


def test_what_goes_badly_is_told_at_once_after_all_that_was_kept(
    join: Join, asked: list[str]
) -> None:
    caller, other = join(), join()
    caller.succeed(9)
    caller.fail()
    assert asked == ["enter", "settle", "leave"]
    seen = other.breaker.statistics().rolling
    assert (seen.successes, seen.failures) == (9, 1)
    del asked[:]
    caller.succeed(2)
    assert asked == ["enter", "leave"] * 2  # while the window holds a failure, nothing is kept


def test_half_failures_open_it_exactly_as_one_by_one(join: Join) -> None:
    caller = join()
    caller.succeed(10)
    caller.fail(9)
    assert not caller.breaker.statistics().totals.opens
    caller.fail()
    assert caller.state is BreakerState.OPEN


def test_slow_calls_are_told_one_by_one(join: Join) -> None:
    caller, other = join(), join()
    caller.succeed(9, seconds=10.1)
    caller.succeed(seconds=10.1)
    assert other.breaker.statistics().totals.slow == 10


def test_what_others_opened_is_heard_in_a_moment(join: Join, clock: Clock) -> None:
    caller, other = join(), join()
    caller.succeed(2)
    other.fail(10)
    assert other.is_refused()
    assert not caller.is_refused()
    clock.go(FRESH_SECONDS)
    assert caller.is_refused()
    statistics = caller.breaker.statistics()
    # What was not told by then is late: it has no say in the new state.
    assert (statistics.totals.late, statistics.totals.in_flight) == (3, 0)


def test_an_order_is_heard_although_all_is_calm(
    join: Join, clock: Clock, controls: WrittenControls
) -> None:
    caller = join()
    caller.succeed(2)
    controls.rows["target"] = Control(Mode.FORCED_OPEN, version=1)
    caller.breaker.obey()
    assert caller.is_refused()


def test_what_was_kept_counts_in_its_own_time(join: Join, clock: Clock) -> None:
    caller = join()
    caller.succeed(5)
    clock.go(9.5)
    caller.succeed()
    assert caller.breaker.statistics().rolling.successes == 6
    clock.go(0.5)
    statistics = caller.breaker.statistics()
    assert (statistics.rolling.successes, statistics.totals.successes) == (1, 6)


def test_older_than_the_window_it_counts_for_life_alone(join: Join, clock: Clock) -> None:
    caller, other = join(), join()
    caller.succeed(5)
    clock.go(60)
    caller.succeed()
    seen = other.breaker.statistics()
    assert (seen.rolling.successes, seen.totals.successes, seen.totals.late) == (0, 5, 0)
    assert caller.breaker.statistics().rolling.successes == 1


def test_at_the_end_of_a_process_everything_is_told(join: Join) -> None:
    caller, other = join(), join()
    caller.succeed(5)
    assert other.breaker.statistics().totals.successes == 0
    batched.tell_all()
    assert other.breaker.statistics().totals.successes == 5


def test_a_child_does_not_tell_what_its_parent_kept(join: Join) -> None:
    caller, other = join(), join()
    caller.succeed(5)
    assert in_child(lambda: caller.breaker.statistics().totals.successes == 0)
    assert caller.breaker.statistics().totals.successes == 5
    assert other.breaker.statistics().totals.fires == 5


def test_what_was_kept_when_redis_hung_is_told_no_second_time(
    mortal_redis: PrivateRedis, prefix: str, clock: Clock
) -> None:
    policy, timer = Policy(), clock.nanoseconds
    limits = policy.limits()
    shared = BatchedStore("target", limits, mortal_redis.address, prefix, clock, timer)
    local = MemoryStore("target", limits, clock)
    store = ResilientStore(shared, local, Link(timer), timer)
    caller = Caller(Breaker(store, policy, timer=timer), clock)
    caller.succeed(5)
    in_flight = caller.breaker.enter()
    mortal_redis.freeze()
    clock.go(FRESH_SECONDS)
    caller.succeed(5)
    mortal_redis.thaw()
    clock.go(2)
    caller.breaker.leave(in_flight, Outcome.SUCCESS, 5, None)
    caller.succeed()
    totals = caller.breaker.statistics().totals
    # Once awake it found our question; nobody had waited for the answer.
    assert (totals.successes, totals.in_flight) == (7, 0)


@pytest.mark.parametrize("seed", range(20))
def test_whoever_calls_alone_is_answered_as_without_batches(
    seed: int, lent_redis: str, prefix: str
) -> None:
    """Nobody looks in between, so batches are told late; in the end the books are the same."""
    limits = policy_of(seed).limits()
    for_memory, for_redis = Clock(), Clock()
    store = BatchedStore("target", limits, lent_redis, prefix, for_redis, for_redis.nanoseconds)
    mine = ForwardHistory(MemoryStore("target", limits, for_memory), for_memory, seed)
    theirs = ForwardHistory(store, for_redis, seed)
    for _ in range(300):
        assert theirs.step() == mine.step()
    assert theirs.store.read().totals == mine.store.read().totals


class ForwardHistory(History):
    """One whose clock never goes back, as a process's own does not; mostly healthy."""

    def __init__(self, *facts: Any) -> None:
        super().__init__(*facts)
        self.health = self.random.choice([0.9, 0.99, 1])

    def step(self) -> Answer:
        self.clock.go(self.random.choices([0, 0.02, 0.3, 1, 9.999, 31], [60, 30, 5, 2, 1, 1])[0])
        answer = _anywhere(self._ask())
        if not isinstance(answer, Reply):
            return answer
        # A batch counts where its last call ended, so one that ends a bucket may leave it later.
        changes = tuple(change._replace(completed=0) for change in answer.changes)
        return answer._replace(changes=changes)
