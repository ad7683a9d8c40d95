"""Which gateway: the one that was named, or the first in order that can."""

from dataclasses import dataclass

from payments.errors import NotSupported, UnsupportedCurrency
from payments.gateways.contract import Capability, Gateway
from payments.gateways.registry import configured, gateway_named
from payments.models import Payment
from payments.statuses import OperationKind


@dataclass(frozen=True, slots=True)
class Route:
    """A gateway, and why it."""

    gateway: Gateway
    reason: str


def choose_gateway(payment: Payment, kind: OperationKind) -> Route:
    """The gateway for this payment's next operation.

    A payment that was sent somewhere stays there: its lost page may still be paid, and only the
    same gateway can tell. Raises UnknownProvider, UnsupportedCurrency or NotSupported.
    """
    if payment.provider:
        gateway = gateway_named(payment.provider)
        _demand(gateway, payment.currency, kind)
        return Route(gateway, "it was asked for, or tried before")
    for name in configured():
        gateway = gateway_named(name)
        if payment.currency in gateway.currencies and Capability(kind) in gateway.capabilities:
            return Route(gateway, f"first in order that takes {payment.currency}")
    raise UnsupportedCurrency(f"No connected provider takes {payment.currency}.", attr="currency")


def demand_capability(gateway: Gateway, kind: OperationKind, *, is_partial: bool = False) -> None:
    """Raise NotSupported where the gateway cannot do this."""
    needed = Capability(f"partial_{kind}" if is_partial else kind)
    if needed not in gateway.capabilities:
        raise NotSupported(f"{gateway.name} cannot do this: {needed.replace('_', ' ')}.")


def _demand(gateway: Gateway, currency: str, kind: OperationKind) -> None:
    if currency not in gateway.currencies:
        raise UnsupportedCurrency(f"{gateway.name} does not take {currency}.", attr="currency")
    demand_capability(gateway, kind)
