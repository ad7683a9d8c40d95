"""Run sagas: intent first, then the effect, then what became of it; backwards where it must.

Each advance is two short transactions around one effect. The first writes that the effect is
meant, under a lease; the second writes what became of it, where the lease's token still matches.
Who dies in between leaves a step that is found `started`: its outcome is unknown, and it is asked
about before anything else. Nothing sleeps and nothing is kept in memory: `next_try_at` is when
somebody should go on.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid4

from payments import signals
from payments.events import context
from payments.models import SagaRun, SagaStep
from payments.sagas.definition import Became, Definition, Heard, definition_of
from payments.sagas.settling import Errand, end, get_stuck, settle, tell, turn_back

log = structlog.get_logger(__name__)
State, StepState = SagaRun.State, SagaStep.State
# Longer than any step may take.
LEASE = timedelta(minutes=2)
_AT_ONCE = 200
_ROLL_OUT, _OTHERS_TURN = timedelta(hours=1), timedelta(minutes=1)
Stops = tuple[type[Exception], ...]
_DONE = (StepState.SUCCEEDED, StepState.COMPENSATING)


def start(definition: Definition, payment_id: UUID | str) -> SagaRun:
    """Write a saga down, in the caller's transaction; started twice, it is one."""
    saga, is_new = SagaRun.objects.get_or_create(
        type=definition.type,
        payment_id=payment_id,
        defaults={
            "definition_version": definition.version,
            "deadline": timezone.now() + definition.lasts,
            "correlation_id": context.current().correlation_id,
        },
    )
    if is_new:
        SagaStep.objects.bulk_create(
            SagaStep(saga=saga, index=index, name=step.name)
            for index, step in enumerate(definition.steps)
        )
        tell(signals.saga_started, saga)
    return saga


def advance_due(stops: Stops = ()) -> Iterator[SagaRun]:
    """Go on with every saga that is due; yields each as it stands then.

    What `stops` names ends it all: the step at hand is asked about when its lease is over.
    """
    due = SagaRun.objects.filter(next_try_at__lte=timezone.now()).order_by("next_try_at")
    for pk in due.values_list("pk", flat=True)[:_AT_ONCE]:
        yield advance(pk, stops)


def nudge(payment_id: UUID | str) -> None:
    """Something befell a payment: whatever of it waits looks again now."""
    waiting = SagaRun.objects.filter(payment_id=payment_id, state=State.WAITING)
    waiting.filter(lease_token=None).update(next_try_at=timezone.now())


def undo_again(definition: Definition, payment_id: UUID | str, step: str) -> None:
    """What this step had given up was had after all: who was undone is undone once more."""
    held = SagaRun.objects.select_for_update().filter(type=definition.type)
    for saga in held.filter(payment_id=payment_id, state=State.COMPENSATED):
        saga.steps.filter(name=step).update(state=StepState.SUCCEEDED)
        saga.ended_at, saga.deadline = None, timezone.now() + definition.lasts
        turn_back(saga, f"{step} succeeded after all.")


def take_back(saga: SagaRun, definition: Definition, reason: str) -> None:
    """A promise that was kept is undone: what it stood on is gone. In the caller's transaction."""
    held = SagaRun.objects.select_for_update()
    if kept := held.filter(pk=saga.pk, state=State.COMPLETED).first():
        kept.ended_at, kept.deadline = None, timezone.now() + definition.lasts
        turn_back(kept, reason)


def resume(saga: SagaRun, definition: Definition) -> None:
    """What came to nothing comes about after all: from the first step on, with time as at first."""
    held = SagaRun.objects.select_for_update()
    ended = held.filter(pk=saga.pk, state=State.COMPENSATED).first()
    if ended is None:
        return
    anew: dict[str, Any] = {"state": StepState.PENDING, "attempt": 0, "error": ""}
    ended.steps.update(**anew, started_at=None, ended_at=None)
    ended.state, ended.current_step, ended.reason = State.RUNNING, 0, ""
    ended.next_try_at, ended.ended_at = timezone.now(), None
    ended.deadline = timezone.now() + definition.lasts
    ended.save()
    tell(signals.saga_started, ended)


def advance(saga_id: UUID, stops: Stops = ()) -> SagaRun:
    """Go on with a saga as far as it goes now."""
    while errand := _take(saga_id):
        saga = errand.saga
        with context.bound(correlation_id=saga.correlation_id, source="saga"):
            settle(errand, _heard(errand, stops))
    return SagaRun.objects.get(pk=saga_id)


def _heard(errand: Errand, stops: Stops) -> Heard:
    """A step says what it knows; one that raises says nothing, and is asked about."""
    if errand.is_over():
        return Heard(Became.UNKNOWN, "Overslept: somebody else may be at it.")
    try:
        return errand.deed(errand.saga, errand.step)
    except stops:
        raise
    except Exception as error:
        log.exception("saga_step_raised", saga=str(errand.saga.pk), step=errand.step.name)
        return Heard(Became.UNKNOWN, type(error).__name__)


# --- the first transaction: what is meant


def _take(saga_id: UUID) -> Errand | None:
    """Lease a saga that is due, and write down which effect is meant; None where nothing is."""
    with transaction.atomic(durable=True):
        saga = SagaRun.objects.select_for_update().get(pk=saga_id)
        if saga.next_try_at is None or saga.next_try_at > timezone.now():
            return None
        definition = definition_of(saga)
        if definition is None:
            _leave_to_others(saga)
            return None
        return _meant(saga, definition)


def _leave_to_others(saga: SagaRun) -> None:
    """Not known here: while a release is rolled out, a worker of the newer one may know it.

    What is on its way back is never stopped: stuck, it would have to forget its direction.
    """
    is_new = timezone.now() < saga.created_at + _ROLL_OUT
    if is_new or saga.state == State.COMPENSATING:
        log.error("saga_not_known", saga=str(saga.pk), version=saga.definition_version)
        saga.next_try_at = timezone.now() + (_OTHERS_TURN if is_new else _ROLL_OUT)
        saga.save(update_fields=["next_try_at"])
    else:
        get_stuck(saga, "This release does not know this type and version.")


def _meant(saga: SagaRun, definition: Definition) -> Errand | None:
    if saga.state == State.COMPENSATING:
        return _next_undoing(saga, definition)
    step = saga.steps.get(index=saga.current_step)
    is_begun = step.state in (StepState.STARTED, StepState.UNKNOWN, StepState.WAITING)
    if not is_begun and _is_to_go_back(saga, definition):
        turn_back(saga, saga.reason or "It was cancelled, or its time is over.")
        return _next_undoing(saga, definition)
    if not is_begun:
        step.attempt += 1
    step.state = StepState.UNKNOWN if is_begun else StepState.STARTED
    return _leased(saga, step, definition)


def _is_to_go_back(saga: SagaRun, definition: Definition) -> bool:
    is_wanted = saga.is_cancelled or saga.deadline <= timezone.now()
    return is_wanted and not definition.is_past_the_pivot(saga.current_step)


def _next_undoing(saga: SagaRun, definition: Definition) -> Errand | None:
    """Backwards: the last effect that was had and can be taken back."""
    had = saga.steps.filter(state__in=_DONE).order_by("-index")
    for step in had:
        if definition.steps[step.index].undo:
            step.state = StepState.COMPENSATING
            step.attempt += 1
            return _leased(saga, step, definition, is_undoing=True)
    end(saga, State.COMPENSATED, signals.saga_compensated)
    return None


def _leased(
    saga: SagaRun, step: SagaStep, definition: Definition, *, is_undoing: bool = False
) -> Errand:
    now = timezone.now()
    step.started_at = step.started_at or now
    step.save()
    saga.lease_token, saga.next_try_at = uuid4(), now + LEASE
    saga.version += 1
    saga.save()
    return Errand(saga, step, definition, is_undoing)
