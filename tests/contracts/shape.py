"""The one shape in which every provider's cases are written, and by which the suite reads them.

A provider is a folder in `cases/`: its words, what it is asked, answers and tells, and its
signatures. Nothing else has to know of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hypothesis import strategies as st

from payments.gateways.contract import Capability, Evidence, Gateway
from payments.gateways.messages import (
    DisputeLookup,
    DisputeNews,
    Family,
    GatewayEvent,
    GatewayResult,
    Lookup,
    Order,
)
from payments.gateways.wire import Headers, WireRequest
from payments.money import Money
from payments.statuses import Outcome

BODY = b'{"any": "body"}'
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = "A21.a-log-in"
Facts = Mapping[str, Any]


class Asked(NamedTuple):
    """An order, and the request that it becomes: its method and path, and its body as read."""

    order: Order
    request: str
    body: Any = None


class General(NamedTuple):
    """An answer that any effect may get, the outcome, and further facts of the result."""

    status: int
    body: Any
    outcome: Outcome
    facts: Facts = {}


class Told(NamedTuple):
    """An answer to an order, the outcome, and further facts of the result."""

    order: Order
    status: int
    body: Any
    outcome: Outcome
    facts: Facts = {}


class News(NamedTuple):
    """A notification, and the facts of its event; of its result and its dispute, where it has."""

    body: Any
    event: Facts
    result: Facts | None = None
    dispute: Facts | None = None


class Ruling(NamedTuple):
    """An answer about a dispute, and what it says; None where it says nothing of it."""

    order: DisputeLookup
    status: int
    body: Any
    facts: Facts | None


class Personal(NamedTuple):
    """An answer to an order and a notification, with what nobody may keep of them."""

    order: Order
    body: Any
    notification: Any
    private: tuple[str, ...]


class Signed(NamedTuple):
    """Headers that somebody sends with BODY, and who receives them."""

    gateway: Gateway
    headers: Headers


@dataclass(frozen=True, kw_only=True, repr=False)
class Cases:
    """All that the contract suite knows of one provider.

    `effects` are one order of each sort that it takes, by name. `lookups` ask about one of each.
    `general` is what any effect may be answered.
    """

    gateway: Gateway
    base: str
    authorization: str
    secrets: tuple[str, ...]
    capabilities: frozenset[Capability]
    effects: Mapping[str, Order]
    lookups: Sequence[Lookup]
    # Further calls that an effect takes.
    steps: Sequence[Order] = ()

    # What it is asked.
    requests: Sequence[Asked]
    read: Callable[[WireRequest], Any]
    refused: Sequence[tuple[Order, type[Exception]]]
    # Orders of an amount, the amount in a request, and an answer that repeats it.
    orders_of: Callable[[Money], Sequence[Order]]
    amount_in: Callable[[WireRequest], str]
    repeating: Callable[[Money, str], tuple[Order, Any]]
    written: Sequence[tuple[Money, str]]
    too_fine: Sequence[tuple[Money, type[Exception]]] = ()
    step: Callable[[str], int] = lambda _: 1

    # What it answers.
    general: Sequence[General]
    told: Sequence[Told]
    undecided: Sequence[tuple[Lookup, Any]]
    saying: Callable[[str], Sequence[GatewayResult]]
    listed_words: frozenset[str]
    spelt: Callable[[str], str] = str
    odd: st.SearchStrategy[Any]
    says_yes: Callable[[Order, int, Any], bool]
    personal: Personal

    # What it tells.
    news: Sequence[News]
    families: Mapping[str, Family]
    of_family: Callable[[str], Sequence[bytes]]
    unreadable: Sequence[bytes]
    endless: Sequence[Any]
    unstorable: Sequence[bytes]
    odd_news: st.SearchStrategy[Any]
    disputes: Sequence[tuple[DisputeLookup, str | None]] = ()
    rulings: Sequence[Ruling] = ()

    # Who signed it.
    sign: Callable[[bytes], Headers]
    document: bytes = b""
    # With the reason for which each is refused.
    forged: Sequence[tuple[str, Signed]]
    believed: Sequence[Signed]
    unset: Sequence[Signed]

    def takers(self) -> list[Order]:
        """Every order that has an effect."""
        return [*self.effects.values(), *self.steps]

    def __repr__(self) -> str:
        return f"<the cases of {self.gateway.name}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What a failing example shows: a name, and not all that stands here."""
        printer.text(repr(self))

    def evidence(self, now: datetime = NOW) -> Evidence:
        return Evidence(now, self.document)


def facts_of(thing: GatewayResult | GatewayEvent | DisputeNews, expected: Facts) -> dict[str, Any]:
    """Those facts of a thing that are expected of it: of a failure, whether, its code, its text."""
    return {name: _fact(thing, name) for name in expected}


def _fact(thing: Any, name: str) -> Any:
    if name in ("failure", "said", "has_failed"):
        failure = thing.failure
        known = {"failure": "code", "said": "message"}.get(name)
        return failure is not None if known is None else failure and getattr(failure, known)
    found = getattr(thing, name)
    return dict(found) if isinstance(found, Mapping) else found
