"""Forget webhook events that have served their time: completed ones only, in batches.

Forgetting an event cannot open the door to it again: what it told is in the operation's own
outcome, and settling that twice changes nothing.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, QuerySet
from django.utils import timezone

from webhooks.models import KnownDelivery, PaymentWebhookEvent

BATCH = 1000


def forgettable(age: timedelta, provider: str = "") -> QuerySet[PaymentWebhookEvent]:
    """Completed events that are older than this, of one provider or of all."""
    before = timezone.now() - age
    old = PaymentWebhookEvent.objects.filter(
        status=PaymentWebhookEvent.Status.COMPLETED, received_at__lt=before
    )
    return old.filter(provider=provider) if provider else old


def forget(rows: QuerySet[PaymentWebhookEvent], batch: int = BATCH) -> Iterator[int]:
    """Delete rows batch by batch, each in a commit of its own; yields how many each time."""
    while keys := list(rows.order_by("received_at").values_list("pk", flat=True)[:batch]):
        yield PaymentWebhookEvent.objects.filter(pk__in=keys).delete()[0]


def forget_deliveries(age: timedelta) -> int:
    """Forget the names of old deliveries; a provider has long stopped repeating them."""
    return KnownDelivery.objects.filter(seen_at__lt=timezone.now() - age).delete()[0]


def standing(provider: str = "") -> dict[tuple[str, str], int]:
    """How many events stand where: (provider, status) → count."""
    rows = PaymentWebhookEvent.objects.order_by()
    rows = rows.filter(provider=provider) if provider else rows
    counted = rows.values_list("provider", "status").annotate(Count("pk"))
    return dict(Counter({(name, status): count for name, status, count in counted}))
