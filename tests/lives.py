"""The life of a payment without a provider: begun by our own services, and heard of at will."""

from typing import Any
from uuid import UUID

from payments import lifecycle, operations
from payments.gateways.messages import DisputeNews, DisputeStatus, Failure, GatewayResult
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation, Payment
from payments.money import Money
from payments.services.disputes import record_dispute
from payments.services.payments import create_payment
from payments.statuses import FailureCode, OperationKind, Outcome

TAKEN = 10_000


def begun(
    kind: OperationKind = OperationKind.CHARGE, *, owner_id: UUID | None = None
) -> GatewayOperation:
    payment = create_payment(owner_id=owner_id, money=Money(TAKEN, "AED"))
    return begun_again(payment, kind)


def begun_again(payment: Payment, kind: OperationKind = OperationKind.CHARGE) -> GatewayOperation:
    gateway = gateway_named("paytabs")
    limit = gateway.timeout
    return operations.begin(payment.id, kind, gateway, reason="", timeout=limit)[0]


def heard(
    operation: GatewayOperation, outcome: Outcome, *, heard_from: str = "answer", **facts: Any
) -> Payment:
    failure = Failure(FailureCode.CARD_DECLINED, "no") if outcome is Outcome.DECLINED else None
    told: dict[str, Any] = {
        "reference": f"T{operation.key[:12]}",
        "money": operation.money,
        "failure": failure,
    }
    result = GatewayResult(outcome, **(told | facts))
    return operations.settle(operation, result, heard_from=heard_from)


def refunding(payment: Payment, amount: int) -> GatewayOperation:
    with lifecycle.hold(payment.id) as held:
        gateway = gateway_named("paytabs")
        return operations.begin_refund(held, gateway, Money(amount, "AED"), reason="test")


def following(payment: Payment, kind: OperationKind, amount: int = TAKEN) -> GatewayOperation:
    """A capture or a void."""
    with lifecycle.hold(payment.id) as held:
        money = Money(amount, held.currency)
        return operations.begin_follow_up(held, kind, gateway_named("paytabs"), money)


def disputed(
    payment: Payment, status: DisputeStatus, amount: int = TAKEN, name: str = "D1"
) -> Payment:
    """Whoever paid contests the charge that paid."""
    payment.refresh_from_db()
    told = DisputeNews(name, status, Money(amount, payment.currency))
    return record_dispute(payment.current_operation or charge_of(payment), told)


def charge_of(payment: Payment) -> GatewayOperation:
    charge = payment.operations.first()
    assert charge is not None
    return charge
