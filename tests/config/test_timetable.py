"""What the scheduler sends, and that somebody is there to do it."""

from importlib import import_module
from typing import Any

import pytest
from django.conf import settings

from config.celery import app
from payments import tasks
from payments.models import GatewayOperation
from payments.services import orphans, recovery

SCHEDULE: dict[str, Any] = settings.CELERY_BEAT_SCHEDULE


def test_every_entry_names_a_task_of_ours() -> None:
    named = {entry["task"] for entry in SCHEDULE.values()}
    for name in named:
        import_module(name.rpartition(".")[0])
    assert named <= set(app.tasks)


def test_a_sweep_that_the_next_one_overtook_is_not_done() -> None:
    for name in ("recover-open-operations", "return-orphans", "apply-due-events"):
        entry = SCHEDULE[name]
        assert entry["options"]["expires"] == entry["schedule"].total_seconds()


def test_a_recovery_without_end_keeps_no_second_charge_from_its_return(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("this is not the time to ask")

    monkeypatch.setattr(recovery, "resolve_open_operations", never)
    monkeypatch.setattr(orphans, "return_orphans", lambda: iter([GatewayOperation()]))
    assert tasks.return_orphans.run() == 1
