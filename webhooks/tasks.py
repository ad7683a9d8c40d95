"""Celery entrances of webhooks: one line each, straight to the inbox."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings

from webhooks import retention


@shared_task
def cleanup_webhook_events() -> int:
    """Forget completed events past RETENTION_WEBHOOK_EVENTS_DAYS; answers how many."""
    age = timedelta(days=settings.RETENTION_WEBHOOK_EVENTS_DAYS)
    return sum(retention.forget(retention.forgettable(age)))
