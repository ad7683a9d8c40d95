"""Forget what has served its time."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from payments.models import IdempotencyKey

_BATCH = 1000


def prune_idempotency_keys() -> int:
    """Delete kept answers past RETENTION_IDEMPOTENCY_KEYS_DAYS, in batches; answers how many."""
    age = timedelta(days=settings.RETENTION_IDEMPOTENCY_KEYS_DAYS)
    forgotten = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - age)
    total = 0
    while batch := list(forgotten.values_list("pk", flat=True)[:_BATCH]):
        total += IdempotencyKey.objects.filter(pk__in=batch).delete()[0]
    return total
