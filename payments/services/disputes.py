"""A payer's bank contests a charge: write it down, and let the payment follow how it ends."""

from django.db import connection, transaction

from payments import lifecycle, outcomes, signals
from payments.events.signal import EventSignal
from payments.gateways import guarded
from payments.gateways.messages import DisputeLookup, DisputeNews, DisputeStatus
from payments.gateways.registry import gateway_named
from payments.gateways.wire import Lost, NotSent
from payments.models import Dispute, GatewayOperation, Payment
from payments.money import Money
from payments.resilience.errors import CallRefused
from payments.services.follow_ups import handle_of
from payments.statuses import PaymentStatus, may_become

_SIGNALS: dict[DisputeStatus, EventSignal] = {
    DisputeStatus.OPEN: signals.dispute_opened,
    DisputeStatus.WON: signals.dispute_won,
    DisputeStatus.LOST: signals.dispute_lost,
}


def look_up_dispute(operation: GatewayOperation, hint: DisputeNews) -> DisputeNews | None:
    """What the provider itself says of a dispute of this charge; None where it says nothing.

    Raises NotSupported where the provider cannot be asked.
    """
    if connection.in_atomic_block:
        raise transaction.TransactionManagementError("A gateway was called inside a transaction.")
    order = DisputeLookup(hint.reference, operation.key, handle_of(operation), operation.money)
    try:
        return guarded.look_up_dispute(gateway_named(operation.provider), order)
    except (NotSent, Lost, CallRefused):
        return None


def record_dispute(
    operation: GatewayOperation, news: DisputeNews, *, is_proven: bool = True
) -> Payment:
    """Keep a dispute as the provider tells of it; may join an open transaction.

    Lost, the payment is charged back; won after that, it is what its refunds make of it. What is
    not proven, is about a second charge, or takes a part only, is kept and moves nothing.
    """
    with lifecycle.hold(operation.payment_id) as payment:
        dispute, is_new = Dispute.objects.get_or_create(
            provider=operation.provider,
            # One that has no name is the one of its charge that has none.
            gateway_reference=news.reference or f"charge:{operation.key}",
            defaults=_facts(payment, operation, news),
        )
        if is_new or _moves_forward(dispute, news):
            lifecycle.move_dispute(dispute, Dispute.Status(news.status), news.deadline)
            moves = is_proven and not operation.is_orphan and _covers(payment, dispute)
            _follow(payment, operation, dispute, news, moves=moves)
        return payment


def _facts(payment: Payment, operation: GatewayOperation, news: DisputeNews) -> dict[str, object]:
    money = news.money or payment.money
    facts = {"amount": money.amount, "currency": money.currency}
    return facts | {"payment": payment, "operation": operation, "reason": news.reason[:100]}


def _moves_forward(dispute: Dispute, news: DisputeNews) -> bool:
    """An ended dispute is not opened again by late news; a lost one may still be won."""
    late = dispute.status != Dispute.Status.OPEN and news.status is DisputeStatus.OPEN
    return not late and dispute.status != news.status


def _covers(payment: Payment, dispute: Dispute) -> bool:
    return dispute.amount >= payment.amount_captured - payment.amount_refunded


def _follow(
    payment: Payment,
    operation: GatewayOperation,
    dispute: Dispute,
    news: DisputeNews,
    *,
    moves: bool,
) -> None:
    signal = _SIGNALS[news.status]
    details = {
        "dispute": dispute.gateway_reference,
        "amount": Money(dispute.amount, dispute.currency).major,
        "reason": dispute.reason,
    }
    status = _status_after(payment, news.status)
    if moves and may_become(PaymentStatus(payment.status), status):
        lifecycle.advance(payment, status, signal, operation, heard_from="webhook", details=details)
    else:
        lifecycle.note(payment, signal, operation, heard_from="webhook", details=details)


def _status_after(payment: Payment, status: DisputeStatus) -> PaymentStatus:
    current = PaymentStatus(payment.status)
    if status is DisputeStatus.LOST:
        return PaymentStatus.CHARGED_BACK
    if status is DisputeStatus.WON and current is PaymentStatus.CHARGED_BACK:
        return outcomes.status_after_refunds(payment)
    return current
