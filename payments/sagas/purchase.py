"""Purchase: authorise, fulfil, capture; undone by releasing what was reserved.

What fulfilling means is the merchant's: `fulfilment` registers a callable. Money is taken only
once it was fulfilled, and what was fulfilled is taken back if the money cannot be had.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from payments.errors import (
    ContractRefused,
    DomainError,
    OperationInProgress,
    OutcomeUnknown,
    PaymentDeclined,
    ServiceUnavailable,
)
from payments.models import Payment, SagaRun, SagaStep
from payments.outcomes import ENDED, refundable
from payments.sagas.definition import SUCCEEDED, Became, Definition, Heard, Kind, Step, define
from payments.services import invoices, refunds
from payments.services import payments as service
from payments.statuses import PAID, OperationKind, Outcome, PaymentStatus

_LOOK_AGAIN = timedelta(minutes=1)


class CannotFulfil(Exception):
    """A final no: nothing was fulfilled, and nothing will be. The text says why."""


def _activate_contract(payment: Payment, _: str) -> None:
    try:
        invoices.allot(payment)
    except ContractRefused as error:
        raise CannotFulfil(error.detail) from error


def _is_activated(payment: Payment, _: str) -> bool:
    return invoices.is_allotted(payment)


def _deactivate_contract(payment: Payment, _: str) -> None:
    invoices.let_go(payment)


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """What the merchant does for a payment, under an idempotency key of ours.

    `do` raises CannotFulfil for a final no; whatever else it raises means that nobody knows, and
    `was_done` is asked: True, False, or None where it cannot say. A worker that stood still may
    wake up and do what another has done since: under a key that was fulfilled there is nothing
    left to do. `undo` may be called for what was done already undone.

    Where nobody says otherwise, the contract that the payment names is activated: an invoice of it
    is kept for this payment, and paid once the money is taken.
    """

    do: Callable[[Payment, str], None] = _activate_contract
    was_done: Callable[[Payment, str], bool | None] = _is_activated
    undo: Callable[[Payment, str], None] = _deactivate_contract


_fulfilment = Fulfilment()


def fulfil_by(fulfilment: Fulfilment) -> Fulfilment:
    """Let purchases be fulfilled like this from now on; answers how they were before."""
    global _fulfilment
    before, _fulfilment = _fulfilment, fulfilment
    return before


# --- authorise: the caller sends the payer to the provider, and we wait


def _authorised(saga: SagaRun, _: SagaStep) -> Heard:
    status = _payment_of(saga).status
    if status in (PaymentStatus.AUTHORIZED, *PAID):
        return SUCCEEDED
    if status in ENDED:
        return Heard(Became.FAILED, f"The payment is {status}.")
    return Heard(Became.WAITS, at=timezone.now() + _LOOK_AGAIN)


def give_back(saga: SagaRun, step: SagaStep) -> Heard:
    """Release what was reserved; give back what was taken after all.

    It is done when the payment says so: a provider may take a refund today and refuse it tomorrow.
    """
    if _is_given_back(saga):
        return SUCCEEDED
    heard = _spoken(lambda: _send_back(_payment_of(saga)))
    if heard != SUCCEEDED or _is_given_back(saga):
        return heard
    return Heard(Became.UNKNOWN, "Not yet given back.")


def _is_given_back(saga: SagaRun) -> bool:
    return _payment_of(saga).status in (
        *ENDED,
        PaymentStatus.REFUNDED,
        PaymentStatus.CHARGED_BACK,
    )


def _send_back(payment: Payment) -> None:
    if payment.status not in PAID:
        service.cancel_payment(payment_id=payment.pk)
    elif refundable(payment).amount:
        refunds.refund_payment(payment_id=payment.pk, reason="undone")


# --- fulfil


def _fulfil(saga: SagaRun, step: SagaStep) -> Heard:
    try:
        _fulfilment.do(_payment_of(saga), step.key.hex)
    except CannotFulfil as error:
        return Heard(Became.FAILED, str(error))
    return SUCCEEDED


def _was_fulfilled(saga: SagaRun, step: SagaStep) -> Heard:
    done = _fulfilment.was_done(_payment_of(saga), step.key.hex)
    if done is None:
        return Heard(Became.UNKNOWN, "Nobody can say whether it was fulfilled.")
    return SUCCEEDED if done else Heard(Became.REFUSED, at=timezone.now())


def _unfulfil(saga: SagaRun, step: SagaStep) -> Heard:
    _fulfilment.undo(_payment_of(saga), step.key.hex)
    return SUCCEEDED


# --- capture: the pivot


def _capture(saga: SagaRun, step: SagaStep) -> Heard:
    payment = _payment_of(saga)
    if payment.status in PAID:
        return SUCCEEDED
    heard = _spoken(lambda: service.capture_payment(payment_id=payment.pk))
    return _was_captured(saga, step) if heard == SUCCEEDED else heard


def _was_captured(saga: SagaRun, _: SagaStep) -> Heard:
    """Recovery finds out; we read what it found."""
    payment = _payment_of(saga)
    if payment.status in PAID:
        return SUCCEEDED
    tried = payment.operations.filter(kind=OperationKind.CAPTURE).last()
    if tried is None or tried.outcome == Outcome.NOT_SENT:
        return Heard(Became.REFUSED, at=timezone.now())
    if tried.outcome == Outcome.DECLINED:
        return Heard(Became.FAILED, tried.failure_message)
    return Heard(Became.UNKNOWN, "The provider has not told yet.")


def _spoken(do: Callable[[], object]) -> Heard:
    """What a use case said, in a saga's words."""
    try:
        do()
    except ServiceUnavailable as error:
        return Heard(Became.REFUSED, error.detail, at=timezone.now() + error.retry_after)
    except (OutcomeUnknown, OperationInProgress) as error:
        return Heard(Became.UNKNOWN, error.detail)
    except (PaymentDeclined, DomainError) as error:
        return Heard(Became.FAILED, error.detail)
    return SUCCEEDED


def _payment_of(saga: SagaRun) -> Payment:
    return service.payment_with(saga.payment_id)


PURCHASE = define(
    Definition(
        "purchase",
        version=1,
        steps=(
            Step("authorise", _authorised, _authorised, give_back),
            Step("fulfil", _fulfil, _was_fulfilled, _unfulfil),
            Step("capture", _capture, _was_captured, kind=Kind.PIVOT),
        ),
        lasts=timedelta(days=3),
    )
)
