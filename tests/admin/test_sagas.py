"""Operators see a saga step by step, decide where machines cannot, and withdraw it."""

import pytest
from django.test import Client
from django.urls import reverse

from payments.models import SagaRun, StoredEvent
from payments.sagas import engine
from tests.sagas.scripts import UNKNOWN, WAITS, Script, begun, forget_definitions, run_for_hours

__all__ = ["forget_definitions"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("forget_definitions"),
]


def page(saga: SagaRun, deed: str = "change") -> str:
    return reverse(f"admin:payments_sagarun_{deed}", args=[saga.pk])


def test_a_stuck_saga_is_shown_step_by_step_and_goes_on_as_decided(console: Client) -> None:
    saga = begun(Script(take_run=[UNKNOWN], take_query=[UNKNOWN] * 1000))
    run_for_hours(saga, 30)
    shown = console.get(page(saga)).content
    for word in (b"reserve", b"pack", b"take", b"unknown", b"Nobody knows what became of take"):
        assert word in shown
    told = {"verdict": "succeeded", "reason": "their dashboard shows it"}
    console.post(page(saga, "decide"), told)
    assert engine.advance(saga.pk).state == "completed"
    (event,) = StoredEvent.objects.filter(type="saga.resolved")
    assert event.data["actor"].startswith("user:")
    assert event.data["error"] == "their dashboard shows it"


def test_what_is_not_stuck_is_not_decided(console: Client) -> None:
    saga = begun(Script())
    told = {"verdict": "failed", "reason": "to be sure"}
    assert b"not stuck" in console.post(page(saga, "decide"), told, follow=True).content


def test_withdrawing_needs_a_reason_and_turns_back(console: Client) -> None:
    saga = begun(Script(pack_run=[WAITS]))
    engine.advance(saga.pk)
    console.post(page(saga, "withdraw"), {"reason": ""})
    assert not SagaRun.objects.get().is_cancelled
    console.post(page(saga, "withdraw"), {"reason": "they changed their mind"})
    engine.nudge(saga.payment_id)
    assert engine.advance(saga.pk).state == "compensated"
