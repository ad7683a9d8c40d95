"""Celery entrances: one line each, straight to a service. Rows are the queue of record."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from celery.signals import worker_process_shutdown

from payments import turns
from payments.events import anchors, relay
from payments.gateways.registry import configured
from payments.resilience import batched
from payments.sagas import engine
from payments.services import (
    breaker_sweep,
    breakers,
    contracts,
    maintenance,
    orphans,
    performance,
    recovery,
    retries,
)
from payments.services.reconciliation import run

# It asks about everything that a list did not name. Died in between, it is run again tomorrow.
_LONGEST_RECONCILIATION = 3000
# The relay's time, and the letter that was begun in its last moment.
_LONGEST_LETTER = timedelta(minutes=3)
# To Celery the end of a task's time is an error like any other; to a sweep it is the end.
_STOPS = (SoftTimeLimitExceeded,)
breakers.TIMEOUTS.append(SoftTimeLimitExceeded)


@worker_process_shutdown.connect
def tell_of_the_last_calls(**_: Any) -> None:
    """A worker's children end without the usual farewell."""
    batched.tell_all()


@shared_task
def recover_open_operations() -> int:
    """Ask about what is due; answers how many operations were asked about."""
    return sum(1 for _ in recovery.resolve_open_operations(stops=_STOPS))


@shared_task
def retry_payments() -> int:
    """Send payments again that reached nobody; answers how many were tried."""
    return sum(1 for _ in retries.retry_payments())


@shared_task
def return_orphans() -> int:
    """Give second charges back; answers how many returns were begun."""
    return sum(1 for _ in orphans.return_orphans())


@shared_task
def deliver_events() -> int:
    """Bring events to their durable receivers; answers how many deliveries were made."""
    return sum(1 for _ in relay.drain())


@shared_task
def deliver_outside() -> int:
    """Bring events to receivers that act outside, one worker at a time; answers how many."""
    with turns.turn("deliver_outside", _LONGEST_LETTER) as is_ours:
        return sum(1 for _ in relay.drain(outside=True)) if is_ours else 0


@shared_task
def advance_sagas() -> int:
    """Go on with every saga that is due; answers how many."""
    return sum(1 for _ in engine.advance_due(stops=_STOPS))


@shared_task
def sample_performance() -> int:
    """Record how long things took lately; answers in how many events."""
    return performance.take_samples()


@shared_task
def let_contracts_fall_due() -> int:
    """Write the invoices of the day; answers how many."""
    return sum(1 for _ in contracts.fall_due(stops=_STOPS))


@shared_task
def prune_deliveries() -> int:
    """Forget what was delivered, past RETENTION_DELIVERIES_DAYS; answers how many."""
    return maintenance.prune_deliveries()


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
def prune_failed_payments() -> int:
    """Forget failed payments past RETENTION_FAILED_PAYMENTS_DAYS; answers how many."""
    return maintenance.prune_failed_payments()


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
    return run.reconcile_lately(provider, stops=_STOPS)
