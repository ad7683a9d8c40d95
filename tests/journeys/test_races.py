"""Fifty at once: one wins, the others are told so, and the records hold one truth."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from payments.crypto.signatures import hmac_hex
from payments.events.chain import verify_stream
from payments.events.signal import Aggregate
from payments.gateways.wire import WireResponse
from payments.models import GatewayOperation, IdempotencyKey, Payment, Posting, StoredEvent
from tests import fakes
from tests.fakes import FakeTransport, notification
from webhooks.models import PaymentWebhookEvent

THREADS = 50
KEY = b"STESTONLY01-TESTONLYKEY02-TESTONLY03"


def at_once(call: Callable[[int], Any]) -> list[Any]:
    """Run a call in fifty threads that start together."""
    barrier = Barrier(THREADS)

    def run(number: int) -> Any:
        barrier.wait(30)
        try:
            return call(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def create(api: Client, **headers: str) -> Any:
    body = {"amount": "125.50", "currency": "AED"}
    return api.post("/payments/v2/create", body, "application/json", headers=headers)


def process(api: Client, payment: str) -> Any:
    return api.post(f"/payments/v2/process/{payment}", {}, "application/json")


def slow_page(body: dict[str, Any]) -> WireResponse:
    time.sleep(0.3)
    return fakes.page(body)


def test_fifty_deliveries_of_one_callback_are_one_processed_and_49_duplicates(
    api: Client, provider: FakeTransport
) -> None:
    payment = create(api).json()["id"]
    process(api, payment)
    operation = GatewayOperation.objects.get()
    body = notification(operation.key, operation.gateway_reference)
    headers = {"Signature": hmac_hex(KEY, body)}

    def deliver(_: int) -> tuple[int, str]:
        path = "/webhooks/payments/paytabs"
        response = Client().post(path, body, "application/json", headers=headers)
        return response.status_code, response.json().get("status")

    told = Counter(at_once(deliver))
    assert told == {(200, "processed"): 1, (200, "duplicate"): THREADS - 1}
    assert PaymentWebhookEvent.objects.get().status == "completed"
    types = list(StoredEvent.objects.values_list("type", flat=True))
    assert types.count("payment.completed") == 1
    assert [each.kind for each in Posting.objects.all()] == ["captured"]
    assert verify_stream(Aggregate("payment", payment)) == 4


@pytest.mark.parametrize("limits", [True, False])
def test_fifty_calls_of_process_open_one_page(
    api: Client, provider: FakeTransport, settings: Settings, limits: bool
) -> None:
    settings.RATE_LIMITS_ENABLED = limits
    provider.replies["request"] = slow_page
    payment = create(api).json()["id"]
    answers = at_once(lambda _: process(api, payment))
    assert provider.count("request") == 1
    assert GatewayOperation.objects.count() == 1
    told = Counter((a.status_code, _meaning(a)) for a in answers)
    allowed = {(200, "page"), (409, "operation_in_progress")} | (
        {(429, "rate_limited")} if limits else set()
    )
    assert set(told) <= allowed
    assert told[200, "page"] >= 1
    assert process(api, payment).status_code in ((200, 429) if limits else (200,))


def _meaning(answer: Any) -> str:
    body = answer.json()
    if answer.status_code == 200:
        return "page" if body["redirect_url"].startswith("https://pay.test/") else "no page"
    assert answer["Retry-After"]
    return str(body["errors"][0]["code"])


def test_fifty_creates_under_one_key_make_one_payment(api: Client, settings: Settings) -> None:
    answers = at_once(lambda _: create(api, **{"Idempotency-Key": "one"}))
    assert Payment.objects.count() == 1
    assert IdempotencyKey.objects.count() == 1
    made = {a.json()["id"] for a in answers if a.status_code == 201}
    assert made == {str(Payment.objects.get().pk)}
    assert {a.status_code for a in answers} <= {201, 409}


def test_fifty_histories_grow_at_once_without_a_gap(api: Client) -> None:
    answers = at_once(lambda _: create(api))
    assert {a.status_code for a in answers} == {201}
    assert Payment.objects.count() == THREADS
    assert StoredEvent.objects.count() == THREADS
