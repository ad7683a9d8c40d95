"""What reached nobody is sent again by itself: a few times, later and later, and never twice."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from payments import tasks
from payments.gateways.wire import Lost, NotSent
from payments.models import GatewayOperation, Payment
from payments.services import retries
from tests.fakes import FakeTransport, answer

START = datetime.fromisoformat("2026-06-01T12:00:00+00:00")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def refused(api: Client, **facts: Any) -> str:
    """A payment whose provider could not be reached."""
    body = {"amount": "125.50", "currency": "AED"} | facts
    payment = str(api.post("/payments/v2/create", body, "application/json").json()["id"])
    answer = api.post(f"/payments/v2/process/{payment}", {}, "application/json")
    assert answer.status_code == 503
    return payment


def retry() -> int:
    return int(tasks.retry_payments.run())


def read(api: Client, payment: str) -> dict[str, Any]:
    body: dict[str, Any] = api.get(f"/payments/v2/{payment}").json()
    return body


def test_once_its_provider_is_back_the_page_is_opened_without_the_merchant(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = NotSent("refused")
    payment = refused(api)
    assert read(api, payment)["next_check_at"] == "2026-06-01T12:01:00Z"
    provider.replies = FakeTransport().replies
    assert retry() == 0
    clock.shift(MINUTE)
    assert retry() == 1
    body = read(api, payment)
    assert (body["status"], body["outcome"]) == ("requires_action", "action_required")
    assert body["redirect_url"]
    assert retry() == 0
    again = api.post(f"/payments/v2/process/{payment}", {}, "application/json").json()
    assert again["redirect_url"] == body["redirect_url"]


def test_it_is_tried_at_widening_distances_and_then_no_more(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = NotSent("refused")
    payment = refused(api)
    tried = []
    for minute in range(1, 200):
        clock.move_to(START + minute * MINUTE)
        tried += [minute] * retry()
    assert tried == [1, 6, 21]
    assert provider.count("request") == 4
    body = read(api, payment)
    assert (body["status"], body["next_check_at"]) == ("created", None)


def test_an_answer_that_was_lost_is_never_sent_again(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = NotSent("refused")
    refused(api)
    provider.replies["request"] = Lost("silence")
    clock.shift(MINUTE)
    assert retry() == 1
    provider.replies["query"] = answer([])
    for _ in range(10):
        clock.shift(10 * MINUTE)
        tasks.recover_open_operations.run()
        assert retry() == 0
        assert not retries.due(START + timedelta(days=9)).exists()
    assert provider.count("request") == 2


def test_what_its_merchant_withdrew_is_not_sent(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = NotSent("refused")
    payment = refused(api)
    api.post(f"/payments/v2/{payment}/cancel", {}, "application/json")
    clock.shift(MINUTE)
    assert retry() == 0


def test_recovery_does_not_ask_about_what_never_left(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = NotSent("refused")
    refused(api)
    clock.shift(MINUTE)
    assert tasks.recover_open_operations.run() == 0
    assert provider.count("query") == 0


def test_two_sweeps_send_it_once_and_one_that_died_leaves_it_due(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = NotSent("refused")
    refused(api)
    clock.shift(MINUTE)
    operation, now = GatewayOperation.objects.get(), START + MINUTE
    assert retries._take(operation, now) is True
    assert retries._take(operation, now) is False
    assert retry() == 0
    clock.shift(5 * MINUTE)
    assert retry() == 1


def test_a_process_that_dies_while_sending_again_leaves_a_question(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = NotSent("refused")
    payment = refused(api)
    provider.replies["request"] = KeyboardInterrupt()
    clock.shift(MINUTE)
    with pytest.raises(KeyboardInterrupt):
        retry()
    clock.shift(MINUTE)
    assert read(api, payment)["outcome"] == "unknown"
    assert retry() == 0


def test_nothing_is_sent_again_where_that_is_not_wanted(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller, settings: Settings
) -> None:
    settings.PAYMENT_RETRY_DELAYS = []
    provider.replies["request"] = NotSent("refused")
    payment = refused(api)
    assert read(api, payment)["next_check_at"] is None
    clock.shift(60 * MINUTE)
    assert retry() == 0
    assert Payment.objects.get().status == "created"
