"""Celery entrances of webhooks: one line each, straight to the inbox."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings

from webhooks import retention, worker


@shared_task
def apply_due_events() -> int:
    """Apply what waits: kept for workers, failed, early, or left by a crash; answers how many."""
    return sum(1 for _ in worker.work_off())


@shared_task
def cleanup_webhook_events() -> int:
    """Forget completed and ignored events past RETENTION_WEBHOOK_EVENTS_DAYS; answers how many."""
    age = timedelta(days=settings.RETENTION_WEBHOOK_EVENTS_DAYS)
    sum(retention.forget(retention.forgettable_names(age)))
    completed, ignored = retention.forgettable(age), retention.forgettable_ignored(age)
    return sum(retention.forget(completed)) + sum(retention.forget(ignored))
