"""What a page of a provider's list tells of money, matched with ours as a reconciliation does."""

from collections.abc import Iterator
from dataclasses import replace

from monitoring.exactly_once.lines import Line
from payments.gateways.contract import Gateway
from payments.gateways.messages import GatewayEvent, Page
from payments.models import GatewayOperation
from payments.money import Money
from payments.services.reconciliation.judging import agrees
from payments.services.reconciliation.matching import Known, kind_of
from payments.services.reconciliation.strangers import finding_in, moved_money


def lines_in(gateway: Gateway, page: Page) -> Iterator[Line]:
    """A line for all that moved money. May ask the provider for a sum that its list leaves out."""
    known = Known(gateway.name, page.events)
    for event in page.events:
        told = event.result
        if told is None or not moved_money(told):
            continue
        if ours := known.about(event):
            line = _line(event, told.money, ours.kind, ours)
            yield replace(line, provider=gateway.name, agrees=agrees(ours, told))
        else:
            yield from _foreign(gateway, event, known.charge_of(event))


def _foreign(
    gateway: Gateway, event: GatewayEvent, charge: GatewayOperation | None
) -> Iterator[Line]:
    if found := finding_in(gateway, event, charge, []):
        line = _line(event, found.heard_money, kind_of(event, charge), charge)
        yield replace(line, provider=gateway.name, is_foreign=True)


def _line(
    event: GatewayEvent, money: Money | None, kind: str, about: GatewayOperation | None
) -> Line:
    return Line(
        name=event.id,
        kind=kind,
        key=event.key,
        about=str(about.pk) if about else "",
        payment=str(about.payment_id) if about else "",
        amount=money.amount if money else None,
        currency=money.currency if money else "",
    )
