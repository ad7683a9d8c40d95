"""What a refusal tells the operator: which clock, which header, whose family of headers."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from payments.crypto.signatures import hmac_hex
from payments.models import StoredEvent
from tests.webhooks.providers import NOW, SECRET, all_connected, body_of, signed

GENERIC = "generic-of-today"
BODY = b'{"a": 1}'


@pytest.fixture(autouse=True)
def _connected(
    transactional_db: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    with all_connected(settings, tmp_path, monkeypatch):
        for facts in settings.PROVIDERS.values():
            facts |= {"generic_webhook_secrets": [GENERIC]}
        yield


def post(provider: str, headers: dict[str, str], body: bytes = BODY) -> Any:
    path = f"/webhooks/payments/{provider}" if provider else "/payments/v2/webhook"
    return Client().post(path, body, "application/json", headers=headers)


def generic(secret: str = GENERIC, at: str = "") -> dict[str, str]:
    now = at or str(int(time.time()))
    signature = hmac_hex(secret.encode(), now.encode() + b"." + BODY)
    return {"X-Webhook-Timestamp": now, "X-Webhook-Signature": signature}


def told() -> tuple[str, str]:
    (event,) = StoredEvent.objects.filter(type="security.event")
    return event.data["reason"], event.data["detail"]


# Clocks.


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        ("stripe", "timestamp_outside_tolerance"),
        ("paypal", "transmission_time_out_of_bounds"),
        ("", "stale_timestamp"),
    ],
)
@pytest.mark.parametrize(
    ("days", "differs"),
    [
        (5, r"clock differs by -43200[05] s: theirs is behind ours"),
        (-1, r"clock differs by 86(400|395) s: theirs is ahead of ours"),
    ],
)
def test_every_clock_is_told_by_seconds_and_direction(
    provider: str, reason: str, days: int, differs: str
) -> None:
    body = body_of(provider, "whatever") if provider else BODY
    headers = signed(provider, body) if provider else generic()
    with time_machine.travel(NOW + timedelta(days=days), tick=False):
        answer = post(provider, headers, body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "stale_timestamp")
    assert told()[0] == reason
    assert re.match(differs, told()[1])


@pytest.mark.parametrize(
    ("written", "hint"), [("1767225605000", "finer"), ("yesterday", "no number")]
)
def test_a_time_in_another_unit_is_told(written: str, hint: str) -> None:
    assert post("", generic(at=written)).status_code == 400
    assert told()[0] == "invalid_timestamp"
    assert hint in told()[1]


# Headers.


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        ("paytabs", "signature"),
        ("stripe", "stripe-signature"),
        ("paypal", "paypal-transmission-id"),
        ("flutterwave", "verif-hash"),
        ("paystack", "x-paystack-signature"),
        ("", "X-Webhook-Timestamp"),
    ],
)
def test_the_header_that_is_missing_is_named(provider: str, header: str) -> None:
    assert post(provider, {}).status_code in (400, 401)
    assert told()[0] == "missing_header"
    assert header in told()[1]


@pytest.mark.parametrize(
    ("provider", "headers", "address"),
    [
        ("stripe", {"X-Paystack-Signature": "0"}, "paystack-signature, which is for /webhooks"),
        ("paystack", {"Stripe-Signature": "t=1,v1=0"}, "for /webhooks/payments/stripe"),
        ("paytabs", {"Flutterwave-Signature": "0"}, "/webhooks/payments/flutterwave"),
        ("flutterwave", {"PayPal-Transmission-Sig": "0"}, "/webhooks/payments/paypal"),
        ("paystack", generic(at="1"), "x-webhook-signature, which is for /payments/v2/webhook"),
        ("", {"Verif-Hash": "0"}, "verif-hash, which is for /webhooks/payments/flutterwave"),
    ],
)  # fmt: skip
def test_another_familys_headers_are_recognised_whoever_made_them(
    provider: str, headers: dict[str, str], address: str
) -> None:
    assert post(provider, headers).status_code in (400, 401)
    assert told()[0] == "mixed_headers"
    assert address in told()[1]


def test_another_familys_header_beside_a_wrong_one_is_told_too() -> None:
    headers = {"X-Paystack-Signature": "0" * 128, "Stripe-Signature": "t=1,v1=0"}
    assert post("paystack", headers).status_code == 401
    assert told()[0] == "signature_mismatch"
    assert "stripe-signature" in told()[1]


def test_two_ways_of_flutterwave_that_disagree_are_told() -> None:
    headers = {"Verif-Hash": SECRET, "Flutterwave-Signature": "AAAA"}
    assert post("flutterwave", headers).status_code == 401
    assert told()[0] == "mixed_headers"
    assert "without its flutterwave-signature" in told()[1]


@pytest.mark.parametrize("name", ["webhook_secrets", "secret_key"])
def test_a_providers_own_secret_at_the_generic_webhook_is_named(
    name: str, settings: Settings
) -> None:
    settings.PROVIDERS["stripe"] |= {"webhook_secrets": ["another"], name: ["taken-for-another"]}
    headers = generic("taken-for-another") | {"X-Webhook-Provider": "stripe"}
    assert post("", headers).status_code == 401
    assert told()[0] == "wrong_secret"
    assert f"signed with {name}," in told()[1]
