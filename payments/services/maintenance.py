"""Forget what has served its time."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from payments.models import Delivery, GatewayCall, IdempotencyKey

_BATCH = 1000


def prune_idempotency_keys() -> int:
    """Delete kept answers past RETENTION_IDEMPOTENCY_KEYS_DAYS; answers how many."""
    age = timedelta(days=settings.RETENTION_IDEMPOTENCY_KEYS_DAYS)
    return _forget(IdempotencyKey.objects.filter(created_at__lt=timezone.now() - age))


def prune_gateway_calls() -> int:
    """Delete recorded calls past RETENTION_GATEWAY_CALLS_DAYS; answers how many."""
    age = timedelta(days=settings.RETENTION_GATEWAY_CALLS_DAYS)
    return _forget(GatewayCall.objects.filter(started_at__lt=timezone.now() - age))


def prune_deliveries() -> int:
    """Delete what was done, past RETENTION_DELIVERIES_DAYS; what waits for a person stays."""
    age = timedelta(days=settings.RETENTION_DELIVERIES_DAYS)
    done = Delivery.objects.filter(status=Delivery.Status.DONE, ended_at__lt=timezone.now() - age)
    return _forget(done)


def _forget(rows: QuerySet[Any]) -> int:
    """In batches, each a commit of its own."""
    total = 0
    while batch := list(rows.values_list("pk", flat=True)[:_BATCH]):
        total += rows.model.objects.filter(pk__in=batch).delete()[0]
    return total
