"""Process stored events again: their bodies were verified when they came, and are kept sealed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from payments.paging import paged
from webhooks import inbox, worker
from webhooks.models import PaymentWebhookEvent
from webhooks.retention import standing

_AT_ONCE = 200


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
    """Process each once more; one that fails again hinders nobody.

    What was completed has had its effect, and what somebody is at now is left to them.
    """
    for row in paged(rows.filter(received_at__lte=timezone.now()), _AT_ONCE):
        taken = worker.take(_free().filter(pk=row.pk))
        answer = worker.try_again(taken[0]) if taken else _why_not(row)
        yield Replayed(row, answer)


def schedule(rows: QuerySet[PaymentWebhookEvent]) -> int:
    """Let the workers process these again at their next look; answers how many."""
    free = _free().filter(pk__in=rows.order_by().values("pk"))
    return free.update(next_try_at=timezone.now())


def replayable() -> dict[tuple[str, str], int]:
    """What may be processed again: (provider, status) → how many."""
    statuses = (inbox.Status.FAILED, inbox.Status.PARKED, inbox.Status.IGNORED)
    return {key: count for key, count in standing().items() if key[1] in statuses}


def _free() -> QuerySet[PaymentWebhookEvent]:
    completed = Q(status=inbox.Status.COMPLETED)
    held = Q(status=inbox.Status.PROCESSING, next_try_at__gt=timezone.now())
    return PaymentWebhookEvent.objects.exclude(completed | held)


def _why_not(row: PaymentWebhookEvent) -> str:
    return "duplicate" if row.status == inbox.Status.COMPLETED else "left: somebody is at it"
