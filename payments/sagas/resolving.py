"""What operators do about a saga: withdraw it, or decide what machines cannot."""

from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from payments import signals
from payments.errors import InvalidTransition
from payments.models import SagaRun, SagaStep
from payments.sagas.definition import definition_of
from payments.sagas.settling import go_on, tell, turn_back

State, StepState = SagaRun.State, SagaStep.State
_MORE_TIME = timedelta(days=1)
_STATES = {
    "succeeded": StepState.SUCCEEDED,
    "failed": StepState.FAILED,
    "try again": StepState.PENDING,
}


class Verdict(StrEnum):
    """What a person knows of the step at which a saga is stuck."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TRY_AGAIN = "try again"


def cancel(*, saga_id: UUID, actor: str, reason: str) -> None:
    """Turn back at the next step, where nothing is past undoing. Raises InvalidTransition."""
    with transaction.atomic():
        saga = SagaRun.objects.select_for_update().get(pk=saga_id)
        if saga.state not in (State.RUNNING, State.WAITING):
            raise InvalidTransition(f"This saga is {saga.state}: there is nothing to withdraw.")
        definition = definition_of(saga)
        if definition and definition.is_past_the_pivot(saga.current_step):
            raise InvalidTransition("It is past undoing; refund the payment instead.")
        saga.is_cancelled, saga.reason = True, reason[:500]
        if saga.lease_token is None:
            saga.next_try_at = timezone.now()
        saga.save()
        tell(signals.saga_cancelled, saga, actor=actor)


def resolve(*, saga_id: UUID, verdict: Verdict, actor: str, reason: str) -> None:
    """Say what became of the step at which a saga is stuck; it goes on from there.

    Of a step that could not be undone, `succeeded` says that it is undone by now. Raises
    InvalidTransition where the saga is not stuck, or `failed` would undo what is past undoing.
    """
    with transaction.atomic():
        saga = SagaRun.objects.select_for_update().get(pk=saga_id)
        if saga.state != State.STUCK:
            raise InvalidTransition(f"This saga is {saga.state}, not stuck.")
        saga.reason, saga.ended_at = reason[:500], None
        saga.next_try_at = timezone.now()
        saga.deadline = max(saga.deadline, timezone.now()) + _MORE_TIME
        undoing = saga.steps.filter(state=StepState.COMPENSATION_FAILED).first()
        if undoing:
            _resolve_undoing(saga, undoing, verdict)
        else:
            _resolve_step(saga, saga.steps.get(index=saga.current_step), verdict)
        tell(signals.saga_resolved, saga, actor=actor)


def _resolve_step(saga: SagaRun, step: SagaStep, verdict: Verdict) -> None:
    definition = definition_of(saga)
    if definition is None:
        raise InvalidTransition("This release does not know this type and version of saga.")
    if verdict is Verdict.FAILED and definition.is_past_the_pivot(step.index):
        raise InvalidTransition(
            f"What came before {step.name} is not undone; let it be tried again."
        )
    step.state = _STATES[verdict]
    step.save()
    if verdict is Verdict.SUCCEEDED:
        go_on(saga, definition)
    elif verdict is Verdict.FAILED:
        turn_back(saga, saga.reason)
    else:
        saga.state = State.RUNNING
        saga.save()


def _resolve_undoing(saga: SagaRun, step: SagaStep, verdict: Verdict) -> None:
    is_undone = verdict is Verdict.SUCCEEDED
    step.state = StepState.COMPENSATED if is_undone else StepState.SUCCEEDED
    step.attempt = 0
    step.save()
    saga.state = State.COMPENSATING
    saga.save()
