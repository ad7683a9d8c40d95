"""Redis dies, hangs, forgets and comes back; no call is lost by it and no open circuit closes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis

from payments.resilience.breaker import Breaker
from payments.resilience.controls import Control, Mode
from payments.resilience.policy import Policy
from payments.resilience.resilient import Link
from payments.resilience.shared import RedisStore
from payments.resilience.storage import BreakerState, Outcome, Scope
from tests.resilience.callers import Caller, Clock, Heard, WrittenControls, logged_in
from tests.resilience.servers import CAN_SHARE, PrivateRedis
from tests.resilience.stores import SHARED_STORES, shared_store

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
Join = Callable[..., Caller]


@pytest.fixture(params=SHARED_STORES if CAN_SHARE else [])
def join(
    request: pytest.FixtureRequest,
    mortal_redis: PrivateRedis,
    prefix: str,
    clock: Clock,
    controls: WrittenControls,
) -> Join:
    """One more process that shares the breaker, as far as a store can tell."""

    def joined(link: Link | None = None, **facts: Any) -> Caller:
        policy = Policy(**facts)
        store = shared_store(request.param, policy, mortal_redis.address, prefix, clock, link)
        return Caller(Breaker(store, policy, controls=controls, timer=clock.nanoseconds), clock)

    return joined


def scope_of(caller: Caller) -> Scope:
    return caller.breaker.statistics().scope


def kill(server: PrivateRedis, clock: Clock) -> None:
    """And wait until nobody still believes what it said last."""
    server.kill()
    clock.go(0.1)


def bring_back(server: PrivateRedis, clock: Clock) -> None:
    server.start()
    clock.go(2)


def test_what_one_counts_the_other_sees(join: Join) -> None:
    one, other = join(), join()
    one.fail(9)
    other.fail()
    assert (one.state, other.state, scope_of(other)) == (OPEN, OPEN, Scope.SHARED)
    assert one.is_refused()


def test_killed_calls_go_on_and_failures_still_open(
    join: Join, mortal_redis: PrivateRedis, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caller = join()
    caller.succeed()
    kill(mortal_redis, clock)
    caller.fail(10)
    assert caller.is_refused()
    assert scope_of(caller) is Scope.PROCESS
    assert "breaker_store_degraded" in logged_in(caplog)


def test_hung_it_is_waited_for_once_in_two_seconds(
    join: Join, mortal_redis: PrivateRedis, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = RedisStore._ask

    def counted(self: RedisStore, question: str, *told: str | int) -> Any:
        asked.append(question)
        return ask(self, question, *told)

    monkeypatch.setattr(RedisStore, "_ask", counted)
    link = Link(clock.nanoseconds)
    one, other = join(link), join(link)
    mortal_redis.freeze()
    one.succeed(20)
    other.succeed(20)
    assert asked == ["enter"]
    clock.go(2)
    other.succeed(20)
    assert asked == ["enter", "enter"]
    mortal_redis.thaw()
    clock.go(2)
    other.succeed()
    assert scope_of(other) is Scope.SHARED


def test_flushed_it_begins_anew_and_calls_in_flight_end_well(
    join: Join, mortal_redis: PrivateRedis, clock: Clock
) -> None:
    caller = join()
    caller.open_up()
    clock.go(30)
    trial = caller.breaker.enter()
    mortal_redis.flush()
    caller.breaker.leave(trial, Outcome.FAILURE, 5, None)
    caller.succeed()
    statistics = caller.breaker.statistics()
    assert (statistics.state, statistics.totals.late, statistics.scope) == (CLOSED, 1, Scope.SHARED)


def test_an_open_circuit_stays_open_when_redis_goes(
    join: Join, mortal_redis: PrivateRedis, clock: Clock, heard: Heard
) -> None:
    caller = join()
    caller.open_up()
    clock.go(10)
    mortal_redis.kill()
    refusal = caller.refusal()
    assert refusal is not None
    assert refusal.retry_after == timedelta(seconds=20)
    assert heard.kinds == ["opened"]  # the same circuit, and no news
    clock.go(20)
    assert not caller.is_refused()


def test_what_others_opened_stays_open_too(
    join: Join, mortal_redis: PrivateRedis, clock: Clock
) -> None:
    caller, onlooker = join(), join()
    caller.open_up()
    clock.go(10)
    assert onlooker.state is OPEN
    mortal_redis.kill()
    refusal = onlooker.refusal()
    assert refusal is not None
    assert refusal.retry_after == timedelta(seconds=20)


def test_an_open_circuit_is_carried_to_where_it_is_shared(
    join: Join, mortal_redis: PrivateRedis, clock: Clock, heard: Heard
) -> None:
    caller, other = join(), join()
    caller.succeed()
    other.succeed()
    kill(mortal_redis, clock)
    caller.fail(10)
    clock.go(10)
    bring_back(mortal_redis, clock)
    refusal = caller.refusal()
    assert refusal is not None
    assert refusal.retry_after == timedelta(seconds=18)
    assert other.is_refused()
    assert [(change.reason, change.scope) for change in heard.changes] == [
        ("error-rate", Scope.PROCESS),
        ("carried", Scope.SHARED),
    ]


def test_counters_are_not_carried(join: Join, mortal_redis: PrivateRedis, clock: Clock) -> None:
    caller = join()
    mortal_redis.kill()
    caller.fail(9)
    bring_back(mortal_redis, clock)
    caller.succeed()
    statistics = caller.breaker.statistics()
    assert (statistics.scope, statistics.totals.failures) == (Scope.SHARED, 0)


def test_a_failed_try_to_come_back_forgets_nothing(
    join: Join, mortal_redis: PrivateRedis, clock: Clock
) -> None:
    caller = join()
    mortal_redis.kill()
    for _ in range(4):
        caller.fail(2)
        clock.go(2)
    caller.fail(2)
    assert caller.is_refused()


def test_a_permit_whose_redis_is_gone_is_late(
    join: Join, mortal_redis: PrivateRedis, clock: Clock
) -> None:
    caller = join()
    caller.breaker.reset()  # so that both stores would call this generation the first
    permit = caller.breaker.enter()
    mortal_redis.kill()
    caller.breaker.leave(permit, Outcome.FAILURE, 5, None)
    totals = caller.breaker.statistics().totals
    assert (totals.late, totals.failures) == (1, 1)


def test_while_one_waits_for_redis_nobody_else_does(clock: Clock) -> None:
    link = Link(clock.nanoseconds)
    link.lost(redis.ConnectionError())
    assert not link.may_ask()
    clock.go(2)
    assert [link.may_ask() for _ in range(3)] == [True, False, False]
    clock.go(2)
    assert link.may_ask()


def test_a_permit_of_lonely_times_has_no_say_when_they_are_over(
    join: Join, mortal_redis: PrivateRedis, clock: Clock, heard: Heard
) -> None:
    caller = join()
    mortal_redis.kill()
    permits = [caller.breaker.enter() for _ in range(10)]
    bring_back(mortal_redis, clock)
    caller.succeed()
    for permit in permits:
        caller.breaker.leave(permit, Outcome.FAILURE, 5, None)
    assert caller.state is CLOSED
    assert heard.changes == []


def test_it_starts_without_redis(join: Join, mortal_redis: PrivateRedis, clock: Clock) -> None:
    mortal_redis.kill()
    caller = join()
    assert caller.breaker.current_state == "closed"
    caller.succeed()
    assert scope_of(caller) is Scope.PROCESS
    bring_back(mortal_redis, clock)
    caller.succeed()
    assert scope_of(caller) is Scope.SHARED


def test_forced_open_survives_flush_loss_return_and_time(
    join: Join,
    mortal_redis: PrivateRedis,
    clock: Clock,
    controls: WrittenControls,
    heard: Heard,
) -> None:
    caller = join()
    caller.succeed()
    controls.rows["target"] = Control(Mode.FORCED_OPEN, version=1)
    caller.breaker.obey()
    assert caller.is_refused()
    mortal_redis.flush()
    assert caller.is_refused()
    mortal_redis.kill()
    for _ in range(3):
        assert caller.is_refused()
        clock.go(3600)
    bring_back(mortal_redis, clock)
    assert caller.is_refused()
    assert join().is_refused()  # and a restart
    assert heard.kinds == ["forced"]


def test_released_while_redis_was_away(
    join: Join, mortal_redis: PrivateRedis, clock: Clock, controls: WrittenControls
) -> None:
    caller = join()
    controls.rows["target"] = Control(Mode.FORCED_OPEN, version=1)
    assert caller.is_refused()
    mortal_redis.kill()
    assert caller.is_refused()
    controls.rows["target"] = Control(version=2)
    clock.go(2)
    assert not caller.is_refused()
    bring_back(mortal_redis, clock)
    assert not caller.is_refused()


def test_what_is_read_and_counted_by_the_way_needs_no_redis(
    join: Join, mortal_redis: PrivateRedis
) -> None:
    caller = join()
    caller.succeed()
    mortal_redis.kill()
    assert scope_of(caller) is Scope.PROCESS
    caller.breaker.open()
    assert caller.state is OPEN
    caller.breaker.half_open()
    caller.breaker.reset()
    assert caller.state is CLOSED
