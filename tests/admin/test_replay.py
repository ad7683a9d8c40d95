"""Operators process events again: one at once, many by the workers; each with one effect."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from payments import outcomes
from payments.models import GatewayOperation
from tests.fakes import FakeTransport
from tests.webhooks.deliveries import deliver, news, open_page, payment_of
from webhooks import tasks
from webhooks.models import PaymentWebhookEvent

ONE = "admin:webhooks_paymentwebhookevent_process_again"
MANY = "admin:webhooks_paymentwebhookevent_process_many_again"


@pytest.fixture
def failed(
    transactional_db: None, provider: FakeTransport, monkeypatch: pytest.MonkeyPatch
) -> GatewayOperation:
    """A payment whose news came while applying it was broken."""

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("in the middle")

    operation = open_page()
    with monkeypatch.context() as broken:
        broken.setattr(outcomes, "apply", die)
        assert deliver(news(operation)).status_code == 500
    return operation


def test_one_event_is_processed_again_at_once_and_the_log_says_why(
    failed: GatewayOperation, console: Client
) -> None:
    event = PaymentWebhookEvent.objects.get()
    address = reverse(ONE, args=[event.pk])
    assert console.get(address).status_code == 200
    assert payment_of(failed).status == "requires_action"
    answer = console.post(address, {"reason": "mended in this release"}, follow=True)
    assert b"processed" in answer.content
    assert payment_of(failed).status == "completed"
    assert LogEntry.objects.get().change_message == "Processed again: mended in this release"


def test_many_are_counted_first_and_left_to_the_workers(
    failed: GatewayOperation, console: Client
) -> None:
    assert b"1 failed of paytabs" in console.get(reverse(MANY)).content
    told = {"which": "paytabs:failed", "reason": "mended in this release"}
    answer = console.post(reverse(MANY), told, follow=True)
    assert b"1 events will be processed again" in answer.content
    assert tasks.apply_due_events() == 1
    assert payment_of(failed).status == "completed"


def test_what_was_completed_has_no_second_effect(failed: GatewayOperation, console: Client) -> None:
    assert deliver(news(failed)).json()["status"] == "processed"
    version = payment_of(failed).version
    event = PaymentWebhookEvent.objects.get()
    answer = console.post(reverse(ONE, args=[event.pk]), {"reason": "to be sure"}, follow=True)
    assert b"duplicate" in answer.content
    assert payment_of(failed).version == version
    told = {"which": "paytabs:completed", "reason": "to be sure"}
    assert console.post(reverse(MANY), told).status_code == 200  # no such choice


def test_the_page_of_an_event_tells_its_story(failed: GatewayOperation, console: Client) -> None:
    deliver(news(failed))
    event = PaymentWebhookEvent.objects.get()
    page = console.get(reverse("admin:webhooks_paymentwebhookevent_change", args=[event.pk]))
    assert b"failed  RuntimeError" in page.content
    assert page.content.count(b"completed") >= 1
