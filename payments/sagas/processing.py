"""Processing: watches a payment that pays a contract, and lets the contract follow it.

It sends nothing to a provider and a payment goes its way without it. While the money is not taken
all can be withdrawn, which asks the same use cases as anybody does. From then on the contract is
settled, until it is; and once the money is gone again (refunded, charged back) it is owed again.
"""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from payments import signals
from payments.errors import ContractRefused
from payments.models import Delivery, Payment, SagaRun, SagaStep
from payments.outcomes import ENDED, refundable
from payments.resilience.retry import RetryPolicy
from payments.sagas import engine
from payments.sagas.definition import SUCCEEDED, Became, Definition, Heard, Kind, Step, define
from payments.sagas.purchase import give_back
from payments.services import invoices
from payments.services.payments import payment_with
from payments.statuses import PAID, PaymentStatus

# It is told at once of whatever befalls its payment; it looks by itself only in case it was busy.
_SELDOM = RetryPolicy(attempts=8, base=timedelta(minutes=1), longest=timedelta(hours=6))
# Somebody has to mend it first.
_HOURLY = RetryPolicy(attempts=8, base=timedelta(hours=1), longest=timedelta(hours=12))
_GIVEN_BACK = (PaymentStatus.REFUNDED, PaymentStatus.CHARGED_BACK)
_ALIVE = frozenset(PaymentStatus) - {*ENDED, *_GIVEN_BACK, PaymentStatus.CREATED}
# Its own end among them: what befell the payment while it was busy is seen to then.
SIGNALS = (
    signals.payment_initiated,
    signals.payment_authorized,
    signals.payment_completed,
    signals.payment_failed,
    signals.payment_cancelled,
    signals.payment_expired,
    signals.payment_refunded,
    signals.refund_succeeded,
    signals.refund_failed,
    signals.payment_status_changed,
    signals.dispute_won,
    signals.dispute_lost,
    signals.saga_completed,
    signals.saga_compensated,
)


def follow(payment_id: UUID | str) -> None:
    """Something befell a payment that names a contract; in the caller's transaction."""
    saga = engine.start(PROCESSING, payment_id)
    payment = payment_with(saga.payment_id)
    if payment.status in _GIVEN_BACK or invoices.is_all_gone(payment):
        engine.take_back(saga, PROCESSING, f"The payment is {payment.status}.")
    elif saga.is_cancelled and _is_still_had(payment):
        engine.undo_again(PROCESSING, payment.pk, "send")
    elif payment.status in _ALIVE and not saga.is_cancelled:
        engine.resume(saga, PROCESSING)
    invoices.follow_refunds(payment)
    engine.nudge(payment.pk)


def _is_still_had(payment: Payment) -> bool:
    """Whether something was reserved or taken after all, and is not on its way back."""
    return payment.status == PaymentStatus.AUTHORIZED or bool(refundable(payment).amount)


def _sent(saga: SagaRun, _: SagaStep) -> Heard:
    is_sent = payment_with(saga.payment_id).current_operation_id
    return SUCCEEDED if is_sent else Heard(Became.WAITS)


def _withdraw(saga: SagaRun, step: SagaStep) -> Heard:
    """What ended by itself left nothing; what somebody withdrew is released or given back."""
    return give_back(saga, step) if saga.is_cancelled else SUCCEEDED


def _collected(saga: SagaRun, _: SagaStep) -> Heard:
    status = payment_with(saga.payment_id).status
    if status in PAID:
        return SUCCEEDED
    if status in ENDED:
        return Heard(Became.FAILED, f"The payment is {status}.")
    if saga.is_cancelled and status in (PaymentStatus.CREATED, PaymentStatus.AUTHORIZED):
        return Heard(Became.FAILED, saga.reason)
    if status == PaymentStatus.CREATED and saga.deadline <= timezone.now():
        return Heard(Became.FAILED, "It reached nobody, and its time is over.")
    return Heard(Became.WAITS)


def _settled(saga: SagaRun, _: SagaStep) -> Heard:
    payment = payment_with(saga.payment_id)
    if payment.status in _GIVEN_BACK:
        return SUCCEEDED  # whatever its contract says: there is nothing to settle any more
    try:
        invoices.settle(payment)
    except ContractRefused as error:
        return Heard(Became.FAILED, error.detail)
    return SUCCEEDED


def _unsettled(saga: SagaRun, _: SagaStep) -> Heard:
    invoices.let_go(payment_with(saga.payment_id))
    return SUCCEEDED


def _confirmed(saga: SagaRun, _: SagaStep) -> Heard:
    """Whoever was to hear of the payment has: figures, payer, merchant."""
    told = Delivery.objects.filter(
        event__aggregate_type="payment",
        event__aggregate_id=str(saga.payment_id),
        event__type=signals.payment_completed.name,
        replay_id="",
    )
    open_ones = list(told.exclude(status=Delivery.Status.DONE))
    if not open_ones:
        return SUCCEEDED
    given_up = [each.handler for each in open_ones if each.next_try_at is None]
    if given_up:
        return Heard(Became.FAILED, f"They have not heard of it: {', '.join(given_up)}.")
    return Heard(Became.WAITS)


PROCESSING = define(
    Definition(
        "processing",
        version=1,
        steps=(
            Step("send", _sent, _sent, _withdraw),
            Step("collect", _collected, _collected, kind=Kind.PIVOT, retries=_SELDOM),
            Step("settle", _settled, _settled, _unsettled, Kind.RETRIABLE, _HOURLY),
            Step("confirm", _confirmed, _confirmed, kind=Kind.RETRIABLE),
        ),
        lasts=timedelta(days=3),
    )
)
