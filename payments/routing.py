"""Which gateway: the one that was named, or the first in order that can."""

from dataclasses import dataclass

from payments.errors import NotSupported, UnsupportedCurrency
from payments.gateways.contract import Capability, Gateway
from payments.gateways.guarded import is_resting
from payments.gateways.registry import configured, gateway_named
from payments.models import GatewayOperation, Payment
from payments.statuses import OperationKind


@dataclass(frozen=True, slots=True)
class Route:
    """A gateway, and why it."""

    gateway: Gateway
    reason: str


def candidates(payment: Payment, kind: OperationKind) -> list[Route]:
    """The gateways for this payment's next operation, the first choice first.

    A payment whose request may have left stays where it went: its lost page may still be paid,
    and only the same gateway can tell. Who declined it before is asked last, and so is whose
    breaker is open. Raises UnknownProvider, UnsupportedCurrency or NotSupported where nobody is
    left.
    """
    if payment.provider_is_named:
        return [_demanded(payment.provider, payment, kind, "it was asked for")]
    tried = list(payment.operations.all())
    if silent := [each for each in tried if each.may_still_be_paid()]:
        return [_demanded(silent[-1].provider, payment, kind, "it was sent there before")]
    fitting = _fitting(payment.currency, kind)
    last = _to_be_asked_last(fitting, tried)
    note = "".join(f"; {name} {why}" for name, why in last.items())
    fitting.sort(key=lambda gateway: gateway.name in last)
    return [
        Route(gateway, f"number {place} in order of those that take {payment.currency}{note}")
        for place, gateway in enumerate(fitting, 1)
    ]


def _to_be_asked_last(gateways: list[Gateway], tried: list[GatewayOperation]) -> dict[str, str]:
    """Names, and why."""
    resting = {each.name: "rests, its breaker is open" for each in gateways if is_resting(each)}
    declined = {each.provider: "declined before" for each in tried if each.is_declined()}
    return resting | declined


def taking_tokens(routes: list[Route]) -> list[Route]:
    """Of these, the gateways that take a payment token. Raises NotSupported where none does."""
    able = [each for each in routes if Capability.PAYMENT_TOKEN in each.gateway.capabilities]
    if not able:
        names = " or ".join(each.gateway.name for each in routes)
        raise NotSupported(
            f"No payment token is taken by {names}; without one the payer gets a page."
        )
    return able


def _fitting(currency: str, kind: OperationKind) -> list[Gateway]:
    """Who takes this currency and can do this; the error says which of the two nobody does."""
    able = [gateway_named(name) for name in configured()]
    able = [each for each in able if Capability(kind) in each.capabilities]
    fitting = [each for each in able if currency in each.currencies]
    if configured() and not able:
        raise NotSupported(f"No connected provider can do this: {kind}.")
    if not fitting:
        detail = f"No connected provider can {kind} {currency}."
        raise UnsupportedCurrency(detail, attr="currency")
    return fitting


def _demanded(name: str, payment: Payment, kind: OperationKind, reason: str) -> Route:
    gateway = gateway_named(name)
    if payment.currency not in gateway.currencies:
        detail = f"{gateway.name} does not take {payment.currency}."
        raise UnsupportedCurrency(detail, attr="currency")
    demand_capability(gateway, kind)
    return Route(gateway, reason)


def demand_capability(gateway: Gateway, kind: OperationKind, *, is_partial: bool = False) -> None:
    """Raise NotSupported where the gateway cannot do this."""
    needed = Capability(f"partial_{kind}" if is_partial else kind)
    if needed not in gateway.capabilities:
        raise NotSupported(f"{gateway.name} cannot do this: {needed.replace('_', ' ')}.")
