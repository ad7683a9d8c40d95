"""The timetable of tasks: what the scheduler sends, and how often."""

from datetime import timedelta
from typing import Any

_HOURLY = (
    "webhooks.tasks.cleanup_webhook_events",
    "payments.tasks.let_contracts_fall_due",
    "payments.tasks.prune_deliveries",
    "payments.tasks.prune_idempotency_keys",
    "payments.tasks.prune_failed_payments",
    "payments.tasks.prune_gateway_calls",
    "payments.tasks.anchor_histories",
)
# A worker that is busy with a heap is free again by then.
_LONG_BUSY = timedelta(minutes=2)
_DAILY = ("payments.tasks.reconcile_providers",)


def tasks(
    *,
    recovery: timedelta,
    webhooks: timedelta,
    relay: timedelta,
    sagas: timedelta,
    breakers: timedelta,
    performance: timedelta,
) -> dict[str, dict[str, Any]]:
    """Every task by its name; a sweep that waited until the next has nothing left to do."""
    sweeps = {
        "payments.tasks.recover_open_operations": recovery,
        "payments.tasks.retry_payments": recovery,
        "payments.tasks.return_orphans": recovery,
        "webhooks.tasks.apply_due_events": webhooks,
        "payments.tasks.deliver_events": relay,
        "payments.tasks.deliver_outside": relay,
        "payments.tasks.advance_sagas": sagas,
        "payments.tasks.sweep_breakers": breakers,
        "payments.tasks.sample_performance": performance,
    }
    often = {
        _name_of(task): _every(each, task)
        | {"options": {"expires": max(each, _LONG_BUSY).total_seconds()}}
        for task, each in sweeps.items()
    }
    seldom = {_name_of(task): _every(timedelta(hours=1), task) for task in _HOURLY}
    rarely = {_name_of(task): _every(timedelta(days=1), task) for task in _DAILY}
    return often | seldom | rarely


def _every(interval: timedelta, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": interval}


def _name_of(task: str) -> str:
    return task.rpartition(".")[2].replace("_", "-")
