"""Send an order to a gateway; open a notification it sent us."""

from datetime import UTC, datetime, timedelta

from payments.gateways import transport
from payments.gateways.contract import Evidence, Gateway
from payments.gateways.messages import GatewayEvent, GatewayResult, Lookup, Order
from payments.gateways.wire import Headers, Lost, NotSent
from payments.statuses import Outcome


def execute(gateway: Gateway, order: Order, timeout: timedelta | None = None) -> GatewayResult:
    """Ask a gateway, within its timeout or a shorter one. Raises NotSent or Lost."""
    limit = min(timeout, gateway.timeout) if timeout else gateway.timeout
    response = transport.send(gateway.name, gateway.request_for(order), limit)
    return gateway.result_of(order, response)


def attempt(gateway: Gateway, order: Order, timeout: timedelta | None = None) -> GatewayResult:
    """The same, with failures as outcomes: a Lookup that fails tells nothing, so UNKNOWN."""
    try:
        return execute(gateway, order, timeout)
    except NotSent as error:
        asked_only = isinstance(order, Lookup)
        outcome = Outcome.UNKNOWN if asked_only else Outcome.NOT_SENT
        return GatewayResult(outcome, exchange={"error": str(error)})
    except Lost as error:
        return GatewayResult(Outcome.UNKNOWN, exchange={"error": str(error)})


def open_notification(gateway: Gateway, headers: Headers, body: bytes) -> list[GatewayEvent]:
    """Verify the raw bytes, then translate. Raises SignatureInvalid or Unreadable."""
    gateway.verify(headers, body, Evidence(datetime.now(UTC)))
    return gateway.events_in(body)
