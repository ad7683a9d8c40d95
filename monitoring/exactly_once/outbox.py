"""Rules on the outbox: who must hear of an event has a delivery of it, and somebody brings it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, Min, OuterRef, QuerySet
from django.utils import timezone

from monitoring.exactly_once.cases import PATIENCE
from monitoring.exactly_once.rules import Broken
from payments.events import durable
from payments.events.durable import Handler
from payments.models import Delivery, StoredEvent

_Status = Delivery.Status


def breaches_in(since: datetime | None) -> Iterator[Broken]:
    """What is wrong with the outbox, whatever its events say."""
    now = timezone.now()
    for row in deliveries(since).filter(next_try_at__lt=now - PATIENCE).iterator():
        yield Broken(
            "events_are_brought",
            f"delivery {row.pk} to {row.handler}",
            f"is {row.status} and due since {row.next_try_at:%H:%M:%S}, and nobody brings it.",
            "Are worker and scheduler running?",
        )
    forgotten = now - timedelta(days=settings.RETENTION_DELIVERIES_DAYS)
    for handler in durable.all_handlers():
        yield from _never_addressed(handler, max(since or forgotten, forgotten))


def deliveries(since: datetime | None) -> QuerySet[Delivery]:
    """Those of events since a moment; or all."""
    rows = Delivery.objects.all()
    return rows.filter(event__timestamp__gte=since) if since else rows


def given_up(since: datetime | None) -> int:
    """How many wait for a person."""
    return deliveries(since).filter(status__in=(_Status.DEAD, _Status.PARKED)).count()


def _never_addressed(handler: Handler, since: datetime) -> Iterator[Broken]:
    """Events since this receiver first heard of any, of which it has no delivery."""
    own = Delivery.objects.filter(handler=handler.name, replay_id="")
    first = own.aggregate(first=Min("event__timestamp"))["first"]
    if first is None:
        return
    events = StoredEvent.objects.filter(
        ~Exists(own.filter(event=OuterRef("pk"))),
        type__in=[signal.name for signal in handler.signals],
        timestamp__gt=max(first, since),
    )
    for event in events.iterator():
        if handler.about is None or handler.about(event):
            yield Broken(
                "who_must_hear_has_a_delivery",
                f"event {event.pk} ({event.type})",
                f"has none for {handler.name}.",
                f"replay_events --handler {handler.name} --aggregate {event.aggregate_id}",
            )
