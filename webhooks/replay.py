"""Process stored events again: their bodies were verified when they came, and are kept sealed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db.models import QuerySet

from payments.errors import DomainError
from payments.events import context
from payments.gateways.contract import Unreadable
from payments.gateways.registry import gateway_named
from payments.services.gateway_events import NotOurs, confirmed
from webhooks import inbox
from webhooks.models import PaymentWebhookEvent

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one event."""

    event: PaymentWebhookEvent
    answer: str


def chosen(
    *, status: str, provider: str = "", event_id: str = "", since: datetime | None = None
) -> QuerySet[PaymentWebhookEvent]:
    """The events to process again, the oldest first."""
    wanted = {
        "status": status,
        "provider": provider,
        "event_id": event_id,
        "received_at__gte": since,
    }
    given = {name: value for name, value in wanted.items() if value}
    return PaymentWebhookEvent.objects.filter(**given).order_by("received_at")


def replay(rows: QuerySet[PaymentWebhookEvent]) -> Iterator[Replayed]:
    """Process each once more; one that fails again hinders nobody."""
    for row in rows.iterator(chunk_size=200):
        with context.bound(correlation_id=row.correlation_id, source="replay"):
            yield Replayed(row, _again(row))


def _again(row: PaymentWebhookEvent) -> str:
    try:
        return _processed(row)
    except (Unreadable, DomainError) as error:
        return f"still not: {error}"
    except Exception as error:
        log.exception("replay_failed", event_id=row.event_id)
        return f"failed: {type(error).__name__}"


def _processed(row: PaymentWebhookEvent) -> str:
    gateway = gateway_named(row.provider)
    delivery = inbox.Delivery(row.provider, row.body, row.headers)
    events = [event for event in gateway.events_in(row.body) if event.id == row.event_id]
    if not events:
        raise Unreadable("this event is no longer found in its body")
    try:
        event = confirmed(gateway, events[0])
    except NotOurs:
        event = events[0]
    return inbox.process(delivery, event, is_replay=True)
