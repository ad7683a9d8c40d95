"""Take up what is due: kept for a worker, failed, early, or left behind by a crash.

Rows are taken in batches under one lease, in order per payment, and applied one by one, each in
a commit of its own. Whoever holds no lease any more changes nothing (see `inbox.Fenced`).
"""

from collections.abc import Generator
from contextlib import suppress
from datetime import timedelta

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from payments import leases
from payments.errors import DomainError
from payments.events import context
from payments.gateways.contract import Unreadable
from payments.gateways.messages import GatewayEvent
from payments.gateways.registry import gateway_named
from payments.services.gateway_events import NotOurs, confirmed
from webhooks import inbox
from webhooks.models import PaymentWebhookEvent

# After so many takes that nobody ended, applying it is believed to kill whoever does.
MOST_UNENDED = 3
# The last row begun may ask its provider for CALL_BUDGET, twice, and all is over before
# the task's soft limit, and before the batch's lease.
TIME = timedelta(minutes=2)
log = structlog.get_logger(__name__)


def work_off() -> Generator[tuple[PaymentWebhookEvent, str], None, None]:
    """Apply what is due, batch by batch, for a while; yields each event and what became of it.

    What is not begun by then is given back. Raises SoftTimeLimitExceeded.
    """
    ends_at = timezone.now() + TIME
    while timezone.now() < ends_at and (rows := take(due())):
        try:
            while rows and timezone.now() < ends_at:
                row = rows.pop(0)
                yield row, try_again(row)
        finally:
            leases.give_back(rows, counter="unended")


def due() -> QuerySet[PaymentWebhookEvent]:
    """Events that somebody should take up now, those first that have waited longest.

    Of one payment's events only the first: the next one's turn comes when that is done with.
    """
    before = Q(received_at__lt=OuterRef("received_at"))
    before |= Q(received_at=OuterRef("received_at"), pk__lt=OuterRef("pk"))
    earlier = PaymentWebhookEvent.objects.filter(
        before, payment=OuterRef("payment"), status=inbox.Status.PROCESSING
    )
    rows = PaymentWebhookEvent.objects.filter(next_try_at__lte=timezone.now())
    return rows.exclude(Exists(earlier)).order_by("next_try_at", "pk")


def take(rows: QuerySet[PaymentWebhookEvent]) -> list[PaymentWebhookEvent]:
    """Lease some of these rows to ourselves, each on a try of ours."""
    taken = leases.take(rows, counter="unended", lease=inbox.LEASE, status=inbox.Status.PROCESSING)
    return [_on_a_try(row) for row in taken.order_by("received_at", "pk")]


def _on_a_try(row: PaymentWebhookEvent) -> PaymentWebhookEvent:
    """It is written down with the mark at the try's end: what is not begun is no try."""
    row.attempts += 1
    row.tries += 1
    return row


def try_again(row: PaymentWebhookEvent) -> str:
    """Apply one event whose lease we hold. What goes wrong is written down and hinders nobody.

    Raises SoftTimeLimitExceeded: there the whole task has to end.
    """
    try:
        return _tried(row) if row.is_held() else "left: its lease is over"
    except inbox.Fenced as fenced:
        log.warning("webhook_fenced", event_id=row.event_id)
        return f"left: {fenced}"


def _tried(row: PaymentWebhookEvent) -> str:
    """What became of it. Raises Fenced, also where even the failure is not ours to tell."""
    try:
        return given_up(row) or apply(row, event_in(row))
    except inbox.Fenced:
        raise
    except Unreadable as error:
        inbox.park(row, str(error))
        return f"still not: {error}"
    except SoftTimeLimitExceeded as error:
        with suppress(inbox.Fenced):
            inbox.mark_failed(row, error)
        raise
    except Exception as error:  # noqa: BLE001 - it is logged and kept by `mark_failed`
        inbox.mark_failed(row, error)
        return f"failed: {error if isinstance(error, DomainError) else type(error).__name__}"


def given_up(row: PaymentWebhookEvent) -> str:
    """Park an event that its takers died of; answers so, or nothing. Raises Fenced."""
    if row.unended <= MOST_UNENDED:
        return ""
    times = row.unended - 1
    reason = f"Taken {times} times and never brought to an end: it may kill whoever applies it."
    log.error("webhook_given_up", provider=row.provider, event_id=row.event_id, takes=times)
    inbox.park(row, reason)
    return "accepted"


def apply(row: PaymentWebhookEvent, event: GatewayEvent, patience: timedelta | None = None) -> str:
    """Confirm where it is a hint, with no transaction open; then mark and apply in one commit.

    Raises Fenced, NotConfirmed, and whatever applying it raises.
    """
    with context.bound(correlation_id=row.correlation_id, source="webhook"):
        told = event if row.is_proven else _confirmed(row, event, patience)
        return inbox.apply_kept(row, told)


def _confirmed(
    row: PaymentWebhookEvent, event: GatewayEvent, patience: timedelta | None
) -> GatewayEvent:
    try:
        return confirmed(gateway_named(row.provider), event, patience)
    except NotOurs:
        return event


def event_in(row: PaymentWebhookEvent) -> GatewayEvent:
    """A stored event, read again from its body. Raises Unreadable."""
    events = gateway_named(row.provider).events_in(row.body)
    for event in events:
        if event.id == row.event_id:
            return event
    raise Unreadable("this event is no longer found in its body")
