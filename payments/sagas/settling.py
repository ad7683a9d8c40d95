"""What became of a saga's effect, written down where the lease is still ours."""

import random
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from payments import signals
from payments.events import store
from payments.events.signal import Aggregate, EventSignal
from payments.models import SagaRun, SagaStep
from payments.sagas.definition import Became, Deed, Definition, Heard, Kind, Step
from payments.signals import SagaFacts

log = structlog.get_logger(__name__)
State, StepState = SagaRun.State, SagaStep.State
_NOT_YET = {
    Became.WAITS: StepState.WAITING,
    Became.UNKNOWN: StepState.UNKNOWN,
    Became.REFUSED: StepState.PENDING,
}


@dataclass(frozen=True, slots=True)
class Errand:
    """One effect that we hold the lease for."""

    saga: SagaRun
    step: SagaStep
    definition: Definition
    is_undoing: bool

    def is_over(self) -> bool:
        """Whether our lease has ended, and nothing may be begun under it any more."""
        ends_at = self.saga.next_try_at
        return ends_at is None or ends_at <= timezone.now()

    @property
    def deed(self) -> Deed:
        """What is to be called: a step found begun is only asked about."""
        how = self.definition.steps[self.step.index]
        if self.is_undoing and how.undo:
            return how.undo
        return how.run if self.step.state == StepState.STARTED else how.query


def settle(errand: Errand, heard: Heard) -> None:
    """Write what became of an effect; whoever lost the lease meanwhile writes nothing."""
    with transaction.atomic(durable=True):
        held = SagaRun.objects.select_for_update()
        saga = held.filter(pk=errand.saga.pk, lease_token=errand.saga.lease_token).first()
        if saga is None:
            log.warning("saga_fenced", saga=str(errand.saga.pk), step=errand.step.name)
            return
        step, definition = saga.steps.get(pk=errand.step.pk), errand.definition
        saga.lease_token = None
        saga.version += 1
        step.error, step.output = heard.error[:500], step.output | heard.output
        write = _settle_undoing if errand.is_undoing else _settle_step
        write(saga, step, definition, heard)


def _settle_step(saga: SagaRun, step: SagaStep, definition: Definition, heard: Heard) -> None:
    if heard.became is Became.SUCCEEDED:
        _step_over(saga, step, StepState.SUCCEEDED, signals.saga_step_succeeded)
        go_on(saga, definition)
    elif heard.became is Became.FAILED:
        _settle_failure(saga, step, definition, heard)
    elif saga.deadline <= timezone.now() and heard.became is Became.UNKNOWN:
        step.state = StepState.UNKNOWN
        step.save()
        get_stuck(saga, f"Nobody knows what became of {step.name}, and its time is over.")
    else:
        step.state = _NOT_YET[heard.became]
        step.attempt -= heard.became is Became.REFUSED  # nothing was tried
        step.save()
        _wait(saga, heard.at or _later(definition.steps[step.index], step))


def _settle_failure(saga: SagaRun, step: SagaStep, definition: Definition, heard: Heard) -> None:
    """A final no. Before the pivot it is undone; after it, done again until it is done."""
    _step_over(saga, step, StepState.FAILED, signals.saga_step_failed)
    if not definition.is_past_the_pivot(step.index):
        turn_back(saga, f"{step.name}: {heard.error}")
    elif saga.deadline <= timezone.now():
        get_stuck(saga, f"{step.name} fails, and what came before is not undone: {heard.error}")
    else:
        _wait(saga, _later(definition.steps[step.index], step))


def _settle_undoing(saga: SagaRun, step: SagaStep, definition: Definition, heard: Heard) -> None:
    if heard.became is Became.SUCCEEDED:
        step.state, step.ended_at = StepState.COMPENSATED, timezone.now()
        step.save()
        saga.next_try_at = timezone.now()
        saga.save()
        return
    how = definition.steps[step.index]
    step.attempt -= heard.became is not Became.FAILED  # only a no is an attempt that is spent
    gives_up_at = saga.deadline + definition.lasts
    if step.attempt >= how.retries.attempts or gives_up_at <= timezone.now():
        step.state = StepState.COMPENSATION_FAILED
        step.save()
        get_stuck(saga, f"{step.name} cannot be undone: {heard.error}")
        return
    step.save()
    saga.next_try_at = heard.at or _after_undoing(how, step, heard)
    saga.save()


def _after_undoing(how: Step, step: SagaStep, heard: Heard) -> datetime:
    """What was answered with a no is tried again ever further apart; what is open is looked at."""
    if heard.became is not Became.FAILED:
        return _later(how, step)
    return timezone.now() + how.retries.ceiling(step.attempt)


def go_on(saga: SagaRun, definition: Definition) -> None:
    """Turn to the next step; after the last the promise is kept.

    The pivot may have been awaited for weeks: what comes after it has its own time, and no wish to
    withdraw that came too late is remembered.
    """
    if definition.steps[saga.current_step].kind is Kind.PIVOT:
        saga.is_cancelled, saga.deadline = False, timezone.now() + definition.lasts
    saga.current_step += 1
    if saga.current_step == len(definition.steps):
        end(saga, State.COMPLETED, signals.saga_completed)
    else:
        saga.state, saga.next_try_at = State.RUNNING, timezone.now()
        saga.save()


def _wait(saga: SagaRun, until: datetime) -> None:
    saga.state, saga.next_try_at = State.WAITING, until
    saga.save()


def turn_back(saga: SagaRun, reason: str) -> None:
    """From now on backwards; what was had gets all its tries for being undone."""
    saga.state, saga.reason, saga.next_try_at = State.COMPENSATING, reason[:500], timezone.now()
    saga.save()
    saga.steps.filter(state=StepState.SUCCEEDED).update(attempt=0)
    tell(signals.saga_compensating, saga)


def _later(how: Step, step: SagaStep) -> datetime:
    """Ever further apart, a quarter of the time that it has taken so far; and with jitter."""
    now = timezone.now()
    since = now - (step.started_at or now)
    pause = min(max(since / 4, how.retries.base), how.retries.longest)
    return now + pause * random.uniform(0.5, 1)  # noqa: S311 - no secret


def _step_over(saga: SagaRun, step: SagaStep, state: SagaStep.State, signal: EventSignal) -> None:
    step.state, step.ended_at = state, timezone.now()
    step.save()
    tell(signal, saga, step)


def end(saga: SagaRun, state: SagaRun.State, signal: EventSignal) -> None:
    """Nothing more is to be done by machine."""
    saga.state, saga.ended_at = state, timezone.now()
    saga.next_try_at = saga.lease_token = None
    saga.save()
    tell(signal, saga)


def get_stuck(saga: SagaRun, reason: str) -> None:
    """Machines are at their end with it: a person has to look."""
    saga.reason = reason[:500]
    log.error("saga_stuck", saga=str(saga.pk), reason=saga.reason)
    end(saga, State.STUCK, signals.saga_stuck)


def tell(
    signal: EventSignal, saga: SagaRun, step: SagaStep | None = None, *, actor: str = ""
) -> None:
    """Record what befell a saga, in the commit in which it did."""
    facts = SagaFacts(
        saga_id=str(saga.pk),
        type=saga.type,
        definition_version=saga.definition_version,
        payment_id=str(saga.payment_id),
        state=saga.state,
        step=step.name if step else "",
        attempt=step.attempt if step else 0,
        error=step.error if step else saga.reason,
        actor=actor,
    )
    store.record(signal, Aggregate("saga", str(saga.pk)), facts)
