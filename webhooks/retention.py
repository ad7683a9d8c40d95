"""Forget webhook events that have served their time, in batches: completed ones, ignored ones.

Forgetting an event cannot open the door to it again: what it told is in the operation's own
outcome, and settling that twice changes nothing. One that was ignored had no effect, and has none
when it comes again.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from webhooks.models import KnownDelivery, PaymentWebhookEvent

BATCH = 1000
# PayPal's signatures are believed for four days: until then a name must keep its body.
LONGEST_PROOF = timedelta(days=5)
_Status = PaymentWebhookEvent.Status


def forgettable(age: timedelta, provider: str = "") -> QuerySet[PaymentWebhookEvent]:
    """Completed events that are older than this, of one provider or of all; the oldest first."""
    old = _older(_Status.COMPLETED, age)
    return old.filter(provider=provider) if provider else old


def forgettable_ignored(age: timedelta) -> QuerySet[PaymentWebhookEvent]:
    """Events that concerned nothing of ours, older than this; the oldest first."""
    return _older(_Status.IGNORED, age)


def _older(status: PaymentWebhookEvent.Status, age: timedelta) -> QuerySet[PaymentWebhookEvent]:
    before = timezone.now() - age
    old = PaymentWebhookEvent.objects.filter(status=status, received_at__lt=before)
    return old.order_by("received_at")


def forget(rows: QuerySet[Any], batch: int = BATCH) -> Iterator[int]:
    """Delete rows batch by batch, each in a commit of its own; yields how many each time."""
    while keys := list(rows.values_list("pk", flat=True)[:batch]):
        yield QuerySet(rows.model).filter(pk__in=keys).delete()[0]


def forgettable_names(age: timedelta) -> QuerySet[KnownDelivery]:
    """The names of deliveries older than this; never of one whose signature may still be good."""
    before = timezone.now() - max(age, LONGEST_PROOF)
    return KnownDelivery.objects.filter(seen_at__lt=before).order_by("seen_at")


def standing(provider: str = "") -> dict[tuple[str, str], int]:
    """How many events stand where: (provider, status) → count."""
    rows = PaymentWebhookEvent.objects.order_by()
    rows = rows.filter(provider=provider) if provider else rows
    counted = rows.values_list("provider", "status").annotate(Count("pk"))
    return dict(Counter({(name, status): count for name, status, count in counted}))
