"""Forward while it goes well, backward before the pivot, and never blindly after a crash."""

import pytest

from payments.errors import InvalidTransition
from payments.events.chain import verify_stream
from payments.events.signal import Aggregate
from payments.models import SagaRun
from payments.sagas import engine, resolving
from payments.sagas.definition import definition_of
from payments.sagas.resolving import Verdict
from payments.sagas.settling import settle
from tests.sagas.scripts import (
    FAILED,
    REFUSED,
    UNKNOWN,
    WAITS,
    Killed,
    Script,
    begun,
    forget_definitions,
    later,
    run_for_hours,
    states,
    told,
)

__all__ = ["forget_definitions"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("forget_definitions"),
]
FORWARD = ["reserve.run", "pack.run", "take.run", "tell.run"]


def test_all_goes_well() -> None:
    saga = begun(script := Script())
    assert engine.advance(saga.pk).state == "completed"
    assert script.called == FORWARD
    assert states(saga) == ["succeeded"] * 4
    assert told(saga) == ["started", *["step_succeeded"] * 4, "completed"]
    assert verify_stream(Aggregate("saga", str(saga.pk))) == 6


def test_a_saga_is_begun_once_however_often_it_is_told_of() -> None:
    saga = begun(Script())
    definition = definition_of(saga)
    assert definition
    assert engine.start(definition, saga.payment_id) == saga
    assert told(saga) == ["started"]


@pytest.mark.parametrize(
    ("script", "undone", "left"),
    [
        (Script(reserve_run=[FAILED]), [], ["failed", "pending", "pending", "pending"]),
        (
            Script(pack_run=[FAILED]),
            ["reserve.undo"],
            ["compensated", "failed", "pending", "pending"],
        ),
        (
            Script(take_run=[FAILED]),
            ["pack.undo", "reserve.undo"],
            ["compensated", "compensated", "failed", "pending"],
        ),
    ],
)
def test_a_final_no_undoes_what_was_had_backwards(
    script: Script, undone: list[str], left: list[str]
) -> None:
    saga = begun(script)
    assert engine.advance(saga.pk).state == "compensated"
    assert [call for call in script.called if "undo" in call] == undone
    assert states(saga) == left
    assert told(saga)[-1] == "compensated"


def test_after_the_pivot_nothing_is_undone_and_all_is_tried_until_it_is_done() -> None:
    saga = begun(script := Script(tell_run=[FAILED, FAILED, FAILED]))
    assert run_for_hours(saga, 4).state == "completed"
    assert script.called == [*FORWARD, "tell.run", "tell.run", "tell.run"]


# --- what nobody knows


def test_what_nobody_knows_is_asked_about_and_not_done_again() -> None:
    saga = begun(script := Script(pack_run=[UNKNOWN], pack_query=[UNKNOWN, UNKNOWN]))
    assert engine.advance(saga.pk).state == "waiting"
    assert run_for_hours(saga, 4).state == "completed"
    assert script.called.count("pack.run") == 1
    assert script.called.count("pack.query") == 3


def test_what_was_never_done_is_done_then_under_the_same_key() -> None:
    saga = begun(script := Script(pack_run=[UNKNOWN], pack_query=[REFUSED]))
    assert run_for_hours(saga, 3).state == "completed"
    assert script.called == ["reserve.run", "pack.run", "pack.query", "pack.run", *FORWARD[2:]]
    assert len([key for name, key in script.keys if name == "pack"]) == 1


def test_a_step_that_raises_has_said_nothing() -> None:
    saga = begun(script := Script(pack_run=[ValueError]))
    assert run_for_hours(saga, 2).state == "completed"
    assert script.called[1:3] == ["pack.run", "pack.query"]


@pytest.mark.parametrize("step", ["reserve", "pack", "take", "tell"])
def test_after_a_death_in_the_middle_it_is_asked_first(step: str) -> None:
    saga = begun(script := Script(**{f"{step}_run": [Killed]}))
    with pytest.raises(Killed):
        engine.advance(saga.pk)
    assert engine.advance(saga.pk).state == "running"  # its lease holds
    with later(minutes=3):
        assert engine.advance(saga.pk).state == "completed"
    again = script.called.index(f"{step}.query")
    assert script.called[again - 1] == f"{step}.run"
    assert script.called.count(f"{step}.run") == 1


@pytest.mark.parametrize("step", ["reserve", "pack"])
def test_after_a_death_in_the_middle_of_undoing_it_is_undone_again(step: str) -> None:
    saga = begun(script := Script(take_run=[FAILED], **{f"{step}_undo": [Killed]}))
    with pytest.raises(Killed):
        engine.advance(saga.pk)
    with later(minutes=3):
        assert engine.advance(saga.pk).state == "compensated"
    assert script.called.count(f"{step}.undo") == 2


def test_what_is_unknown_until_the_deadline_waits_for_a_person() -> None:
    saga = begun(Script(take_run=[UNKNOWN], take_query=[UNKNOWN] * 1000))
    saga = run_for_hours(saga, 30)
    assert (saga.state, saga.next_try_at) == ("stuck", None)
    assert "take" in saga.reason
    assert told(saga)[-1] == "stuck"


# --- waiting


def test_what_waits_goes_on_when_it_is_nudged() -> None:
    saga = begun(script := Script(reserve_run=[WAITS], reserve_query=[WAITS]))
    assert engine.advance(saga.pk).state == "waiting"
    assert engine.advance(saga.pk).state == "waiting"
    assert script.called == ["reserve.run"]
    engine.nudge(saga.payment_id)
    engine.advance(saga.pk)
    assert script.called == ["reserve.run", "reserve.query"]


def test_what_is_refused_spends_no_attempt_and_at_the_deadline_it_turns_back() -> None:
    saga = begun(Script(take_run=[REFUSED] * 1000))
    assert engine.advance(saga.pk).state == "waiting"
    assert saga.steps.get(name="take").attempt == 0
    assert run_for_hours(saga, 30).state == "compensated"


# --- undoing that fails


def test_undoing_is_tried_again_until_it_is_done() -> None:
    saga = begun(script := Script(pack_run=[FAILED], reserve_undo=[FAILED, UNKNOWN, REFUSED]))
    assert run_for_hours(saga, 6).state == "compensated"
    assert script.called.count("reserve.undo") == 4


def test_what_cannot_be_undone_waits_for_a_person_who_may_say_that_it_is() -> None:
    saga = begun(Script(take_run=[FAILED], pack_undo=[FAILED] * 50))
    assert run_for_hours(saga, 20).state == "stuck"
    assert states(saga)[:2] == ["succeeded", "compensation_failed"]
    resolving.resolve(
        saga_id=saga.pk, verdict=Verdict.SUCCEEDED, actor="user:1", reason="sent back by hand"
    )
    assert engine.advance(saga.pk).state == "compensated"
    assert told(saga)[-2:] == ["resolved", "compensated"]


def test_undoing_whose_end_nobody_knows_yet_is_not_given_up() -> None:
    saga = begun(script := Script(pack_run=[FAILED], reserve_undo=[UNKNOWN] * 20))
    assert run_for_hours(saga, 30).state == "compensated"
    assert script.called.count("reserve.undo") == 21


# --- people


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.SUCCEEDED, "completed"),
        (Verdict.FAILED, "compensated"),
        (Verdict.TRY_AGAIN, "completed"),
    ],
)
def test_a_person_decides_what_machines_cannot(verdict: Verdict, state: str) -> None:
    saga = begun(script := Script(take_run=[UNKNOWN], take_query=[UNKNOWN] * 1000))
    assert run_for_hours(saga, 30).state == "stuck"
    with later(hours=31):
        resolving.resolve(saga_id=saga.pk, verdict=verdict, actor="user:1", reason="I asked them")
        assert engine.advance(saga.pk).state == state
    assert script.called.count("take.run") == 1 + (verdict is Verdict.TRY_AGAIN)


def test_nobody_decides_what_is_not_stuck_or_undoes_what_is_past_undoing() -> None:
    saga = begun(Script(tell_run=[UNKNOWN], tell_query=[UNKNOWN] * 1000))
    told_by = {"saga_id": saga.pk, "actor": "user:1", "reason": "no"}
    with pytest.raises(InvalidTransition, match="not stuck"):
        resolving.resolve(verdict=Verdict.FAILED, **told_by)  # type: ignore[arg-type]
    run_for_hours(saga, 30)
    with pytest.raises(InvalidTransition, match="not undone"):
        resolving.resolve(verdict=Verdict.FAILED, **told_by)  # type: ignore[arg-type]


def test_withdrawing_turns_back_between_steps_and_does_not_break_one_off() -> None:
    saga = begun(script := Script(pack_run=[WAITS]))
    engine.advance(saga.pk)
    resolving.cancel(saga_id=saga.pk, actor="user:1", reason="changed their mind")
    engine.nudge(saga.payment_id)
    assert engine.advance(saga.pk).state == "compensated"
    assert script.called == ["reserve.run", "pack.run", "pack.query", "pack.undo", "reserve.undo"]


def test_what_is_taken_is_not_withdrawn() -> None:
    saga = begun(Script(tell_run=[WAITS]))
    engine.advance(saga.pk)
    with pytest.raises(InvalidTransition, match="refund the payment"):
        resolving.cancel(saga_id=saga.pk, actor="user:1", reason="too late")
    engine.nudge(saga.payment_id)
    assert engine.advance(saga.pk).state == "completed"


# --- several at once, and releases


def test_who_lost_the_lease_writes_nothing() -> None:
    saga = begun(script := Script())
    late = engine._take(saga.pk)
    assert late
    with later(minutes=3):
        assert engine.advance(saga.pk).state == "completed"
        settle(late, FAILED)
    assert script.called[0] == "reserve.query"
    assert SagaRun.objects.get().state == "completed"


def test_a_saga_ends_on_the_definition_that_it_began_with() -> None:
    saga = begun(old := Script(), version=1)
    begun(new := Script(), version=2)
    engine.advance(saga.pk)
    assert (old.called, new.called) == (FORWARD, [])


def test_a_saga_that_this_release_does_not_know_is_left_to_a_newer_one_and_then_to_a_person() -> (
    None
):
    saga = begun(Script())
    SagaRun.objects.update(definition_version=9)
    assert engine.advance(saga.pk).state == "running"
    with later(minutes=62):
        assert engine.advance(saga.pk).state == "stuck"


def test_what_is_on_its_way_back_goes_on_there_when_its_release_is_back() -> None:
    saga = begun(Script(pack_run=[FAILED], reserve_undo=[UNKNOWN]))
    assert engine.advance(saga.pk).state == "compensating"
    SagaRun.objects.update(definition_version=9)
    with later(hours=2):
        assert engine.advance(saga.pk).state == "compensating"
    SagaRun.objects.update(definition_version=1)
    with later(hours=4):
        assert engine.advance(saga.pk).state == "compensated"
