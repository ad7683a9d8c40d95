"""Celery entrances: one line each, straight to a service. Rows are the queue of record."""

from celery import shared_task

from payments.events import anchors
from payments.gateways.registry import configured
from payments.services import breaker_sweep, maintenance, orphans, recovery
from payments.services.reconciliation import run

# It asks about everything that a list did not name. Died in between, it is run again tomorrow.
_LONGEST_RECONCILIATION = 3000


@shared_task
def recover_open_operations() -> int:
    """Ask about what is due; answers how many operations were asked about."""
    return sum(1 for _ in recovery.resolve_open_operations())


@shared_task
def return_orphans() -> int:
    """Give second charges back; answers how many returns were begun."""
    return sum(1 for _ in orphans.return_orphans())


@shared_task
def prune_idempotency_keys() -> int:
    """Forget answers that nobody may ask for any more."""
    return maintenance.prune_idempotency_keys()


@shared_task
def sweep_breakers() -> int:
    """Let breakers that nobody calls hear their operators; answers how many gaps were told."""
    return breaker_sweep.sweep()


@shared_task
def prune_gateway_calls() -> int:
    """Forget recorded calls past RETENTION_GATEWAY_CALLS_DAYS; answers how many."""
    return maintenance.prune_gateway_calls()


@shared_task
def anchor_histories() -> int:
    """Sign where every history that grew stands now; answers how many."""
    return anchors.anchor_histories()


@shared_task
def reconcile_providers() -> None:
    """Send one reconciliation a provider, so that a slow one keeps no other waiting."""
    for name in configured():
        reconcile_provider.delay(name)


@shared_task(soft_time_limit=_LONGEST_RECONCILIATION, time_limit=_LONGEST_RECONCILIATION + 60)
def reconcile_provider(provider: str) -> int:
    """Heal and queue what differs in the last days; answers how much is left for a person."""
    return run.reconcile_lately(provider)
