"""News that nobody asked for: which operation it is about, and through the one door with it."""

from uuid import UUID

from payments import lifecycle, operations
from payments.errors import DomainError
from payments.gateways.messages import GatewayEvent
from payments.models import GatewayOperation, Payment
from payments.news import Difference
from payments.statuses import Contradiction


class NotOurs(DomainError):
    """The news is of an operation that we do not know (yet): kept for a person."""

    code = "not_ours"


def apply_gateway_event(provider: str, event: GatewayEvent) -> Payment:
    """Apply one verified notification; may join the transaction that claims its delivery.

    News of something else than the charge (a refund made in the provider's dashboard) becomes
    a contradiction for a person. Raises NotOurs.
    """
    operation = _operation_named(provider, event.key)
    if event.result is not None:
        return operations.settle(operation.id, event.result, heard_from="webhook")
    with lifecycle.hold(operation.payment_id) as payment:
        difference = Difference(Contradiction.UNEXPECTED_NEWS, "nothing more", event.id)
        operations.contradict(payment, operation, difference, "webhook")
        return payment


def _operation_named(provider: str, key: str) -> GatewayOperation:
    try:
        return GatewayOperation.objects.get(pk=UUID(hex=key), provider=provider)
    except (ValueError, GatewayOperation.DoesNotExist):
        raise NotOurs(f"No operation of ours at {provider} is called {key[:64]!r}.") from None
