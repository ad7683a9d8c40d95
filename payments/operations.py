"""begin, call, settle: the three beats of every gateway effect.

`begin` commits the intention before a byte leaves, `call` is the network and nothing else,
`settle` commits what it meant. All news comes through `settle`: answers, webhooks, lookups. It
may hear the same thing twice and in any order, so nothing upstream has to be exactly once.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from payments import lifecycle, news, signals
from payments.errors import InvalidTransition, OperationInProgress
from payments.events.signal import EventSignal
from payments.gateways import client
from payments.gateways.contract import Gateway
from payments.gateways.messages import GatewayResult, Order
from payments.models import Discrepancy, GatewayOperation, Payment
from payments.statuses import (
    Contradiction,
    FailureCode,
    OperationKind,
    Outcome,
    PaymentStatus,
    effect_of,
    may_become,
)

log = structlog.get_logger(__name__)

# Between the end of a call and its settlement: longer than any healthy process takes.
GRACE = timedelta(seconds=5)
_AFTER_THE_END = (timedelta(0), timedelta(hours=1), timedelta(days=1))
_ENDED = (PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED)
_SUCCESS = (PaymentStatus.AUTHORIZED, PaymentStatus.COMPLETED)
_SIGNALS: dict[PaymentStatus, EventSignal] = {
    PaymentStatus.CREATED: signals.payment_status_changed,
    PaymentStatus.PROCESSING: signals.payment_processing,
    PaymentStatus.REQUIRES_ACTION: signals.payment_requires_action,
    PaymentStatus.AUTHORIZED: signals.payment_authorized,
    PaymentStatus.COMPLETED: signals.payment_completed,
    PaymentStatus.FAILED: signals.payment_failed,
    PaymentStatus.CANCELLED: signals.payment_cancelled,
    PaymentStatus.EXPIRED: signals.payment_expired,
}


def begin(
    payment_id: UUID, kind: OperationKind, gateway: Gateway, *, reason: str, timeout: timedelta
) -> tuple[GatewayOperation, bool]:
    """Write down the intention; answers the operation and whether it is new.

    An operation that is under way already is answered as it stands, and nothing is begun.
    Raises OperationInProgress while its call is in flight, InvalidTransition after the end.
    """
    with lifecycle.hold(payment_id, durable=True) as payment:
        if under_way := _under_way(payment):
            return under_way, False
        operation = _intend(payment, kind, gateway, reason, timeout)
        payment.current_operation, payment.provider = operation, gateway.name
        lifecycle.advance(
            payment,
            PaymentStatus.PROCESSING,
            signals.payment_initiated,
            operation,
            details={"routing_reason": reason},
        )
        return operation, True


def _under_way(payment: Payment) -> GatewayOperation | None:
    if payment.status in _ENDED:
        raise InvalidTransition(f"This payment is {payment.status}; create a new one to pay.")
    operation = payment.current_operation
    if operation is None or payment.status == PaymentStatus.CREATED:
        return None
    if operation.outcome is None and not operation.is_overdue():
        raise OperationInProgress(
            "The same payment is being sent to its provider right now; ask again in a moment.",
            retry_after=timedelta(seconds=1),
        )
    return operation


def _intend(
    payment: Payment, kind: OperationKind, gateway: Gateway, reason: str, timeout: timedelta
) -> GatewayOperation:
    now = timezone.now()
    return GatewayOperation.objects.create(
        payment=payment,
        kind=kind,
        provider=gateway.name,
        amount=payment.amount,
        currency=payment.currency,
        routing_reason=reason,
        started_at=now,
        deadline_at=now + timeout + GRACE,
        next_check_at=now + timeout + GRACE,
        expires_at=now + settings.PAGE_LIFETIME,
    )


def call(gateway: Gateway, order: Order, timeout: timedelta) -> GatewayResult:
    """Ask the gateway. Refuses to run inside a transaction: no lock is held while it thinks.

    With no time left nothing is sent: a process that slept between `begin` and here may find
    that recovery has concluded meanwhile.
    """
    if connection.in_atomic_block:
        raise transaction.TransactionManagementError("A gateway was called inside a transaction.")
    if timeout <= timedelta(0):
        return GatewayResult(Outcome.NOT_SENT, exchange={"error": "its time was over"})
    result = client.attempt(gateway, order, timeout)
    log.info("gateway_answered", provider=gateway.name, key=order.key, outcome=result.outcome)
    return result


def settle(operation_id: UUID, result: GatewayResult, *, heard_from: str) -> Payment:
    """Commit what an answer, a webhook or a lookup means for the payment, with its event.

    May join a transaction that is open already (the delivery that brought the news). News that
    contradicts our records is kept as a Discrepancy and changes nothing else.
    """
    payment_id = GatewayOperation.objects.values_list("payment_id", flat=True).get(pk=operation_id)
    with lifecycle.hold(payment_id) as payment:
        operation = GatewayOperation.objects.get(pk=operation_id)
        _sound_unlisted_word(operation, result)
        if difference := news.difference_in(operation, result, heard_from):
            contradict(payment, operation, difference, heard_from)
        elif news.moves_forward(operation, result):
            _write_down(operation, result, heard_from)
            _apply(payment, operation, result, heard_from)
        for second in news.second_charges_in(operation, result):
            contradict(payment, operation, second, heard_from)
        return payment


def contradict(
    payment: Payment, operation: GatewayOperation, difference: news.Difference, heard_from: str
) -> None:
    """Keep a contradiction for a person, once however often it is heard; ask again at once."""
    _, is_new = Discrepancy.objects.get_or_create(
        operation=operation,
        kind=difference.kind,
        heard=difference.heard[:255],
        defaults={"payment": payment, "expected": difference.expected, "source": heard_from},
    )
    if not is_new:
        return
    if operation.outcome != Outcome.SUCCEEDED:
        operation.next_check_at = timezone.now()
        operation.save(update_fields=["next_check_at"])
    details = {"contradiction": difference.kind.value}
    details |= {"expected": difference.expected, "heard": difference.heard}
    lifecycle.note(
        payment, signals.payment_contradicted, operation, heard_from=heard_from, details=details
    )
    log.error("payment_contradicted", payment_id=str(payment.id), **details)


def _sound_unlisted_word(operation: GatewayOperation, result: GatewayResult) -> None:
    if result.unlisted_word:
        log.error(
            "gateway_word_unlisted",
            provider=operation.provider,
            operation_id=str(operation.id),
            word=result.unlisted_word[:40],
        )


def _write_down(operation: GatewayOperation, result: GatewayResult, heard_from: str) -> None:
    failure = result.failure
    operation.outcome = result.outcome
    operation.answered_at = operation.answered_at or timezone.now()
    operation.gateway_reference = result.reference or operation.gateway_reference
    operation.redirect_url = result.redirect_url or operation.redirect_url
    operation.failure_code = failure.code if failure else ""
    operation.failure_message = failure.message[:255] if failure else ""
    operation.exchange = result.exchange
    operation.next_check_at = _next_check(operation, heard_from)
    operation.is_orphan = result.outcome is Outcome.SUCCEEDED and _is_paid_otherwise(operation)
    operation.save()


def _next_check(operation: GatewayOperation, heard_from: str) -> datetime | None:
    if operation.is_open():
        return timezone.now() + settings.RECOVERY_CHECK_DELAYS[0]
    concluded = heard_from == "lookup" and operation.outcome != Outcome.SUCCEEDED
    return last_look(operation, timezone.now()) if concluded else None


def last_look(operation: GatewayOperation, now: datetime) -> datetime | None:
    """When to look again at what we concluded from silence, or None once it is enough.

    "Never sent" and "expired" are our own conclusions; the provider's page may live on, and be
    paid while its callback is lost.
    """
    ends_at = operation.expires_at or operation.deadline_at
    return next((ends_at + step for step in _AFTER_THE_END if ends_at + step > now), None)


def _is_paid_otherwise(operation: GatewayOperation) -> bool:
    siblings = GatewayOperation.objects.filter(payment_id=operation.payment_id)
    return (
        siblings.exclude(pk=operation.pk)
        .filter(outcome=Outcome.SUCCEEDED, is_orphan=False)
        .exists()
    )


def _apply(
    payment: Payment, operation: GatewayOperation, result: GatewayResult, heard_from: str
) -> None:
    if operation.is_orphan:
        paid, given = payment.current_operation, operation.gateway_reference or operation.key
        first = paid.gateway_reference if paid else ""
        orphan = news.Difference(Contradiction.ORPHAN_CHARGE, first, given)
        return contradict(payment, operation, orphan, heard_from)
    if result.outcome is Outcome.SUCCEEDED:
        payment.provider = operation.provider
        payment.payment_method = result.payment_method
        payment.current_operation = operation
    if payment.current_operation_id == operation.pk:
        payment.current_operation = operation
        _tell(payment, operation, heard_from)
    return None


def _tell(payment: Payment, operation: GatewayOperation, heard_from: str) -> None:
    """Move the payment where its current operation's outcome wants it, or say why it waits."""
    failure = FailureCode(operation.failure_code) if operation.failure_code else None
    outcome = Outcome(operation.outcome or Outcome.UNKNOWN)
    wanted = effect_of(OperationKind(operation.kind), outcome, failure)
    if outcome is Outcome.UNKNOWN:
        lifecycle.note(payment, signals.payment_timed_out, operation, heard_from=heard_from)
    if heard_from == "lookup" and wanted:
        lifecycle.note(payment, signals.payment_verified, operation, heard_from=heard_from)
    if wanted and may_become(PaymentStatus(payment.status), wanted):
        _move(payment, wanted, operation, heard_from)


def _move(
    payment: Payment, status: PaymentStatus, operation: GatewayOperation, heard_from: str
) -> None:
    is_late = status in _SUCCESS and payment.status in (*_ENDED, PaymentStatus.CREATED)
    payment.failure_code = operation.failure_code
    payment.failure_message = operation.failure_message
    if status in _SUCCESS:
        lifecycle.collect(payment, operation.money, status)
    lifecycle.advance(
        payment, status, _SIGNALS[status], operation, heard_from=heard_from, is_late=is_late
    )
    if is_late:
        log.warning("late_success", payment_id=str(payment.id), operation_id=str(operation.id))
