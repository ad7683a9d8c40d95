"""Celery entrances: one line each, straight to a service. Rows are the queue of record."""

from celery import shared_task

from payments.services import maintenance, recovery


@shared_task
def recover_open_operations() -> int:
    """Ask about what is due; answers how many operations were asked about."""
    return sum(1 for _ in recovery.resolve_open_operations())


@shared_task
def prune_idempotency_keys() -> int:
    """Forget answers that nobody may ask for any more."""
    return maintenance.prune_idempotency_keys()
