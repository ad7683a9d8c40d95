"""Bring events to their durable receivers: retry, keep the order, and give up in sight.

Deliveries are taken in batches under a lease. A handler's own writes and the end of its delivery
are one commit, so a crash in between leaves neither; who lost the lease meanwhile finds another
token there, and all is rolled back. Of one aggregate a handler gets one event after the other.
"""

import random
from collections.abc import Generator
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from payments import leases
from payments.events import context, durable
from payments.events.durable import Handler
from payments.events.models import Delivery, StoredEvent
from payments.events.signal import signal_named
from payments.resilience.retry import RetryPolicy

Status = Delivery.Status
# Longer than any handler may take; what a batch has not begun by half of it is given back.
LEASE = timedelta(seconds=60)
RETRIES = RetryPolicy(attempts=12, base=timedelta(seconds=1), longest=timedelta(minutes=5))
# A task ends by then, and the next begins.
TIME = timedelta(minutes=2)
log = structlog.get_logger(__name__)


class Fenced(Exception):
    """Somebody else has taken this delivery over: what was done with it must not be kept."""


def drain() -> Generator[Delivery, None, None]:
    """Bring what is due until nothing is, or for two minutes; yields each as it ended."""
    ends_at = timezone.now() + TIME
    while timezone.now() < ends_at and (taken := take(due())):
        begun_by = timezone.now() + LEASE / 2
        try:
            while taken and timezone.now() < begun_by:
                delivery = taken.pop(0)
                deliver(delivery)
                yield delivery
        finally:
            leases.give_back(taken, counter="attempts", status=Status.READY)


def due() -> QuerySet[Delivery]:
    """Deliveries that somebody should take now: the urgent first, then the longest waiting.

    Of one aggregate's events each handler gets the first: the next one's turn comes after it.
    """
    rows = Delivery.objects.filter(next_try_at__lte=timezone.now())
    rows = rows.exclude(Exists(_earlier().filter(next_try_at__isnull=False)))
    if strict := [each.name for each in durable.all_handlers() if each.is_strict]:
        given_up = Q(status__in=(Status.DEAD, Status.PARKED), handler__in=strict)
        rows = rows.exclude(Exists(_earlier().filter(given_up)))
    return rows.order_by("urgency", "next_try_at", "pk")


def _earlier() -> QuerySet[Delivery]:
    """What comes before, of the same aggregate and handler."""
    before = Q(sequence__lt=OuterRef("sequence"))
    before |= Q(sequence=OuterRef("sequence"), pk__lt=OuterRef("pk"))
    return Delivery.objects.filter(
        before, handler=OuterRef("handler"), aggregate_id=OuterRef("aggregate_id")
    )


def take(rows: QuerySet[Delivery]) -> list[Delivery]:
    """Lease a batch of these."""
    taken = leases.take(rows, counter="attempts", lease=LEASE, status=Status.LEASED)
    return list(taken.select_related("event").order_by("urgency", "pk"))


def deliver(delivery: Delivery) -> None:
    """Bring one delivery that we hold to its handler, and write down how that ended."""
    event = delivery.event
    facts = {"correlation_id": event.correlation_id, "causation_id": str(event.pk)}
    try:
        with context.bound(source="relay", **facts):
            _bring(delivery, event)
    except Fenced as fenced:
        log.warning("delivery_fenced", handler=delivery.handler, event_id=str(event.pk))
        delivery.last_error = str(fenced)


def _bring(delivery: Delivery, event: StoredEvent) -> None:
    """Raises Fenced."""
    handler = durable.handler_named(delivery.handler)
    if handler is None or event.version > signal_named(event.type).version:
        return _end(delivery, Status.PARKED, "This version of the service does not know it.")
    if delivery.attempts > RETRIES.attempts:
        return _end(delivery, Status.DEAD, "Taken again and again and never brought to an end.")
    try:
        _run(handler, delivery, event)
    except Fenced:
        raise
    except Exception as error:  # noqa: BLE001 - it is logged and kept
        _try_later(delivery, error)


def _run(handler: Handler, delivery: Delivery, event: StoredEvent) -> None:
    if handler.acts_outside:
        handler.receive(event)
        _end(delivery, Status.DONE)
    else:
        with transaction.atomic(durable=True):
            _end(delivery, Status.DONE)  # first: from here on nobody takes it over
            handler.receive(event)


def _try_later(delivery: Delivery, error: Exception) -> None:
    """Put it off, ever further and with jitter; after the last time it is dead."""
    told = type(error).__name__  # its words may be personal: they are in the log alone
    pause = RETRIES.pause_after(delivery.attempts, random.random(), timedelta.max)  # noqa: S311
    log.error(
        "delivery_failed" if pause is not None else "delivery_dead",
        handler=delivery.handler,
        event_id=str(delivery.event_id),
        attempts=delivery.attempts,
        exc_info=error,
    )
    if pause is None:
        return _end(delivery, Status.DEAD, told)
    return _put(delivery, Status.READY, told, next_try_at=timezone.now() + pause)


def _end(delivery: Delivery, status: Delivery.Status, error: str = "") -> None:
    return _put(delivery, status, error, ended_at=timezone.now(), next_try_at=None)


def _put(delivery: Delivery, status: Delivery.Status, error: str, **facts: object) -> None:
    """Write how it stands now and let go of it. Raises Fenced where it is not ours any more."""
    ours = Delivery.objects.filter(pk=delivery.pk, lease_token=delivery.lease_token)
    news = {"status": status, "last_error": error[:500], "lease_token": None, **facts}
    if not ours.update(**news):
        raise Fenced(f"{delivery} was taken over.")
    delivery.status, delivery.last_error = status, error
