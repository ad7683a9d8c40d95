"""A payer's bank contests a charge: write it down, and let the payment follow how it ends."""

from datetime import timedelta

from django.db import connection, transaction
from django.db.models import QuerySet

from payments import ledger, lifecycle, operations, outcomes, signals
from payments.errors import NotAnswered
from payments.events.signal import EventSignal
from payments.gateways import guarded
from payments.gateways.messages import DisputeLookup, DisputeNews, DisputeStatus, GatewayCallFacts
from payments.gateways.registry import gateway_named
from payments.gateways.wire import Lost, NotSent
from payments.models import Dispute, GatewayOperation, Payment
from payments.money import Money
from payments.news import Difference
from payments.resilience.errors import CallRefused, DeadlineExceeded
from payments.services.follow_ups import handle_of
from payments.statuses import Contradiction, Outcome, PaymentStatus, may_become

_SIGNALS: dict[DisputeStatus, EventSignal] = {
    DisputeStatus.OPEN: signals.dispute_opened,
    DisputeStatus.WON: signals.dispute_won,
    DisputeStatus.LOST: signals.dispute_lost,
}


def look_up_dispute(
    operation: GatewayOperation, hint: DisputeNews, timeout: timedelta | None = None
) -> DisputeNews | None:
    """What the provider itself says of a dispute of this charge; None where it knows of none.

    Keeps a row of each call. Raises NotAnswered, and NotSupported where it cannot be asked.
    """
    calls: list[GatewayCallFacts] = []
    try:
        return asked_about(operation, hint, calls, timeout)
    finally:
        operations.keep_calls(operation, calls)


def asked_about(
    operation: GatewayOperation,
    hint: DisputeNews,
    calls: list[GatewayCallFacts],
    timeout: timedelta | None = None,
) -> DisputeNews | None:
    """The same, writing nothing down: what was tried is added to `calls`.

    Raises NotAnswered, NotSupported, and UnknownProvider where that is connected no more.
    """
    if connection.in_atomic_block:
        raise transaction.TransactionManagementError("A gateway was called inside a transaction.")
    order = DisputeLookup(hint.reference, operation.key, handle_of(operation), operation.money)
    try:
        return guarded.look_up_dispute(gateway_named(operation.provider), order, calls, timeout)
    except (NotSent, Lost, CallRefused, DeadlineExceeded) as error:
        raise NotAnswered(str(error)) from error


def record_dispute(
    operation: GatewayOperation, news: DisputeNews, *, is_proven: bool = True
) -> Payment:
    """Keep a dispute as the provider tells of it; may join an open transaction.

    Lost, it takes its money back in the ledger, and once nothing is left the payment is charged
    back; won after that, the payment is what its refunds make of it. What is not proven, or is
    about an attempt that took nothing for the payment, is kept and moves nothing; proven later,
    or of more than was told before, it moves then. Lost after it was won contradicts itself: a
    bank that begins anew opens another dispute.
    """
    with lifecycle.hold(operation.payment_id) as payment:
        dispute, is_new = Dispute.objects.get_or_create(
            provider=operation.provider,
            # One that has no name is the one of its charge that has none.
            gateway_reference=news.reference or f"charge:{operation.key}",
            defaults=_facts(payment, operation, news),
        )
        if _was_won_before(dispute, news):
            outcomes.contradict(payment, operation, _lost_after_all(dispute, news), "webhook")
        elif is_new or not _is_late(dispute, news):
            is_news = is_new or dispute.status != news.status
            if is_proven:
                _correct(dispute, news)
            if is_news:
                lifecycle.move_dispute(dispute, Dispute.Status(news.status), news.deadline)
            if is_proven and _about_its_money(payment).filter(pk=dispute.pk).exists():
                _follow(payment, operation, dispute, news, is_news=is_news)
            elif is_news:
                _tell(payment, operation, dispute, news)
        return payment


def _facts(payment: Payment, operation: GatewayOperation, news: DisputeNews) -> dict[str, object]:
    money = news.money or payment.money
    facts = {"amount": money.amount, "currency": money.currency}
    return facts | {"payment": payment, "operation": operation, "reason": news.reason[:100]}


def _is_late(dispute: Dispute, news: DisputeNews) -> bool:
    """An ended dispute is not opened again by late news; a lost one may still be won."""
    return dispute.status != Dispute.Status.OPEN and news.status is DisputeStatus.OPEN


def _was_won_before(dispute: Dispute, news: DisputeNews) -> bool:
    """Told lost, late or again, of what its bank has lost for good."""
    is_won = dispute.proven_status == Dispute.Status.WON
    return is_won and news.status is DisputeStatus.LOST


def _lost_after_all(dispute: Dispute, news: DisputeNews) -> Difference:
    name = dispute.gateway_reference
    won, lost = f"dispute {name} won", f"dispute {name} lost"
    return Difference(Contradiction.UNEXPECTED_NEWS, won, lost, news.money)


def _correct(dispute: Dispute, news: DisputeNews) -> None:
    """What is contested may change while the banks talk; the latest word of it counts."""
    if news.money:
        dispute.amount, dispute.currency = news.money.amount, news.money.currency
    dispute.deadline = news.deadline or dispute.deadline
    dispute.proven_status = Dispute.Status(news.status)
    dispute.save(update_fields=["amount", "currency", "deadline", "proven_status"])


def _about_its_money(payment: Payment) -> QuerySet[Dispute]:
    """The disputes about what is counted as taken for this payment."""
    return payment.disputes.filter(operation__outcome=Outcome.SUCCEEDED, operation__is_orphan=False)


def _follow(
    payment: Payment,
    operation: GatewayOperation,
    dispute: Dispute,
    news: DisputeNews,
    *,
    is_news: bool,
) -> None:
    """Bring ledger and status to what all disputes together leave of the payment."""
    lost = _lost(payment)
    ledger.contest(payment, operation, sum(each.amount for each in lost))
    status = _status_after(payment, lost, news.status)
    if status != payment.status and may_become(PaymentStatus(payment.status), status):
        _tell(payment, operation, dispute, news, status)
    elif is_news:
        _tell(payment, operation, dispute, news)


def _lost(payment: Payment) -> list[Dispute]:
    """The lost disputes about its money; another currency cannot be compared with it."""
    lost = _about_its_money(payment).filter(proven_status=Dispute.Status.LOST)
    return list(lost.filter(currency=payment.currency))


def _status_after(payment: Payment, lost: list[Dispute], news: DisputeStatus) -> PaymentStatus:
    """A payment of which nothing is left is charged back; only a won dispute undoes that."""
    current = PaymentStatus(payment.status)
    left = payment.amount_captured - payment.amount_refunded
    if lost and sum(each.amount for each in lost) >= left:
        return PaymentStatus.CHARGED_BACK
    is_undone = current is PaymentStatus.CHARGED_BACK and news is DisputeStatus.WON
    return outcomes.status_after_refunds(payment) if is_undone else current


def _tell(
    payment: Payment,
    operation: GatewayOperation,
    dispute: Dispute,
    news: DisputeNews,
    status: PaymentStatus | None = None,
) -> None:
    signal = _SIGNALS[news.status]
    details = {
        "dispute": dispute.gateway_reference,
        "amount": Money(dispute.amount, dispute.currency).major,
        "reason": dispute.reason,
    }
    if status:
        lifecycle.advance(payment, status, signal, operation, heard_from="webhook", details=details)
    else:
        lifecycle.note(payment, signal, operation, heard_from="webhook", details=details)
