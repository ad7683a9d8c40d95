"""What a capture of a part left reserved is released, where its gateway does not do that itself.

The capture stays due until its rest is free: whatever is interrupted is begun again.
"""

from payments import lifecycle, operations
from payments.gateways.contract import Capability, Gateway
from payments.gateways.messages import Void
from payments.models import GatewayOperation
from payments.money import Money
from payments.services.follow_ups import carry_out, handle_of
from payments.statuses import OperationKind, Outcome


def rest_of(capture: GatewayOperation, gateway: Gateway) -> Money | None:
    """What is still to be released; None where nothing is, or its gateway said no."""
    if gateway.capture_ends_hold or Capability.VOID not in gateway.capabilities:
        return None
    return None if any(_is_concluded(each) for each in _releases_of(capture)) else capture.rest()


def release_rest(capture: GatewayOperation, gateway: Gateway) -> GatewayOperation | None:
    """Void what is left; None where nothing is, or that is on its way. Raises like `carry_out`."""
    if rest_of(capture, gateway) is None:
        return None
    with lifecycle.hold(capture.payment_id, durable=True) as payment:
        rest = rest_of(capture, gateway)
        if rest is None or any(each.is_open() for each in _releases_of(capture)):
            return None
        begun = operations.begin_aside(
            payment, capture, OperationKind.VOID, gateway, rest, reason="captured in part"
        )
    carry_out(gateway, begun, Void(begun.key, begun.money, handle_of(capture.parent), is_rest=True))
    return begun


def _releases_of(capture: GatewayOperation) -> list[GatewayOperation]:
    return list(capture.follow_ups.filter(kind=OperationKind.VOID))


def _is_concluded(release: GatewayOperation) -> bool:
    return not release.is_open() and release.outcome != Outcome.NOT_SENT
