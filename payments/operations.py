"""begin, call, settle: the three beats of every gateway effect.

`begin` commits the intention before a byte leaves, `call` is the network and nothing else,
`settle` commits what it meant. All news comes through `settle`: answers, webhooks, lookups. It
may hear the same thing twice and in any order, so nothing upstream has to be exactly once.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from payments import lifecycle, news, outcomes, rows, signals
from payments.errors import InvalidTransition, OperationInProgress
from payments.gateways import guarded
from payments.gateways.contract import Gateway
from payments.gateways.messages import GatewayCallFacts, GatewayResult, Order
from payments.models import GatewayCall, GatewayOperation, IdempotencyKey, Payment, Refund
from payments.money import Money
from payments.next_checks import next_check
from payments.statuses import OperationKind, Outcome, PaymentStatus

log = structlog.get_logger(__name__)

# Between the end of a call and its settlement: longer than any healthy process takes.
GRACE = timedelta(seconds=5)
_WRITTEN = (
    "outcome",
    "answered_at",
    "gateway_reference",
    "ids",
    "redirect_url",
    "failure_code",
    "failure_message",
    "may_have_left",
    "next_check_at",
    "is_orphan",
)


def begin(
    payment_id: UUID, kind: OperationKind, gateway: Gateway, *, reason: str, timeout: timedelta
) -> tuple[GatewayOperation, bool]:
    """Write down the intention; answers the operation and whether it is new.

    An operation that is under way already is answered as it stands, and nothing is begun.
    Raises OperationInProgress while its call is in flight, or where another gateway was tried
    meanwhile and may yet be paid; InvalidTransition after the end.
    """
    with lifecycle.hold(payment_id, durable=True) as payment:
        if under_way := _under_way(payment):
            return under_way, False
        _demand_nowhere_else(payment, gateway)
        operation = _intend(payment, kind, gateway, reason, timeout, payment.money)
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
    if payment.status in outcomes.ENDED:
        raise InvalidTransition(f"This payment is {payment.status}; create a new one to pay.")
    operation = payment.current_operation
    if operation is None or payment.status == PaymentStatus.CREATED:
        return None
    demand_not_in_flight(operation)
    return operation


def _demand_nowhere_else(payment: Payment, gateway: Gateway) -> None:
    """Routes are read before the lock: who held it before us may have gone elsewhere."""
    if payment.current_operation_id is None:
        return
    elsewhere = payment.operations.exclude(provider=gateway.name)
    if went := next((each for each in elsewhere if each.may_still_be_paid()), None):
        raise OperationInProgress(
            f"This payment was sent to {went.provider} meanwhile; ask again in a moment.",
            retry_after=timedelta(seconds=1),
        )


def demand_not_in_flight(operation: GatewayOperation) -> None:
    """Raise OperationInProgress while the operation's own call may still be running."""
    if operation.outcome is None and not operation.is_overdue():
        raise OperationInProgress(
            "The same payment is being sent to its provider right now; ask again in a moment.",
            retry_after=timedelta(seconds=1),
        )


def begin_follow_up(
    payment: Payment,
    kind: OperationKind,
    gateway: Gateway,
    money: Money,
    *,
    request_key: IdempotencyKey | None = None,
) -> GatewayOperation:
    """Write down a capture, void or refund of a held payment, in the holder's transaction."""
    parent = _parent_of(payment, kind)
    limit = guarded.budget_for(gateway)
    operation = _intend(payment, kind, gateway, "where it was paid", limit, money, parent)
    if request_key:
        request_key.remember_operation(operation.id)
    lifecycle.note(payment, signals.payment_initiated, operation)
    return operation


def begin_refund(
    payment: Payment,
    gateway: Gateway,
    money: Money,
    *,
    reason: str,
    request_key: IdempotencyKey | None = None,
) -> GatewayOperation:
    """Reserve what is to be given back, and write the refund down with its operation."""
    operation = begin_follow_up(
        payment, OperationKind.REFUND, gateway, money, request_key=request_key
    )
    refund = Refund.objects.create(payment=payment, operation=operation, reason=reason)
    payment.refund_pending += money.amount
    payment.save(update_fields=["refund_pending"])
    details = {"refund_id": str(refund.id), "refund_amount": money.major}
    lifecycle.note(payment, signals.refund_requested, operation, details=details)
    return operation


def begin_aside(
    payment: Payment,
    parent: GatewayOperation,
    kind: OperationKind,
    gateway: Gateway,
    money: Money,
    *,
    reason: str,
) -> GatewayOperation:
    """Write down what moves no sum of the payment, in the holder's transaction.

    A second charge is given back, or what a capture left is released.
    """
    limit = guarded.budget_for(gateway)
    operation = _intend(payment, kind, gateway, reason, limit, money, parent)
    lifecycle.note(
        payment, signals.payment_initiated, operation, details={signals.BESIDE: str(parent.id)}
    )
    return operation


def _parent_of(payment: Payment, kind: OperationKind) -> GatewayOperation | None:
    """Refunds name the capture where there was one; everything else names the charge."""
    captured = payment.operations.filter(kind=OperationKind.CAPTURE, outcome=Outcome.SUCCEEDED)
    last_capture = captured.last() if kind is OperationKind.REFUND else None
    return last_capture or payment.current_operation


def _intend(
    payment: Payment,
    kind: OperationKind,
    gateway: Gateway,
    reason: str,
    timeout: timedelta,
    money: Money,
    parent: GatewayOperation | None = None,
) -> GatewayOperation:
    now = timezone.now()
    return GatewayOperation.objects.create(
        payment=payment,
        parent=parent,
        is_orphan=bool(parent and parent.is_orphan),
        kind=kind,
        provider=gateway.name,
        amount=money.amount,
        currency=money.currency,
        routing_reason=reason,
        started_at=now,
        deadline_at=now + timeout + GRACE,
        next_check_at=now + timeout + GRACE,
        expires_at=now + gateway.page_lifetime(settings.PAGE_LIFETIME),
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
    result = guarded.attempt(gateway, order, timeout)
    log.info("gateway_answered", provider=gateway.name, key=order.key, outcome=result.outcome)
    return result


def settle(known: GatewayOperation, result: GatewayResult, *, heard_from: str) -> Payment:
    """Commit what an answer, a webhook or a lookup means for the payment, with its event.

    `known` says which operation; what it is now is read under the payment's lock. May join a
    transaction that is open already (the delivery that brought the news). News that contradicts
    our records is kept as a Discrepancy and changes nothing else.
    """
    with lifecycle.hold_with(known) as (payment, operation):
        keep_calls(operation, result.calls)
        _sound_unlisted_word(operation, result)
        is_back = result.takes_back and outcomes.is_given_back(payment)
        difference = news.difference_in(operation, result, heard_from, is_given_back=is_back)
        if not difference and news.wants_asking(operation, result, heard_from):
            outcomes.ask_soon(operation)
            return payment
        difference = difference or news.excess_in(operation, result, outcomes.refundable(payment))
        if difference:
            outcomes.contradict(payment, operation, difference, heard_from)
        elif news.moves_forward(operation, result) or news.brings_doubt(
            operation, result, heard_from
        ):
            before = operation.outcome
            _write_down(payment, operation, result, heard_from)
            outcomes.apply(payment, operation, result, heard_from, before)
        seconds = news.second_charges_in(operation, result)
        for second in seconds:
            outcomes.contradict(payment, operation, second, heard_from)
        if not difference and not seconds:
            outcomes.keep_fee(payment, operation, result)
        return payment


def keep_calls(operation: GatewayOperation | None, calls: Iterable[GatewayCallFacts]) -> None:
    """Write down what each attempt was, with what it brought or without; a list is of none."""
    GatewayCall.objects.bulk_create(
        [GatewayCall(operation=operation, **asdict(call)) for call in calls]
    )


def _sound_unlisted_word(operation: GatewayOperation, result: GatewayResult) -> None:
    if result.unlisted_word:
        log.error(
            "gateway_word_unlisted",
            provider=operation.provider,
            operation_id=str(operation.id),
            word=result.unlisted_word[:40],
        )


def _write_down(
    payment: Payment, operation: GatewayOperation, result: GatewayResult, heard_from: str
) -> None:
    failure, before = result.failure, operation.names_given()
    operation.outcome = result.outcome
    operation.answered_at = operation.answered_at or timezone.now()
    operation.gateway_reference = result.reference or operation.gateway_reference
    # What an answer "needs" next is true of that answer alone.
    operation.ids |= {name: value for name, value in result.ids.items() if name != "needs"}
    operation.redirect_url = result.redirect_url or operation.redirect_url
    operation.failure_code = failure.code if failure else ""
    operation.failure_message = failure.message[:255] if failure else ""
    never_left = result.outcome is Outcome.NOT_SENT and heard_from == "answer"
    operation.may_have_left = not never_left
    operation.next_check_at = result.again_at if never_left else next_check(operation, heard_from)
    operation.is_orphan = operation.is_orphan or _is_orphan(payment, operation)
    rows.update(operation, _WRITTEN + _keep_exchange(operation, result))
    operation.remember_names(before)


def _keep_exchange(operation: GatewayOperation, result: GatewayResult) -> tuple[str, ...]:
    """What was said last when we asked; what a webhook said is in the inbox, whole."""
    if not result.exchange:
        return ()
    operation.exchange = result.exchange
    return ("exchange",)


def _is_orphan(payment: Payment, operation: GatewayOperation) -> bool:
    """Whether this took money for a payment that another operation has paid already."""
    if operation.is_follow_up() or operation.outcome != Outcome.SUCCEEDED:
        return False
    if not payment.has_collected():
        return False
    siblings = GatewayOperation.objects.filter(
        payment_id=operation.payment_id,
        kind__in=[OperationKind.CHARGE, OperationKind.AUTHORIZE],
        outcome=Outcome.SUCCEEDED,
        is_orphan=False,
    )
    return siblings.exclude(pk=operation.pk).exists()
