"""The sandboxes' own books, which `/control` shows; in development the whole truth."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from monitoring.exactly_once.truth import Entry, Holding
from payments.gateways import transport
from payments.gateways.messages import DisputeNews
from payments.gateways.registry import configured
from payments.gateways.wire import Lost, NotSent, WireRequest
from payments.models import Dispute, GatewayOperation
from payments.money import Money

_TIMEOUT = timedelta(seconds=60)


class SandboxUnreadable(Exception):
    """The sandbox gave no books; the text says which and why."""


class Sandboxes:
    """Every company's list, read anew for each batch, so that it is never older than ours.

    Where several sandboxes play one company, its books are those of all of them.
    """

    blind_to: tuple[str, ...] = ()

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self.checked: Counter[str] = Counter()
        self.unseen: list[str] = []

    def read(self) -> Iterator[None]:
        """Nothing: books are read when they are needed."""
        return iter(())

    def holdings_of(self, families: Sequence[Sequence[GatewayOperation]]) -> Mapping[UUID, Holding]:
        """Companies list payments under our keys; what is not listed they hold nothing of."""
        charges = [family[0] for family in families]
        held: dict[tuple[str, str], list[Holding]] = defaultdict(list)
        for provider in {charge.provider for charge in charges}:
            for entry in self._list_of(provider):
                held[provider, entry.reference].append(entry.holding)
        return {charge.pk: _together(held[charge.provider, charge.key]) for charge in charges}

    def disputes_of(
        self, contested: Sequence[tuple[Dispute, GatewayOperation]]
    ) -> Mapping[UUID, DisputeNews]:
        """Nothing: these books say nothing of disputes."""
        return {}

    def in_doubt(self) -> Iterator[list[UUID]]:
        """Nobody: they are held against each payment that is looked at."""
        return iter(())

    def entries(self) -> Iterator[Entry]:
        """All that has money in it."""
        for provider in configured():
            yield from (entry for entry in self._list_of(provider) if entry.holding.has_money)

    def _list_of(self, provider: str) -> Iterator[Entry]:
        lists = [each for url in self._urls if (each := _list_at(url, provider)) is not None]
        if not lists:
            raise SandboxUnreadable(f"No sandbox plays {provider}.")
        for row in chain(*lists):
            yield Entry(provider, row["reference"], row["transaction_ref"], _holding(row))


def _list_at(url: str, provider: str) -> list[dict[str, Any]] | None:
    address = f"{url}/control/{provider}/payments"
    try:
        response = transport.send("sandbox", WireRequest("GET", address), _TIMEOUT)
    except (NotSent, Lost) as error:
        raise SandboxUnreadable(f"{address}: {error}.") from error
    rows = response.json_value()
    if response.status == 404:
        return None
    if response.status != 200 or not isinstance(rows, list):
        raise SandboxUnreadable(f"{address} answered {response.status} and no list.")
    return rows


def _holding(row: Mapping[str, Any]) -> Holding:
    def minor(name: str) -> int:
        return Money.parse(row[name], row["currency"]).amount

    reserved = row["status"] == "authorized"
    return Holding(row["currency"], minor("captured"), minor("refunded"), reserved)


def _together(holdings: Sequence[Holding]) -> Holding:
    """Where one key opened two pages, the payer was asked twice."""
    return Holding(
        currency=next((each.currency for each in holdings if each.has_money), ""),
        taken=sum(each.taken for each in holdings),
        given_back=sum(each.given_back for each in holdings),
        is_reserved=any(each.is_reserved for each in holdings),
    )
