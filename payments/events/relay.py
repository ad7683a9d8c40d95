"""Bring events to their durable receivers: retry, keep the order, and give up in sight.

Deliveries are taken in batches under a lease. A handler's own writes and the end of its delivery
are one commit, so a crash in between leaves neither; who lost the lease meanwhile finds another
token there, and all is rolled back. Of one aggregate a handler gets one event after the other.
"""

import random
from collections.abc import Generator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from payments import leases
from payments.events import context, durable
from payments.events.durable import Handler
from payments.events.models import Delivery, StoredEvent
from payments.events.signal import is_known
from payments.resilience.retry import RetryPolicy

Status = Delivery.Status
# Longer than any handler may take; what a batch has not begun by half of it is given back.
LEASE = timedelta(seconds=60)
RETRIES = RetryPolicy(attempts=12, base=timedelta(seconds=1), longest=timedelta(minutes=5))
# A task ends by then, and whoever waits for a worker has one.
TIME = timedelta(seconds=30)
# While a release is rolled out some workers are of the one before: what they do not know is left
# to the others, and a person is told only when nobody has known it for so long.
ROLL_OUT = timedelta(hours=1)
_OTHERS_TURN = timedelta(minutes=1)
log = structlog.get_logger(__name__)


class Fenced(Exception):
    """Somebody else has taken this delivery over: what was done with it must not be kept."""


def drain(*, outside: bool = False, lasts: timedelta = TIME) -> Generator[Delivery, None, None]:
    """Bring what is due until nothing is, or until the time is over; yields each as it ended.

    Who acts outside is told apart, one at a time: a mail server that hangs keeps nobody waiting
    but those who write letters.
    """
    ends_at, at_once = timezone.now() + lasts, 1 if outside else leases.BATCH
    while timezone.now() < ends_at and (taken := take(due(outside=outside), at_once)):
        begun_by = timezone.now() + LEASE / 2
        portions = _portions(taken)
        try:
            while portions and timezone.now() < begun_by:
                portion = portions.pop(0)
                deliver(portion)
                yield from portion
        finally:
            unbegun = [delivery for portion in portions for delivery in portion]
            leases.give_back(unbegun, counter="attempts", status=Status.READY)


def _portions(taken: list[Delivery]) -> list[list[Delivery]]:
    """What is brought together: all for one handler in a commit, what acts outside alone."""
    shared: dict[str, list[Delivery]] = {}
    for delivery in taken:
        handler = durable.handler_named(delivery.handler)
        alone = handler is None or handler.acts_outside
        shared.setdefault(str(delivery.pk) if alone else delivery.handler, []).append(delivery)
    return list(shared.values())


def due(*, outside: bool = False) -> QuerySet[Delivery]:
    """Deliveries that somebody should take now: the urgent first, then the longest waiting.

    Of one aggregate's events each handler gets the first: the next one's turn comes after it.
    """
    names = [each.name for each in durable.all_handlers() if each.acts_outside]
    theirs = Q(handler__in=names)
    rows = Delivery.objects.filter(theirs if outside else ~theirs, next_try_at__lte=timezone.now())
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


def take(rows: QuerySet[Delivery], at_once: int = leases.BATCH) -> list[Delivery]:
    """Lease a batch of these."""
    taken = leases.take(
        rows, counter="attempts", lease=LEASE, at_once=at_once, status=Status.LEASED
    )
    return list(taken.select_related("event").order_by("urgency", "pk"))


def deliver(portion: list[Delivery]) -> None:
    """Bring deliveries that we hold to their handler, and write down how each ended.

    Several share a commit. Should one of them fail, that leaves nothing, and each is brought alone.
    """
    if len(portion) == 1 or not _all_at_once(portion):
        for delivery in portion:
            _deliver_alone(delivery)


def _all_at_once(portion: list[Delivery]) -> bool:
    """Whether they were brought in one commit, their ends with it."""
    handler = durable.handler_named(portion[0].handler)
    if handler is None or not all(is_known(each.event) for each in portion):
        return False
    try:
        with transaction.atomic(durable=True):
            _end_all(portion)
            _tell_all(handler, [each.event for each in portion])
    except Exception as error:  # noqa: BLE001 - whose it was shows when each is alone
        log.info("deliveries_brought_one_by_one", handler=handler.name, cause=type(error).__name__)
        return False
    return True


def _tell_all(handler: Handler, events: list[StoredEvent]) -> None:
    if handler.in_batches:
        with context.bound(source="relay"):
            handler.receive(events)
        return
    for event in events:
        with _context_of(event):
            handler.receive(event)


def _context_of(event: StoredEvent) -> AbstractContextManager[Any]:
    """What a receiver records is of the same conversation, and caused by this event."""
    return context.bound(
        source="relay", correlation_id=event.correlation_id, causation_id=str(event.pk)
    )


def _deliver_alone(delivery: Delivery) -> None:
    try:
        with _context_of(delivery.event):
            _bring(delivery, delivery.event)
    except Fenced as fenced:
        log.warning("delivery_fenced", handler=delivery.handler, event_id=str(delivery.event_id))
        delivery.last_error = str(fenced)


def _bring(delivery: Delivery, event: StoredEvent) -> None:
    """Raises Fenced."""
    handler = durable.handler_named(delivery.handler)
    if handler is None or not is_known(event):
        return _leave_to_others(delivery, event)
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
        handler.tell(event)
        _end(delivery, Status.DONE)
    else:
        with transaction.atomic(durable=True):
            _end(delivery, Status.DONE)  # first: from here on nobody takes it over
            handler.tell(event)


def _leave_to_others(delivery: Delivery, event: StoredEvent) -> None:
    """Not known here: a worker of a newer release may know it, and takes it with all its tries."""
    told = "This version of the service does not know it."
    if timezone.now() > event.timestamp + ROLL_OUT:
        return _end(delivery, Status.PARKED, told)
    later = timezone.now() + _OTHERS_TURN
    return _put(delivery, Status.READY, told, attempts=F("attempts") - 1, next_try_at=later)


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


def _end_all(portion: list[Delivery]) -> None:
    """Raises Fenced where one of them is not ours any more."""
    ours = Delivery.objects.filter(
        pk__in=[each.pk for each in portion], lease_token=portion[0].lease_token
    )
    news = {"status": Status.DONE, "lease_token": None, "next_try_at": None}
    if ours.update(**news, last_error="", ended_at=timezone.now()) != len(portion):
        raise Fenced("One of these was taken over.")


def _put(delivery: Delivery, status: Delivery.Status, error: str, **facts: object) -> None:
    """Write how it stands now and let go of it. Raises Fenced where it is not ours any more."""
    ours = Delivery.objects.filter(pk=delivery.pk, lease_token=delivery.lease_token)
    news = {"status": status, "last_error": error[:500], "lease_token": None, **facts}
    if not ours.update(**news):
        raise Fenced(f"{delivery} was taken over.")
    delivery.status, delivery.last_error = status, error
