"""What the scheduler sends, and that somebody is there to do it."""

from datetime import timedelta
from importlib import import_module
from queue import Empty
from typing import Any

import pytest
from django.conf import settings
from pytest_django import Settings

from config.celery import app
from payments import tasks
from payments.models import GatewayOperation
from payments.services import orphans, recovery

SCHEDULE: dict[str, Any] = settings.CELERY_BEAT_SCHEDULE
HOURS_BETWEEN = {
    "webhooks.tasks.cleanup_webhook_events": 1,
    "payments.tasks.let_contracts_fall_due": 1,
    "payments.tasks.prune_deliveries": 1,
    "payments.tasks.prune_idempotency_keys": 1,
    "payments.tasks.prune_failed_payments": 1,
    "payments.tasks.prune_gateway_calls": 1,
    "payments.tasks.anchor_histories": 1,
    "payments.tasks.reconcile_providers": 24,
}
SWEEPS = {
    "payments.tasks.recover_open_operations",
    "payments.tasks.retry_payments",
    "payments.tasks.return_orphans",
    "webhooks.tasks.apply_due_events",
    "payments.tasks.deliver_events",
    "payments.tasks.deliver_outside",
    "payments.tasks.advance_sagas",
    "payments.tasks.sweep_breakers",
    "payments.tasks.sample_performance",
}


def test_nothing_is_missing_from_it_and_nothing_else_is_sent() -> None:
    assert {entry["task"] for entry in SCHEDULE.values()} == SWEEPS | HOURS_BETWEEN.keys()
    for entry in SCHEDULE.values():
        if entry["task"] in HOURS_BETWEEN:
            hours = entry["schedule"].total_seconds() / 3600
            assert hours == HOURS_BETWEEN[entry["task"]]


def test_every_entry_names_a_task_of_ours() -> None:
    named = {entry["task"] for entry in SCHEDULE.values()}
    for name in named:
        import_module(name.rpartition(".")[0])
    assert named <= set(app.tasks)


def test_a_sweep_that_the_next_one_overtook_is_not_done() -> None:
    for name in ("recover-open-operations", "return-orphans", "apply-due-events"):
        entry = SCHEDULE[name]
        expires = timedelta(seconds=entry["options"]["expires"])
        assert expires == max(entry["schedule"], timedelta(minutes=2))


def sent() -> list[tuple[str, list[Any]]]:
    """The tasks that wait in the broker and their arguments; they are taken out."""
    found: list[tuple[str, list[Any]]] = []
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        while True:
            try:
                message = queue.get(block=False)
            except Empty:
                return found
            message.ack()
            found.append((message.headers["task"], message.payload[0]))


def test_each_connected_provider_is_reconciled_by_a_task_of_its_own(settings: Settings) -> None:
    settings.PROVIDERS = dict.fromkeys(("paytabs", "stripe"), settings.PROVIDERS["paytabs"])
    sent()
    tasks.reconcile_providers.run()
    reconciled = "payments.tasks.reconcile_provider"
    told = [arguments for name, arguments in sent() if name == reconciled]
    assert sorted(told) == [["paytabs"], ["stripe"]]


def test_a_recovery_without_end_keeps_no_second_charge_from_its_return(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("this is not the time to ask")

    monkeypatch.setattr(recovery, "resolve_open_operations", never)
    monkeypatch.setattr(orphans, "return_orphans", lambda: iter([GatewayOperation()]))
    assert tasks.return_orphans.run() == 1
