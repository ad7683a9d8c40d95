"""Listens to signals, and counts; nothing comes back."""

from typing import Any

from django.dispatch import receiver

from monitoring import metrics
from payments.api.blocks import source_blocked
from payments.remembered import looked_up
from webhooks.signals import webhook_answered


@receiver(webhook_answered, dispatch_uid="monitoring.count_delivery")
def count_delivery(provider: str, answer: str, **_: Any) -> None:
    """One delivery, whatever became of it."""
    metrics.deliveries_answered.labels(provider, answer).inc()


@receiver(source_blocked, dispatch_uid="monitoring.count_block")
def count_block(source: str, limit: str, **_: Any) -> None:
    """One source that is turned away for a while."""
    metrics.sources_blocked.labels(source, limit).inc()


@receiver(looked_up, dispatch_uid="monitoring.count_answer")
def count_answer(kind: str, found: str, **_: Any) -> None:
    """One answer that was wanted."""
    metrics.answers_looked_up.labels(kind, found).inc()
