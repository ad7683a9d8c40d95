"""What a provider did that no operation of ours asked for."""

from payments import operations
from payments.gateways.contract import Gateway
from payments.gateways.messages import (
    GatewayCallFacts,
    GatewayEvent,
    GatewayResult,
    Handle,
    Lookup,
)
from payments.models import GatewayOperation
from payments.money import Money
from payments.news import Difference
from payments.services.follow_ups import handle_of
from payments.services.reconciliation.findings import Finding, of_operation
from payments.services.reconciliation.matching import FOLLOW_UPS, kind_of
from payments.statuses import Contradiction, OperationKind, Outcome


def moved_money(told: GatewayResult | None) -> bool:
    """What moved none is nobody's business here."""
    return told is not None and told.outcome is Outcome.SUCCEEDED


def finding_in(
    gateway: Gateway,
    event: GatewayEvent,
    charge: GatewayOperation | None,
    calls: list[GatewayCallFacts],
) -> Finding | None:
    """The difference that it makes; `charge` is the one of ours that it was made of, if any.

    May ask the provider, so it must be called outside any transaction. Adds to `calls` what was
    tried.
    """
    kind = kind_of(event, charge)
    if charge and kind in FOLLOW_UPS:
        money = _money_of(gateway, event, charge, calls)
        return of_operation(charge, _follow_up(kind, event, money), money)
    money = event.result.money if event.result else None
    if kind is OperationKind.REFUND:
        difference = _follow_up(kind, event, money)
    elif kind in FOLLOW_UPS:
        return None  # of a charge that is itself nothing of ours
    else:
        difference = Difference(Contradiction.ORPHAN_CHARGE, "no such charge", event.id)
    return Finding(
        gateway.name,
        difference.kind,
        difference.expected,
        difference.heard[:255],
        heard_money=money,
    )


def _follow_up(kind: OperationKind, event: GatewayEvent, money: Money | None) -> Difference:
    if kind is OperationKind.REFUND:
        return Difference(Contradiction.UNKNOWN_REFUND, "no such refund", event.id)
    heard = f"{kind} of {money or 'an unknown amount'} as {event.id}"
    return Difference(Contradiction.UNEXPECTED_NEWS, "nothing more", heard)


def _money_of(
    gateway: Gateway,
    event: GatewayEvent,
    charge: GatewayOperation,
    calls: list[GatewayCallFacts],
) -> Money | None:
    """Where a list names no currency, its own page does, for who knows that of the charge."""
    told = event.result
    if told is None:
        return None
    if told.money is not None:
        return told.money
    handle = Handle(event.id, told.ids)
    question = Lookup(event.key, OperationKind.REFUND, handle, handle_of(charge), charge.money)
    heard = operations.call(gateway, question, gateway.timeout)
    calls.extend(heard.calls)
    return heard.money
