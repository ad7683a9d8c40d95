"""Bring stored events to durable receivers again, as deliveries of their own."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from uuid import uuid4

from django.db.models import Count, QuerySet
from django.utils import timezone

from payments.events import durable
from payments.events.durable import Handler
from payments.events.models import Delivery, StoredEvent
from payments.events.store import delivery_of
from payments.paging import paged

_BATCH = 500
_GIVEN_UP = (Delivery.Status.DEAD, Delivery.Status.PARKED)


class CannotReplay(Exception):
    """What was asked for cannot be replayed; the text says why and what to do."""


def receivers(name: str = "", *, outside: bool = False) -> tuple[Handler, ...]:
    """The handlers to tell again: all whose effect is in our own records, or the one named.

    Raises CannotReplay for a name nobody bears, and for one that acts outside, unless told.
    """
    if not name:
        return tuple(each for each in durable.all_handlers() if outside or not each.acts_outside)
    found = durable.handler_named(name)
    if found is None:
        known = ", ".join(sorted(each.name for each in durable.all_handlers()))
        raise CannotReplay(f"No handler is called {name!r}; there are: {known or 'none'}.")
    if found.acts_outside and not outside:
        raise CannotReplay(
            f"{name} acts outside of this service: it would do so once more for every event."
            " Say --outside if that is what you want."
        )
    return (found,)


def chosen(
    type_: str = "",
    aggregate: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[StoredEvent]:
    """The events to tell of again, in the order in which each history was written.

    From `since` on, and before `until`.
    """
    wanted = {
        "type": type_,
        "aggregate_id": aggregate,
        "timestamp__gte": since,
        "timestamp__lt": until,
    }
    given = {name: value for name, value in wanted.items() if value}
    return StoredEvent.objects.filter(**given).order_by("pk")


def plan(events: QuerySet[StoredEvent], handlers: Iterable[Handler]) -> dict[str, int]:
    """How many events each of these handlers would hear of, at most."""
    counts = events.order_by().values_list("type").annotate(count=Count("pk"))
    of_type = dict(counts)
    return {
        each.name: sum(of_type.get(signal.name, 0) for signal in each.signals) for each in handlers
    }


def schedule(
    events: QuerySet[StoredEvent], handlers: Iterable[Handler]
) -> Iterator[list[Delivery]]:
    """Write the deliveries; yields each batch. The relay does the rest, after what is new."""
    replay_id = uuid4().hex
    wanted = {(signal.name, each.name) for each in handlers for signal in each.signals}
    # What happens from now on is told by deliveries of its own.
    before = events.filter(timestamp__lt=timezone.now())
    anew = (
        delivery_of(event, each, replay_id)
        for event in paged(before, _BATCH)
        for each in durable.handlers_of(event)
        if (event.type, each.name) in wanted
    )
    while batch := list(islice(anew, _BATCH)):
        yield Delivery.objects.bulk_create(batch)


def given_up(
    events: QuerySet[StoredEvent], handler: str = "", *, outside: bool = False
) -> QuerySet[Delivery]:
    """Deliveries of these events that are dead or parked: of one handler, or of all.

    Of all, those that act outside are left out unless told.
    """
    rows = Delivery.objects.filter(status__in=_GIVEN_UP, event__in=events.order_by())
    if handler:
        return rows.filter(handler=handler)
    theirs = [each.name for each in durable.all_handlers() if each.acts_outside and not outside]
    return rows.exclude(handler__in=theirs)


def bring_again(rows: QuerySet[Delivery]) -> int:
    """Give deliveries that were given up all their tries once more; answers how many."""
    return rows.filter(status__in=_GIVEN_UP).update(
        status=Delivery.Status.READY, attempts=0, next_try_at=timezone.now(), ended_at=None
    )
