"""What a settled outcome means for its payment: the move, the sums, the event.

Called by `operations.settle` alone, under the payment's lock and after the operation was written.
"""

import structlog
from django.utils import timezone

from payments import ledger, lifecycle, news, signals
from payments.events.signal import EventSignal
from payments.gateways.messages import GatewayResult
from payments.models import Discrepancy, GatewayOperation, Payment, PostingKind
from payments.money import Money
from payments.statuses import (
    FINAL_OUTCOMES,
    Contradiction,
    FailureCode,
    OperationKind,
    Outcome,
    PaymentStatus,
    effect_of,
    may_become,
)

log = structlog.get_logger(__name__)

ENDED = (PaymentStatus.FAILED, PaymentStatus.CANCELLED, PaymentStatus.EXPIRED)
_GIVEN_BACK = (PaymentStatus.REFUNDED, PaymentStatus.CHARGED_BACK, PaymentStatus.CANCELLED)
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


def contradict(
    payment: Payment, operation: GatewayOperation, difference: news.Difference, heard_from: str
) -> None:
    """Keep a contradiction for a person, once however often it is heard.

    The gateway is asked at once, unless this is what it said when it was asked.
    """
    told, facts = difference.heard_money, {"payment": payment, "expected": difference.expected}
    facts |= {"heard_amount": told.amount, "currency": told.currency} if told else {}
    _, is_new = Discrepancy.objects.get_or_create(
        operation=operation,
        kind=difference.kind,
        heard=difference.heard[:255],
        defaults=facts | {"source": heard_from},
    )
    if not is_new:
        return
    if heard_from != "lookup" and operation.outcome != Outcome.SUCCEEDED:
        ask_soon(operation)
    details = {"contradiction": difference.kind.value}
    details |= {"expected": difference.expected, "heard": difference.heard}
    lifecycle.note(
        payment, signals.payment_contradicted, operation, heard_from=heard_from, details=details
    )
    log.error("payment_contradicted", payment_id=str(payment.id), **details)


def ask_soon(operation: GatewayOperation) -> None:
    """Believe nothing yet: what the provider says when it is asked decides."""
    operation.next_check_at = timezone.now()
    operation.save(update_fields=["next_check_at"])


def apply(
    payment: Payment,
    operation: GatewayOperation,
    result: GatewayResult,
    heard_from: str,
    before: str | None,
) -> None:
    """Let a payment follow its operation's new outcome; `before` is the outcome it had."""
    if operation.outcome == Outcome.UNKNOWN:
        lifecycle.note(payment, signals.payment_timed_out, operation, heard_from=heard_from)
    if operation.is_follow_up() and operation.is_orphan:
        _tell_of_return(payment, operation, heard_from)
    elif operation.kind == OperationKind.REFUND:
        _refund(payment, operation, heard_from, before)
    elif operation.frees_a_rest():
        _tell_of_release(payment, operation, heard_from)
    elif operation.is_follow_up():
        _follow_up(payment, operation, heard_from)
    else:
        _charge(payment, operation, result, heard_from)


def keep_fee(payment: Payment, operation: GatewayOperation, result: GatewayResult) -> None:
    """Post what the gateway kept of what it took for the payment, whenever it first tells."""
    is_taken = operation.outcome == result.outcome == Outcome.SUCCEEDED
    took = is_taken and operation.kind in (OperationKind.CHARGE, OperationKind.CAPTURE)
    if took and payment.amount_captured and not operation.is_orphan:
        ledger.post_fee(payment, operation, result.fee)


def _charge(
    payment: Payment, operation: GatewayOperation, result: GatewayResult, heard_from: str
) -> None:
    if operation.is_orphan:
        paid, given = payment.current_operation, operation.gateway_reference or operation.key
        first = paid.gateway_reference if paid else ""
        orphan = news.Difference(Contradiction.ORPHAN_CHARGE, first, given)
        return contradict(payment, operation, orphan, heard_from)
    if operation.outcome == Outcome.SUCCEEDED:
        payment.provider = operation.provider
        payment.payment_method = result.payment_method
        payment.current_operation = operation
    if payment.current_operation_id == operation.pk:
        payment.current_operation = operation
        payment.failure_code = operation.failure_code
        payment.failure_message = operation.failure_message
        moved = _move(payment, operation, heard_from, can_try_again=result.leaves_another_try)
        if not moved:
            payment.save_progress()
    return None


def _tell_of_return(payment: Payment, operation: GatewayOperation, heard_from: str) -> None:
    """A second charge goes back: that settles its discrepancy, and moves no sum of the payment."""
    if operation.outcome not in FINAL_OUTCOMES:
        return
    is_back, orphan = operation.outcome == Outcome.SUCCEEDED, operation.parent
    told = Discrepancy.objects.filter(operation=orphan, kind=Contradiction.ORPHAN_CHARGE)
    if is_back and orphan:
        told.filter(heard=orphan.gateway_reference or orphan.key, resolved_at=None).update(
            resolved_at=timezone.now(),
            resolved_by="ballast",
            resolution=f"given back as {operation.gateway_reference or operation.key}",
        )
    else:  # also one that had gone back, and came back to us
        told.filter(resolved_by="ballast").update(resolved_at=None, resolved_by="", resolution="")
    action = "orphan_returned" if is_back else "orphan_not_returned"
    details = {"action": action, "amount": str(operation.money)}
    lifecycle.note(
        payment, signals.payment_audit_log, operation, heard_from=heard_from, details=details
    )


def _tell_of_release(payment: Payment, operation: GatewayOperation, heard_from: str) -> None:
    """What a capture left is free again: that moves neither the payment nor its sums."""
    if operation.outcome not in FINAL_OUTCOMES:
        return
    done = operation.outcome == Outcome.SUCCEEDED
    details = {"action": "rest_released" if done else "rest_not_released"}
    details |= {"amount": str(operation.money)}
    lifecycle.note(
        payment, signals.payment_audit_log, operation, heard_from=heard_from, details=details
    )


def _follow_up(payment: Payment, operation: GatewayOperation, heard_from: str) -> None:
    """A capture or a void: its success moves the payment, its failure leaves it as it was."""
    if operation.outcome == Outcome.SUCCEEDED:
        _move(payment, operation, heard_from)
    elif operation.outcome in FINAL_OUTCOMES:
        lifecycle.note(payment, signals.payment_status_changed, operation, heard_from=heard_from)


def _move(
    payment: Payment,
    operation: GatewayOperation,
    heard_from: str,
    *,
    can_try_again: bool = False,
) -> bool:
    """Move the payment where the outcome wants it, if the table allows; whether it moved."""
    failure = FailureCode(operation.failure_code) if operation.failure_code else None
    outcome = Outcome(operation.outcome or Outcome.UNKNOWN)
    if operation.may_be_retried_by_payer():
        outcome = Outcome.ACTION_REQUIRED
    status = effect_of(OperationKind(operation.kind), outcome, failure)
    if status is None:
        return False
    if status is PaymentStatus.FAILED and can_try_again:
        status = PaymentStatus.CREATED
    if heard_from == "lookup":
        lifecycle.note(payment, signals.payment_verified, operation, heard_from=heard_from)
    if not may_become(PaymentStatus(payment.status), status):
        return False
    is_late = status in _SUCCESS and payment.status in (*ENDED, PaymentStatus.CREATED)
    if status in _SUCCESS:
        lifecycle.collect(payment, operation.money, status)
    lifecycle.advance(
        payment, status, _SIGNALS[status], operation, heard_from=heard_from, is_late=is_late
    )
    if is_late:
        log.warning("late_success", payment_id=str(payment.id), operation_id=str(operation.id))
    return True


def _refund(
    payment: Payment, operation: GatewayOperation, heard_from: str, before: str | None
) -> None:
    """Sums first: what was reserved is released, what was given back is counted."""
    if operation.outcome not in FINAL_OUTCOMES:
        return
    if before not in FINAL_OUTCOMES:
        payment.refund_pending -= operation.amount
    if operation.outcome == Outcome.SUCCEEDED:
        payment.amount_refunded += operation.amount
        _post_refund(payment, operation, PostingKind.REFUNDED, before)
        _tell_of_refund(payment, operation, signals.refund_succeeded, heard_from)
    else:
        if before == Outcome.SUCCEEDED:
            payment.amount_refunded -= operation.amount
            _post_refund(payment, operation, PostingKind.REFUND_RETURNED, before)
        _tell_of_refund(payment, operation, signals.refund_failed, heard_from)


def _post_refund(
    payment: Payment, operation: GatewayOperation, kind: PostingKind, before: str | None
) -> None:
    """What ended before may end otherwise, and then again as it was."""
    again = before in FINAL_OUTCOMES
    ledger.post(payment, kind, operation.amount, operation, may_come_again=again)


def _tell_of_refund(
    payment: Payment, operation: GatewayOperation, signal: EventSignal, heard_from: str
) -> None:
    payment.save_progress()
    lifecycle.note(
        payment,
        signal,
        operation,
        heard_from=heard_from,
        details={"refund_amount": operation.money.major, "refund_id": str(operation.refund.id)},
    )
    status = status_after_refunds(payment)
    # What a lost dispute took is given back by a won one alone, whatever refunds do meanwhile.
    is_contested = payment.status == PaymentStatus.CHARGED_BACK
    if not is_contested and may_become(PaymentStatus(payment.status), status):
        is_back = status is PaymentStatus.COMPLETED
        moved = signals.payment_status_changed if is_back else signals.payment_refunded
        lifecycle.advance(payment, status, moved, operation, heard_from=heard_from)


def status_after_refunds(payment: Payment) -> PaymentStatus:
    """Where the sums put a payment that was paid."""
    if payment.amount_refunded == 0:
        return PaymentStatus.COMPLETED
    in_full = payment.amount_refunded == payment.amount_captured
    return PaymentStatus.REFUNDED if in_full else PaymentStatus.PARTIALLY_REFUNDED


def is_given_back(payment: Payment) -> bool:
    """Whether nothing of what was taken is left, or is going back right now, and we know why."""
    ours = payment.operations.filter(
        kind__in=[OperationKind.VOID, OperationKind.REFUND], is_orphan=False
    ).exclude(kind=OperationKind.VOID, parent__kind=OperationKind.CAPTURE)
    return payment.status in _GIVEN_BACK or any(each.is_open() for each in ours)


def refundable(payment: Payment) -> Money:
    """What may still be given back: nothing twice, nothing that is on its way already."""
    left = payment.amount_captured - payment.amount_refunded - payment.refund_pending
    return Money(left, payment.currency)
