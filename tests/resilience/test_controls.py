"""Operators' words: kept by rows that survive every store, obeyed within two seconds."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from payments.resilience.controls import Control, ControlsUnreadable, Mode, Orders
from payments.resilience.storage import BreakerState, Outcome
from tests.resilience.callers import Caller, Clock, Heard, WrittenControls
from tests.resilience.conftest import MakeCaller, OpenStore

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def write(controls: WrittenControls, version: int, mode: Mode, **facts: object) -> None:
    controls.rows["target"] = Control(mode, version=version, **facts)  # type: ignore[arg-type]


def test_forced_open_refuses_whatever_the_time(
    caller: Caller, controls: WrittenControls, clock: Clock, heard: Heard
) -> None:
    caller.succeed()
    write(controls, 1, Mode.FORCED_OPEN)
    clock.go(2)
    for _ in range(3):
        refusal = caller.refusal()
        assert refusal is not None
        assert refusal.reason == "forced-open"
        clock.go(24 * 3600)
    assert heard.kinds == ["forced"]
    assert caller.breaker.statistics().next_retry_at is None


def test_a_word_is_heard_within_two_seconds_and_at_once_when_asked(
    caller: Caller, controls: WrittenControls, clock: Clock
) -> None:
    caller.succeed()
    write(controls, 1, Mode.FORCED_OPEN)
    clock.go(1.999)
    caller.succeed()
    clock.go(0.001)
    assert caller.is_refused()
    write(controls, 2, Mode.AUTO)
    caller.breaker.obey()
    assert not caller.is_refused()


def test_released_it_is_open_with_its_time_over(
    caller: Caller, controls: WrittenControls, clock: Clock, heard: Heard
) -> None:
    write(controls, 1, Mode.FORCED_OPEN)
    assert caller.is_refused()
    write(controls, 2, Mode.AUTO)
    caller.breaker.obey()
    assert caller.state is OPEN
    caller.fail()
    assert caller.state is OPEN
    assert heard.kinds == ["forced", "half_open", "opened"]


def test_disabled_lets_everything_pass_and_only_counts(
    caller: Caller, controls: WrittenControls, heard: Heard
) -> None:
    caller.open_up()
    write(controls, 1, Mode.DISABLED)
    caller.breaker.obey()
    caller.fail(30)
    statistics = caller.breaker.statistics()
    assert (statistics.totals.rejects, statistics.totals.failures) == (0, 40)
    assert heard.kinds == ["opened", "forced"]


def test_an_order_ends_by_itself(
    caller: Caller, controls: WrittenControls, clock: Clock, heard: Heard
) -> None:
    with time_machine.travel(NOON, tick=False) as traveller:
        write(controls, 1, Mode.FORCED_OPEN, until=NOON + timedelta(minutes=5))
        assert caller.is_refused()
        traveller.shift(timedelta(minutes=5))
        clock.go(300)
        assert not caller.is_refused()
    assert heard.kinds == ["forced", "half_open", "closed"]


def test_a_reset_that_was_written_down_is_obeyed_once(
    caller: Caller, controls: WrittenControls, heard: Heard, clock: Clock
) -> None:
    caller.open_up()
    write(controls, 1, Mode.AUTO, epoch=1)
    clock.go(2)
    for _ in range(3):
        caller.succeed()
        clock.go(2)
    assert heard.kinds == ["opened", "reset", "closed"]


def test_forced_open_survives_a_restart_and_is_no_news_then(
    make_caller: MakeCaller, controls: WrittenControls, heard: Heard
) -> None:
    write(controls, 7, Mode.FORCED_OPEN, epoch=3)
    for _ in range(2):
        assert make_caller().is_refused()
    assert heard.changes == []


def test_a_process_with_an_older_reading_is_not_heard(
    open_store: OpenStore, make_caller: MakeCaller, controls: WrittenControls, heard: Heard
) -> None:
    store = open_store()
    informed, behind = make_caller(store=store), make_caller(store=store)
    informed.succeed()
    behind.succeed()
    write(controls, 1, Mode.FORCED_OPEN)
    informed.breaker.obey()
    assert behind.is_refused()
    assert store.obey(Orders()).changes == ()
    assert informed.is_refused()
    assert heard.kinds == ["forced"]


def test_operators_words_outlive_their_database(
    caller: Caller, controls: WrittenControls, clock: Clock
) -> None:
    write(controls, 1, Mode.FORCED_OPEN)
    assert caller.is_refused()
    controls.trouble = ControlsUnreadable()
    clock.go(60)
    assert caller.is_refused()


def test_the_end_of_a_tasks_time_is_no_trouble_of_the_database(
    caller: Caller, controls: WrittenControls
) -> None:
    class TimeIsOver(Exception):
        """As a worker interrupts whatever runs."""

    controls.trouble = TimeIsOver()
    with pytest.raises(TimeIsOver):
        caller.succeed()
    controls.trouble = None
    caller.succeed()
    totals = caller.breaker.statistics().totals
    assert (totals.fires, totals.in_flight) == (1, 0)


def test_a_result_from_before_an_order_is_late(caller: Caller, controls: WrittenControls) -> None:
    from_before = caller.breaker.enter()
    write(controls, 1, Mode.FORCED_OPEN)
    caller.breaker.obey()
    caller.breaker.leave(from_before, Outcome.SUCCESS, 5, None)
    assert caller.breaker.statistics().totals.late == 1
