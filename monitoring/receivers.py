"""Listens to signals, and counts; nothing comes back."""

from typing import Any

from django.dispatch import receiver

from monitoring import metrics
from payments.remembered import looked_up
from webhooks.signals import webhook_answered


@receiver(webhook_answered, dispatch_uid="monitoring.count_delivery")
def count_delivery(provider: str, answer: str, **_: Any) -> None:
    """One delivery, whatever became of it."""
    metrics.deliveries_answered.labels(provider, answer).inc()


@receiver(looked_up, dispatch_uid="monitoring.count_answer")
def count_answer(kind: str, found: str, **_: Any) -> None:
    """One answer that was wanted."""
    metrics.answers_looked_up.labels(kind, found).inc()
