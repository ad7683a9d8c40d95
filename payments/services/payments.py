"""Create a payment, send it to its provider, ask what became of it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from payments import lifecycle, operations, signals
from payments.errors import (
    InvalidAmount,
    InvalidTransition,
    NotSupported,
    OutcomeUnknown,
    PaymentNotFound,
    ServiceUnavailable,
)
from payments.gateways.guarded import budget_for
from payments.gateways.messages import Capture, Void
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation, IdempotencyKey, Payment, SubjectKey
from payments.models.subject import customer_digest
from payments.money import Money
from payments.routing import Route, candidates, demand_capability, taking_tokens
from payments.services.charges import charge_for
from payments.services.follow_ups import (
    NOT_KNOWN_YET,
    RETRY_SOON,
    AnotherMayTry,
    carry_out,
    handle_of,
)
from payments.services.readers import ask_for_a_reader
from payments.services.recovery import ask_about, is_in_doubt
from payments.statuses import OperationKind, Outcome, PaymentStatus

_ENDS_A_HOLD = (OperationKind.CAPTURE, OperationKind.VOID)
_PAYER_WAITS_FOR = timedelta(seconds=5)
_CAME_TO_NOTHING = (Outcome.DECLINED, Outcome.NOT_SENT)


def create_payment(
    *,
    owner_id: UUID | None,
    money: Money,
    provider: str = "",
    customer: Mapping[str, Any] | None = None,
    request_key: IdempotencyKey | None = None,
    **wishes: Any,
) -> Payment:
    """Write down what is to be collected; nothing is sent yet.

    `wishes` are the plain fields of Payment: reference, description, contract, capture,
    return_url, callback_url, payment_methods, language, metadata. Raises InvalidAmount and
    UnknownProvider, and what routing raises for a named provider that cannot take it.
    """
    if money.amount <= 0:
        raise InvalidAmount("A payment must be of more than zero.", attr="amount")
    payment = Payment(
        owner_id=owner_id,
        amount=money.amount,
        currency=money.currency,
        provider=provider,
        provider_is_named=bool(provider),
        **wishes,
    )
    candidates(payment, _kind_of(payment))
    with transaction.atomic(durable=True):
        _keep_customer(payment, customer or {})
        lifecycle.open_new(payment, signals.payment_created)
        if request_key:
            request_key.remember(payment.id)
    return payment


def _keep_customer(payment: Payment, customer: Mapping[str, Any]) -> None:
    if not customer:
        return
    digest = customer_digest(str(customer.get("id") or ""))
    payment.customer_digest = digest
    payment.subject = _subject(payment.owner_id, digest)
    payment.customer = dict(customer)


def _subject(owner_id: UUID | None, digest: str) -> SubjectKey:
    if not digest:
        return SubjectKey.objects.create(owner_id=owner_id)
    # An owner of null is not unique to a database; operators' customers get a key a payment.
    if owner_id is None:
        return SubjectKey.objects.create(owner_id=None, customer_digest=digest)
    return SubjectKey.objects.get_or_create(owner_id=owner_id, customer_digest=digest)[0]


def _kind_of(payment: Payment) -> OperationKind:
    manual = payment.capture == Payment.Capture.MANUAL
    return OperationKind.AUTHORIZE if manual else OperationKind.CHARGE


def process_payment(
    *,
    payment_id: UUID,
    payment_methods: Sequence[str] = (),
    language: str = "",
    timeout: timedelta | None = None,
    payment_token: str = "",
) -> Payment:
    """Send a payment to its provider; repeating it answers the same and never charges twice.

    With a `payment_token` (what the provider's browser library made of a card) it is charged at
    once, without a page. The token is not stored: what became of it is asked by our own key.
    Raises ServiceUnavailable where nothing was sent, OutcomeUnknown where the answer was lost,
    PaymentDeclined on a final no, OperationInProgress and InvalidTransition as `begin` does.
    """
    payment = Payment.objects.select_related("subject").get(pk=payment_id)
    kind = _kind_of(payment)
    routes = candidates(payment, kind)
    *others, last = taking_tokens(routes) if payment_token else routes
    wishes = (payment_methods, language, timeout, payment_token)
    for route in others:
        with suppress(ServiceUnavailable, AnotherMayTry, NotSupported):
            return _process_at(route, payment, kind, *wishes, is_last=False)
    return _process_at(last, payment, kind, *wishes, is_last=True)


def _process_at(
    route: Route,
    payment: Payment,
    kind: OperationKind,
    methods: Sequence[str],
    language: str,
    timeout: timedelta | None,
    token: str,
    *,
    is_last: bool,
) -> Payment:
    """One operation at one gateway. Another may be tried after ServiceUnavailable, where nothing
    left, and AnotherMayTry, where the gateway would not have the payment at all."""
    limit = budget_for(route.gateway, timeout)
    # What a card was turned into is kept nowhere, so it cannot be sent again.
    again_after = settings.PAYMENT_RETRY_DELAYS if is_last and not token else ()
    operation, is_new = operations.begin(
        payment.id, kind, route.gateway, reason=route.reason, timeout=limit
    )
    if is_new:
        order = charge_for(payment, operation, methods, language, token)
        carry_out(
            route.gateway, operation, order, another_waits=not is_last, again_after=again_after
        )
    return payment_with(payment.id)


def capture_payment(
    *, payment_id: UUID, money: Money | None = None, request_key: IdempotencyKey | None = None
) -> Payment:
    """Take what was reserved, whole or in part; the rest is released.

    Raises InvalidTransition where nothing is reserved, InvalidAmount above it, NotSupported, and
    what the call to the provider raises.
    """
    with lifecycle.hold(payment_id, durable=True) as payment:
        if _is_under_way(payment, OperationKind.CAPTURE, money):
            return payment_with(payment_id)
        amount = _capturable(payment, money)
        gateway = gateway_named(payment.provider)
        demand_capability(gateway, OperationKind.CAPTURE, is_partial=amount < payment.money)
        operation = operations.begin_follow_up(
            payment, OperationKind.CAPTURE, gateway, amount, request_key=request_key
        )
    carry_out(gateway, operation, Capture(operation.key, amount, handle_of(operation.parent)))
    return payment_with(payment_id)


def cancel_payment(*, payment_id: UUID, request_key: IdempotencyKey | None = None) -> Payment:
    """Withdraw a payment that took nothing yet, voiding what was reserved.

    Raises InvalidTransition where money was taken already or a page can still be paid,
    NotSupported, and what the call to the provider raises.
    """
    with lifecycle.hold(payment_id, durable=True) as payment:
        if _is_under_way(payment, OperationKind.VOID):
            return payment_with(payment_id)
        if payment.status == PaymentStatus.CREATED:
            lifecycle.advance(payment, PaymentStatus.CANCELLED, signals.payment_cancelled)
            return payment_with(payment_id)
        _demand_reserved(payment)
        gateway = gateway_named(payment.provider)
        demand_capability(gateway, OperationKind.VOID)
        operation = operations.begin_follow_up(
            payment, OperationKind.VOID, gateway, payment.money, request_key=request_key
        )
    carry_out(gateway, operation, Void(operation.key, payment.money, handle_of(operation.parent)))
    return payment_with(payment_id)


def _is_under_way(payment: Payment, kind: OperationKind, money: Money | None = None) -> bool:
    """Whether the very same was asked for before: then it is answered as it stands.

    Raises InvalidTransition where something else is under way or done with what was reserved.
    """
    ended = payment.operations.filter(kind__in=_ENDS_A_HOLD, is_orphan=False)
    ended = ended.exclude(outcome__in=_CAME_TO_NOTHING)
    ended = ended.exclude(parent__kind=OperationKind.CAPTURE)  # the release of what it left
    if (before := ended.last()) is None:
        return kind is OperationKind.VOID and payment.status == PaymentStatus.CANCELLED
    operations.demand_not_in_flight(before)
    if before.kind != kind or (money and money != before.money):
        raise InvalidTransition(f"A {before.kind} of {before.money} was asked for before.")
    return True


def _demand_reserved(payment: Payment) -> None:
    if payment.status == PaymentStatus.AUTHORIZED:
        return
    if payment.status in (PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_ACTION):
        raise InvalidTransition(
            "This payment can still be paid on its provider's page, which ends by itself;"
            " cancel it once that is over, or refund it."
        )
    raise InvalidTransition(f"This payment is {payment.status}; nothing is reserved.")


def _capturable(payment: Payment, money: Money | None) -> Money:
    _demand_reserved(payment)
    reserved = Money(payment.amount_authorized, payment.currency)
    amount = money or reserved
    if amount.currency != payment.currency or amount.amount <= 0 or reserved < amount:
        raise InvalidAmount(f"Capture a part of {reserved}, or all of it.", attr="amount")
    return amount


def verify_payment(*, payment_id: UUID, transaction_ref: str) -> Payment:
    """Ask the provider about one of a payment's transactions, and apply the answer.

    Raises PaymentNotFound when the transaction is not this payment's. When the provider cannot be
    asked now: OutcomeUnknown where money may have moved and nobody knows, else ServiceUnavailable.
    """
    operations_of = GatewayOperation.objects.filter(payment_id=payment_id)
    operation = operations_of.filter(gateway_reference=transaction_ref).first()
    if operation is None or not transaction_ref:
        raise PaymentNotFound(f"This payment has no transaction {transaction_ref!r}.")
    _speak_of_lookup(ask_about(operation), operation)
    return payment_with(payment_id)


def _speak_of_lookup(outcome: Outcome | None, operation: GatewayOperation) -> None:
    if outcome is not None:
        return
    operation.refresh_from_db()
    if is_in_doubt(operation):
        raise OutcomeUnknown(NOT_KNOWN_YET.format(operation.provider))
    raise ServiceUnavailable(
        f"{operation.provider} cannot be asked right now; nothing changed. Try again shortly.",
        retry_after=RETRY_SOON,
    )


def read_payment(*, payment_id: UUID) -> Payment:
    """A payment as it is now; what is in doubt or due of it is asked about first."""
    payment = payment_with(payment_id)
    return payment_with(payment_id) if ask_for_a_reader(payment) else payment


def note_return(*, payment_id: UUID) -> Payment:
    """The payer's browser came back: a hint, worth a lookup, proof of nothing."""
    payment = payment_with(payment_id)
    operation = payment.current_operation
    if operation and operation.is_open():
        ask_about(operation, _PAYER_WAITS_FOR)
    return payment_with(payment_id)


def payment_with(payment_id: UUID) -> Payment:
    """A payment with all that its readers need, in one query. Raises PaymentNotFound."""
    payments = Payment.objects.select_related("current_operation", "subject")
    payment = payments.filter(pk=payment_id).first()
    if payment is None:
        raise PaymentNotFound(f"There is no payment {payment_id}.")
    return payment
