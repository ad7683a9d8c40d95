"""Walk along every history, and hold it against its anchors: was any event touched or removed?"""

from collections.abc import Iterator
from dataclasses import astuple
from itertools import groupby, islice, pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

from django.db.models import Exists, F, Max, OuterRef, QuerySet, Subquery, Sum
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan

from payments.events.anchors import Anchor
from payments.events.chain import ORDER, BrokenChain, Link, Walk, links_of, verify_stream, walk
from payments.events.models import StoredEvent, Stream
from payments.events.signal import Aggregate

_PAGE, _BATCH = 5_000, 500
_PLACE = Tuple(*(F(name) for name in ORDER))
_place_of = attrgetter(*ORDER)
_owner_of = attrgetter(*ORDER[:2])


class Histories:
    """All histories, or those of one record; memory stays flat, and no transaction stays open.

    `events` and `histories` count what was gone through. What is written meanwhile may seem not
    to fit, and is looked at again under its lock.
    """

    def __init__(self, aggregate_id: str = "") -> None:
        named = {"aggregate_id": aggregate_id} if aggregate_id else {}
        self.stored = StoredEvent.objects.filter(**named)
        self._streams = Stream.objects.filter(**named)
        self.events = self.histories = 0

    def run(self) -> Iterator[list[BrokenChain]]:
        """What is broken, batch by batch; empty lists are progress."""
        walks: list[Walk] = []
        for owner, links in groupby(self._links(), key=_owner_of):
            walks.append(walk(Aggregate(*owner), links))
            if len(walks) == _BATCH:
                yield self._judged(walks)
                walks = []
        yield self._judged(walks)
        yield self._emptied()

    def _links(self) -> Iterator[Link]:
        """Page by page: each is one short query, along the index that orders them."""
        page = list(links_of(self.stored, at_most=_PAGE))
        while page:
            self.events += len(page)
            yield from page
            further = TupleGreaterThan(_PLACE, _place_of(page[-1]))
            page = list(links_of(self.stored.filter(further), at_most=_PAGE))

    def _judged(self, walks: list[Walk]) -> list[BrokenChain]:
        self.histories += len(walks)
        owners = [each.aggregate for each in walks]
        streams = Stream.objects.filter(
            aggregate_type__in={owner.type for owner in owners},
            aggregate_id__in=[owner.id for owner in owners],
        )
        tips = {_owner_of(tip): tip for tip in streams}
        odd = [each for each in walks if each.breach(tips.get(astuple(each.aggregate)))]
        return [broken for each in odd if (broken := _looked_at_again(each.aggregate))]

    def _emptied(self) -> list[BrokenChain]:
        """A stream whose events are all gone: whoever walks along events does not come by it."""
        events = StoredEvent.objects.filter(
            aggregate_type=OuterRef("aggregate_type"), aggregate_id=OuterRef("aggregate_id")
        )
        empty = self._streams.filter(~Exists(events), sequence__gt=0)
        gone = [(Aggregate(*_owner_of(tip)), tip) for tip in empty.iterator()]
        return [BrokenChain(owner, Walk(owner).breach(tip)) for owner, tip in gone]


def _looked_at_again(aggregate: Aggregate) -> BrokenChain | None:
    try:
        verify_stream(aggregate)
    except BrokenChain as broken:
        return broken
    return None


class Anchors:
    """All anchors, or those of one record, held against each other and the events they name.

    `count` is how many were looked at. `published` is the file that was written with them; what
    stands there must still be in the table.
    """

    def __init__(self, aggregate_id: str = "", published: Path | None = None) -> None:
        self._is_all, self._published = not aggregate_id, published
        named = {"aggregate_id": aggregate_id} if aggregate_id else {}
        self._rows = Anchor.objects.filter(**named)
        self.count = 0

    @property
    def last(self) -> Anchor | None:
        """The latest of them."""
        return self._rows.last()

    def total(self) -> int:
        """How many there are."""
        return self._rows.count()

    def covered(self) -> int:
        """How many events are not later than the last anchor of their history."""
        tips = self._rows.order_by().values("aggregate_type", "aggregate_id")
        found = tips.annotate(latest=Max("sequence")).aggregate(total=Sum("latest"))
        return found["total"] or 0

    def run(self) -> Iterator[list[BrokenChain]]:
        """What is broken, batch by batch; empty lists are progress."""
        last = Anchor(number=0, signature="")
        while page := list(self._with_events().filter(number__gt=last.number)[:_PAGE]):
            self.count += len(page)
            yield [each for one, two in pairwise([last, *page]) for each in self._judged(one, two)]
            last = page[-1]
        if self._published:
            yield from _held_against(self._published)

    def _with_events(self) -> QuerySet[Anchor]:
        names = {name: OuterRef(name) for name in ORDER}
        stored = StoredEvent.objects.order_by().filter(**names).values("hash")
        return self._rows.annotate(stored=Subquery(stored))

    def _judged(self, before: Anchor, anchor: Any) -> Iterator[BrokenChain]:
        itself = Aggregate("anchor", str(anchor.number))
        if anchor.signature != anchor.expected_signature():
            yield BrokenChain(itself, "is not as it was signed.")
        follows = (before.number + 1, before.signature) == (anchor.number, anchor.previous)
        if self._is_all and not follows:
            yield BrokenChain(itself, f"does not follow from anchor {before.number}.")
        if anchor.stored != anchor.hash:
            found = "has another" if anchor.stored else "has it no more"
            when = f"had event {anchor.sequence} on {anchor.anchored_at:%Y-%m-%d %H:%M:%S}"
            yield BrokenChain(Aggregate(*_owner_of(anchor)), f"{when} UTC, and {found}.")


def _held_against(published: Path) -> Iterator[list[BrokenChain]]:
    with published.open() as lines:
        while some := [line.split() for line in islice(lines, _BATCH)]:
            told = {int(number): signature for number, signature, *_ in some}
            known = Anchor.objects.in_bulk(list(told))
            yield [
                BrokenChain(Aggregate("anchor", str(number)), f"is not the one in {published}.")
                for number, signature in told.items()
                if number not in known or known[number].signature != signature
            ]
