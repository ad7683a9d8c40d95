"""One payment by the service's own road, and how to copy it."""

from bench.speed.inside.copies import copy_statement
from payments.models import ApiKey, GatewayName, Stream
from payments.money import Money
from payments.services.payments import create_payment, process_payment


def main() -> dict[str, object]:
    """A payment whose page is open: what its names begin with, and the statements that copy it."""
    key, text = ApiKey.issue("bench", ["payments:read", "payments:write"])
    customer = {"id": "c-1", "name": "Amal Haddad", "email": "amal@example.com"}
    payment = create_payment(
        owner_id=key.owner_id,
        money=Money(12550, "AED"),
        provider="stripe",
        reference="bench",
        customer=customer,
    )
    payment = process_payment(payment_id=payment.id)
    operation = payment.current_operation
    if operation is None:
        raise RuntimeError("the payment was not sent to its provider")
    tails = [str(payment.id)[-12:], operation.key[-12:]]
    names = GatewayName.objects.filter(operation=operation)
    rows = [payment, operation, *names, Stream.objects.get(aggregate_id=str(payment.id))]
    return {
        "api_key": text,
        "operation": operation.key[:-12],
        "session": operation.gateway_reference[:-12],
        "copies": [copy_statement(row, tails) for row in rows],
    }
