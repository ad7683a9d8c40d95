"""Give money back, whole or in part; each refund once, and never more than was taken."""

from uuid import UUID

from django.db.models import QuerySet

from payments import ledger, lifecycle, operations, outcomes
from payments.errors import InvalidAmount, InvalidTransition
from payments.gateways.messages import Refund as RefundOrder
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation, IdempotencyKey, Payment, Refund
from payments.money import Money
from payments.routing import demand_capability
from payments.services.follow_ups import carry_out, handle_of
from payments.services.readers import ask_for_a_reader
from payments.statuses import OperationKind, PaymentStatus

_PAID = (PaymentStatus.COMPLETED, PaymentStatus.PARTIALLY_REFUNDED)


def refund_payment(
    *,
    payment_id: UUID,
    money: Money | None = None,
    reason: str = "",
    request_key: IdempotencyKey | None = None,
) -> Refund:
    """Give back an amount, or all that is left; answers the refund as it stands then.

    The sum is reserved under the payment's lock before anything is sent, so refunds made at once
    never exceed what was taken. Raises InvalidTransition where nothing or too little is left,
    NotSupported, and what the call to the provider raises (ServiceUnavailable, OutcomeUnknown).
    """
    with lifecycle.hold(payment_id, durable=True) as payment:
        gateway = gateway_named(payment.provider or "none")
        amount = _amount_of(payment, money)
        demand_capability(gateway, OperationKind.REFUND, is_partial=amount < _taken(payment))
        operation = operations.begin_refund(
            payment, gateway, amount, reason=reason, request_key=request_key
        )
    parent = handle_of(operation.parent)
    order = RefundOrder(operation.key, amount, parent=parent, reason=reason)
    carry_out(gateway, operation, order)
    return refund_of(operation)


def _amount_of(payment: Payment, money: Money | None) -> Money:
    left = _left_of(payment)
    if payment.status not in _PAID:
        raise InvalidTransition(f"This payment is {payment.status}; only what was paid goes back.")
    amount = money or left
    if amount.currency != payment.currency or (money and amount.amount <= 0):
        raise InvalidAmount(f"Give back a positive amount of {payment.currency}.", attr="amount")
    if left.amount == 0 or left < amount:
        raise InvalidTransition(f"Only {left} can still be given back, not {amount}.")
    return amount


def _left_of(payment: Payment) -> Money:
    """What neither a refund nor a payer's bank has taken of it."""
    left = outcomes.refundable(payment).amount - ledger.taken_back(payment)
    return Money(max(0, left), payment.currency)


def _taken(payment: Payment) -> Money:
    return Money(payment.amount_captured, payment.currency)


def refund_of(operation: GatewayOperation) -> Refund:
    """The refund that an operation carries out."""
    return Refund.objects.select_related("operation", "payment").get(operation=operation)


def refunds_of(payment: Payment) -> QuerySet[Refund]:
    """A payment's refunds; what is in doubt or due of them is asked about first."""
    if payment.refund_pending:
        ask_for_a_reader(payment)
    return Refund.objects.filter(payment=payment).select_related("operation")
