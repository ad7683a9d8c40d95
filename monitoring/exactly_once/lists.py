"""The providers' own word: their lists, and a lookup of whatever these leave in doubt."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar
from uuid import UUID

from django.db.models import Min
from django.utils import timezone

from monitoring.exactly_once.lines import Line, Lines
from monitoring.exactly_once.listed import lines_in
from monitoring.exactly_once.lookups import (
    TAKES,
    Answer,
    holding_in,
    names_in,
    said_of,
    said_of_dispute,
)
from monitoring.exactly_once.truth import Entry, Holding
from payments.gateways.listing import ListUnseen
from payments.gateways.messages import DisputeNews, GatewayResult
from payments.gateways.registry import configured, gateway_named
from payments.models import Dispute, GatewayName, GatewayOperation
from payments.money import LARGEST_AMOUNT, Money
from payments.services.reconciliation.lists import MOST_PAGES, Lists, Period
from payments.services.recovery import over_at
from payments.statuses import OperationKind, Outcome

# Their clocks and ours.
_SKEW = timedelta(minutes=5)
_LISTED = (*TAKES, OperationKind.REFUND)
_AT_ONCE = 500
Thing = TypeVar("Thing")


class ListsAndLookups:
    """Every list of the time is read first, through its own breaker, and kept on disk.

    An operation that is listed just as we have it, or that is not and need not be, is not asked
    about any more; every other one is looked up. A provider without a list is asked key by key.
    """

    def __init__(
        self, *, since: datetime | None = None, provider: str = "", most_pages: int = MOST_PAGES
    ) -> None:
        period = Period(_beginning(since) - _SKEW, timezone.now())
        names = [provider] if provider else configured()
        self._lists = {name: Lists(gateway_named(name), period, most_pages) for name in names}
        self._whole: set[str] = set()
        self._lines = Lines()
        self.checked: Counter[str] = Counter()
        self.unseen: list[str] = []
        spots = [spot for lists in self._lists.values() for spot in lists.blind_spots()]
        self.blind_to: tuple[str, ...] = (*spots, "disputes that nobody told us of")

    def read(self) -> Iterator[None]:
        """Page by page. A list that breaks off proves nothing of what it does not name."""
        for name, lists in self._lists.items():
            for page in lists.pages() if lists.are_there else ():
                self._lines.keep(lines_in(lists.gateway, page))
                self.checked["records listed"] += len(page.events)
                yield
            self.unseen += [f"{name}: {what}" for what in lists.unseen]
            if lists.are_there and not lists.unseen:
                self._whole.add(name)

    def holdings_of(self, families: Sequence[Sequence[GatewayOperation]]) -> Mapping[UUID, Holding]:
        """At most one call an operation, and two where its key's own list leaves doubt."""
        listed = self._lines.about(each.pk for family in families for each in family)
        seen = {family[0].pk: self._holding(family, listed) for family in families}
        return {pk: holding for pk, holding in seen.items() if holding is not None}

    def _holding(
        self, family: Sequence[GatewayOperation], listed: Mapping[str, list[Line]]
    ) -> Holding | None:
        lists = self._lists.get(family[0].provider)
        if lists and lists.are_by_key:
            lines, silent = self._bearing_keys_of(family, lists)
        else:
            lines = [line for each in family for line in listed.get(str(each.pk), [])]
            silent = {each.pk for each in family if lists and self._would_be_in(lists, each)}
        answers = [(each, self._said_of(each, lines, silent)) for each in family]
        return _summed(answers, [line for line in lines if line.is_foreign])

    def _bearing_keys_of(
        self, family: Sequence[GatewayOperation], lists: Lists
    ) -> tuple[list[Line], set[UUID]]:
        """What bears a key of these; and of whom such a list was had."""
        lines: dict[tuple[str, str], Line] = {}
        answered = set()
        for each in family:
            with suppress(ListUnseen):
                for page in lists.under(each.key):
                    found = lines_in(lists.gateway, page)
                    lines |= {(line.name, line.kind): line for line in found}
                answered.add(each.pk)
        self.checked["attempts asked about by key"] += len(answered)
        return list(lines.values()), answered

    def _would_be_in(self, lists: Lists, operation: GatewayOperation) -> bool:
        """Whether money of an attempt that is over would be in its provider's list by now."""
        seen_until = lists.period.until - lists.gateway.list_lag
        is_over = over_at(operation, lists.gateway) <= seen_until
        is_whole = lists.gateway.name in self._whole and operation.kind in _LISTED
        return is_whole and is_over and operation.started_at >= lists.period.since

    def _said_of(
        self, operation: GatewayOperation, told: list[Line], silent: set[UUID]
    ) -> GatewayResult:
        """What was listed counts where we have it so, and silence where nothing is to be told."""
        lines = [each for each in told if each.about == str(operation.pk) and not each.is_foreign]
        if len(lines) > 1:  # its payer was charged, or paid back, more than once
            return GatewayResult(Outcome.SUCCEEDED, money=_all_of(lines, operation))
        counts = operation.outcome == Outcome.SUCCEEDED
        if counts and lines and lines[0].agrees:
            return GatewayResult(Outcome.SUCCEEDED, money=operation.money)
        if not counts and not lines and operation.pk in silent:
            return GatewayResult(Outcome.NOT_SENT)
        self.checked["attempts looked up"] += 1
        return said_of(operation)

    def disputes_of(
        self, contested: Sequence[tuple[Dispute, GatewayOperation]]
    ) -> Mapping[UUID, DisputeNews]:
        """One call each, where that provider can be asked."""
        said = {dispute.pk: said_of_dispute(dispute, charge) for dispute, charge in contested}
        return {pk: news for pk, news in said.items() if news is not None}

    def in_doubt(self) -> Iterator[list[UUID]]:
        """Also those that began before the time."""
        yield from _batches(self._lines.in_doubt())

    def entries(self) -> Iterator[Entry]:
        """What was nothing of ours when it was read, and is not now."""
        for lines in _batches(self._lines.of_nobody()):
            names = GatewayName.objects.filter(name__in=[line.name for line in lines])
            ours = set(names.values_list("provider", "name"))
            yield from (_entry(each) for each in lines if (each.provider, each.name) not in ours)


def _beginning(since: datetime | None) -> datetime:
    """Before the first attempt nothing that is listed can be ours."""
    if since:
        return since
    first = GatewayOperation.objects.aggregate(first=Min("started_at"))["first"]
    return first or timezone.now()


def _summed(answers: Sequence[Answer], foreign: list[Line]) -> Holding | None:
    """What was nobody's when it was read may have been our own call, not yet answered."""
    ours = {name for answer in answers for name in names_in(*answer)}
    others = [line for line in foreign if line.name not in ours]
    if any(line.amount is None for line in others):
        return None
    taken, back = _sum(others, *TAKES), _sum(others, OperationKind.REFUND)
    return holding_in(answers, more_taken=taken, more_back=back)


def _all_of(lines: Sequence[Line], operation: GatewayOperation) -> Money:
    """What was listed of one operation; a sum that is not told is its own."""
    sums = (operation.amount if line.amount is None else line.amount for line in lines)
    return Money(min(sum(sums), LARGEST_AMOUNT), lines[0].currency or operation.currency)


def _sum(lines: Sequence[Line], *kinds: OperationKind) -> int:
    return sum(line.amount or 0 for line in lines if line.kind in kinds)


def _entry(line: Line) -> Entry:
    kind, amount = line.kind, line.amount or 0
    holding = Holding(
        line.currency,
        taken=amount if kind in TAKES else 0,
        given_back=amount if kind == OperationKind.REFUND else 0,
        is_reserved=kind == OperationKind.AUTHORIZE,
    )
    return Entry(line.provider, line.key, line.name, holding)


def _batches(things: Iterator[Thing]) -> Iterator[list[Thing]]:
    while some := list(islice(things, _AT_ONCE)):
        yield some
