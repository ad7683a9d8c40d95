"""Make a read model anew from the history alone, while events go on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet

from payments.events.models import StoredEvent, Stream
from payments.events.signal import EventSignal

Row = TypeVar("Row", bound=Model)
_MANY = 500
_whose = attrgetter("aggregate_id")


@dataclass(frozen=True, slots=True)
class Histories(Generic[Row]):
    """Where the rows of a read model come from: one of each aggregate of a type.

    The rows' keys are the aggregates', and `sequence` says which event each has heard last.
    `after` tells a row after one more event of it; `fields` are those that it fills.
    """

    model: type[Row]
    aggregate_type: str
    signals: tuple[EventSignal, ...]
    after: Callable[[Row | None, StoredEvent], Row]
    fields: tuple[str, ...]

    def count(self) -> int:
        """How many histories there are to be read."""
        return self._streams().count()

    def replay(self) -> Iterator[int]:
        """Read them all; yields how many were done. It may be cut off anywhere and begun again."""
        for names in _by_hundreds(self._streams(), "aggregate_id"):
            events = self._events().filter(aggregate_id__in=names)
            each_of = groupby(events.order_by("aggregate_id", "sequence"), _whose)
            self._put_right([self._folded(each) for _, each in each_of])
            yield len(names)
        self._forget_strangers()

    def held(self, ids: Iterable[Any]) -> dict[str, Row]:
        """The rows of these aggregates, locked in one order until the transaction ends."""
        rows = self._rows().select_for_update().order_by("pk")
        return {str(row.pk): row for row in rows.filter(pk__in=list(ids))}

    def begun(self, blanks: list[Row]) -> dict[str, Row]:
        """Hold these rows, writing those that are missing: what is not there cannot be locked."""
        ordered = sorted(blanks, key=lambda row: str(row.pk))
        self._rows().bulk_create(ordered, ignore_conflicts=True)
        return self.held(each.pk for each in ordered)

    def write(self, rows: list[Row]) -> None:
        """Insert or overwrite these, in one order."""
        key = self.model._meta.pk
        self._rows().bulk_create(
            sorted(rows, key=lambda row: str(row.pk)),
            update_conflicts=True,
            unique_fields=[key.name],
            update_fields=("sequence", *self.fields),
        )

    def before(self, event: StoredEvent) -> Row | None:
        """The row as earlier events left it, from the history: they had no receiver yet."""
        earlier = self._events().filter(
            aggregate_id=event.aggregate_id, sequence__lt=event.sequence
        )
        return reduce(self.after, earlier.order_by("sequence"), None)

    def _folded(self, events: Iterable[StoredEvent]) -> Row:
        row = reduce(self.after, events, None)
        assert row is not None  # noqa: S101 - a group has a member
        return row

    def _put_right(self, batch: list[Row]) -> None:
        """Write these, except where more was heard since they were read."""
        with transaction.atomic():
            known = self.begun(batch)
            self.write([row for row in batch if _sequence(known[str(row.pk)]) <= _sequence(row)])

    def _forget_strangers(self) -> None:
        """Rows of aggregates that have no history."""
        for ids in _by_hundreds(self._rows(), "pk"):
            names = {str(pk) for pk in ids}
            known = self._streams().filter(aggregate_id__in=names)
            strangers = names - set(known.values_list("aggregate_id", flat=True))
            self._rows().filter(pk__in=strangers).delete()

    def _rows(self) -> QuerySet[Row]:
        return QuerySet(self.model)

    def _events(self) -> QuerySet[StoredEvent]:
        types = [signal.name for signal in self.signals]
        return StoredEvent.objects.filter(type__in=types, aggregate_type=self.aggregate_type)

    def _streams(self) -> QuerySet[Stream]:
        return Stream.objects.filter(aggregate_type=self.aggregate_type)


def _by_hundreds(rows: QuerySet[Any], name: str) -> Iterator[list[Any]]:
    """This column of the rows, in its order. No read stays open, or SQLite could not be written."""
    ordered = rows.order_by(name).values_list(name, flat=True)
    found = list(ordered[:_MANY])
    while found:
        yield found
        found = list(ordered.filter(**{f"{name}__gt": found[-1]})[:_MANY])


def _sequence(row: Any) -> int:
    heard: int = row.sequence
    return heard
