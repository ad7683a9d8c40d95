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
    not proven, is about a second charge, or takes a part only, is kept and moves nothing; proven
    later, or of more than was told before, it moves then.
    """
    with lifecycle.hold(operation.payment_id) as payment:
        dispute, is_new = Dispute.objects.get_or_create(
            provider=operation.provider,
            # One that has no name is the one of its charge that has none.
            gateway_reference=news.reference or f"charge:{operation.key}",
            defaults=_facts(payment, operation, news),
        )
        if is_new or not _is_late(dispute, news):
            is_news = is_new or dispute.status != news.status
            if is_proven:
                _correct(dispute, news)
            moves = is_proven and not operation.is_orphan and _may_move(payment, dispute, news)
            if is_news:
                lifecycle.move_dispute(dispute, Dispute.Status(news.status), news.deadline)
            if is_news or moves:
                _follow(payment, operation, dispute, news, moves=moves)
        return payment


def _facts(payment: Payment, operation: GatewayOperation, news: DisputeNews) -> dict[str, object]:
    money = news.money or payment.money
    facts = {"amount": money.amount, "currency": money.currency}
    return facts | {"payment": payment, "operation": operation, "reason": news.reason[:100]}


def _is_late(dispute: Dispute, news: DisputeNews) -> bool:
    """An ended dispute is not opened again by late news; a lost one may still be won."""
    return dispute.status != Dispute.Status.OPEN and news.status is DisputeStatus.OPEN


def _correct(dispute: Dispute, news: DisputeNews) -> None:
    """What is contested may change while the banks talk; the latest word of it counts."""
    if news.money:
        dispute.amount, dispute.currency = news.money.amount, news.money.currency
    dispute.deadline = news.deadline or dispute.deadline
    dispute.save(update_fields=["amount", "currency", "deadline"])


def _may_move(payment: Payment, dispute: Dispute, news: DisputeNews) -> bool:
    """Whether this takes the payment to where it is not yet."""
    status = _status_after(payment, dispute, news.status)
    is_there = payment.status == status
    moves = may_become(PaymentStatus(payment.status), status)
    return moves and not is_there and _covers(payment, dispute)


def _covers(payment: Payment, dispute: Dispute) -> bool:
    """Whether all that is left is contested; another currency cannot be compared with it."""
    left = payment.amount_captured - payment.amount_refunded
    return dispute.currency == payment.currency and dispute.amount >= left


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
    if moves:
        status = _status_after(payment, dispute, news.status)
        lifecycle.advance(payment, status, signal, operation, heard_from="webhook", details=details)
    else:
        lifecycle.note(payment, signal, operation, heard_from="webhook", details=details)


def _status_after(payment: Payment, dispute: Dispute, status: DisputeStatus) -> PaymentStatus:
    """One that was won gives back what it took, and not what another took."""
    current = PaymentStatus(payment.status)
    if status is DisputeStatus.LOST:
        return PaymentStatus.CHARGED_BACK
    if status is DisputeStatus.OPEN or current is not PaymentStatus.CHARGED_BACK:
        return current
    others = payment.disputes.filter(status=Dispute.Status.LOST).exclude(pk=dispute.pk)
    if any(_covers(payment, each) for each in others):
        return current
    return outcomes.status_after_refunds(payment)
