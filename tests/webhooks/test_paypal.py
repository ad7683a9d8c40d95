"""What PayPal's signature does not prove: the body, and nothing at all without its certificate."""

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.checks import run_checks
from django.db import connection
from django.test import Client
from pytest_django import Settings

from payments.gateways import documents, transport
from payments.gateways.wire import Lost, NotSent, WireRequest, WireResponse
from payments.models import StoredEvent
from tests.contracts.cases.paypal.words import (
    CERT_URL,
    SECRET,
    WEBHOOK_ID,
    authority,
    leaf,
    middle,
    pem,
    signed,
)
from webhooks.models import PaymentWebhookEvent

NOW = datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)
LETTERS = 64
CHAIN = WireResponse(200, {}, pem(leaf(), middle()))


class CertificateHost:
    """Says what it is told to say, and counts who asks."""

    def __init__(self) -> None:
        self.reply: WireResponse | Exception = CHAIN
        self.asked = 0

    def send(self, gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        assert request.url == CERT_URL
        assert not connection.in_atomic_block
        self.asked += 1
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.write_bytes(pem(authority()))
    return path


@pytest.fixture(autouse=True)
def host(
    transactional_db: None, settings: Settings, root: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CertificateHost]:
    paypal = {
        "client_id": "c",
        "client_secret": SECRET,
        "webhook_id": WEBHOOK_ID,
        "test_root": str(root),
        "test_certificate_hosts": ["api.sandbox.paypal.com"],
        "generic_webhook_secrets": [],
        "ip_whitelist": [],
        "timeout": timedelta(seconds=5),
        "settling_time": timedelta(seconds=60),
        "api_base": "",
    }
    settings.PROVIDERS = {"paypal": paypal}
    made = CertificateHost()
    monkeypatch.setattr(transport, "send", made.send)
    yield made
    documents.start_anew()


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def body(name: str, padding: str = "a" * LETTERS) -> bytes:
    news = {"id": name, "event_type": "VAULT.PAYMENT-TOKEN.CREATED", "resource": {"id": "1"}}
    return json.dumps(news | {"padding": padding}).encode()


def deliver(content: bytes, headers: Any = None) -> Any:
    given = dict(headers or signed(content))
    return Client().post("/webhooks/payments/paypal", content, "application/json", headers=given)


def forged(name: str, checksum: int) -> bytes:
    """Another body with this checksum: a CRC is linear, so the case of some letters decides it."""
    base = zlib.crc32(body(name))
    wanted, basis = base ^ checksum, list[tuple[int, int]]()
    for place in range(LETTERS):
        changed = "a" * place + "A" + "a" * (LETTERS - place - 1)
        effect, used = zlib.crc32(body(name, changed)) ^ base, 1 << place
        for known, letters in basis:
            if effect ^ known < effect:
                effect, used = effect ^ known, used ^ letters
        if effect:
            basis.append((effect, used))
            basis.sort(reverse=True)
    chosen = 0
    for known, letters in basis:
        if wanted ^ known < wanted:
            wanted, chosen = wanted ^ known, chosen ^ letters
    assert wanted == 0
    padding = "".join("A" if chosen >> place & 1 else "a" for place in range(LETTERS))
    return body(name, padding)


def test_the_same_delivery_with_another_body_is_an_attack_and_is_told() -> None:
    true = body("WH-1")
    headers = signed(true)
    assert deliver(true, headers).json()["status"] == "ignored"
    false = forged("WH-2", zlib.crc32(true))
    assert zlib.crc32(false) == zlib.crc32(true)
    answer = deliver(false, headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "invalid_signature")
    assert [event.event_id for event in PaymentWebhookEvent.objects.all()] == ["WH-1"]
    (told,) = StoredEvent.objects.filter(type="security.event")
    assert told.data["reason"] == "another_body"
    # The true one, sent again, is still believed.
    assert deliver(true, headers).status_code == 200
    assert PaymentWebhookEvent.objects.count() == 1


@pytest.mark.parametrize("failure", [NotSent("down"), Lost("silence"), WireResponse(500)])
def test_without_its_certificate_nothing_is_believed_refused_or_stored(
    host: CertificateHost, clock: time_machine.Traveller, failure: WireResponse | Exception
) -> None:
    host.reply = failure
    answer = deliver(body("WH-1"))
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert not PaymentWebhookEvent.objects.exists()
    assert not StoredEvent.objects.filter(type="security.event").exists()
    host.reply = CHAIN
    clock.shift(timedelta(seconds=5))
    assert deliver(body("WH-1")).status_code == 200
    assert PaymentWebhookEvent.objects.count() == 1


def test_a_certificate_that_is_not_there_makes_a_forgery(host: CertificateHost) -> None:
    host.reply = WireResponse(404)
    assert deliver(body("WH-1")).status_code == 401
    assert not PaymentWebhookEvent.objects.exists()
    (told,) = StoredEvent.objects.filter(type="security.event")
    assert told.data["reason"] == "no_such_certificate"


def test_a_certificate_is_fetched_once_for_many_deliveries(host: CertificateHost) -> None:
    for _ in range(3):
        assert deliver(body("WH-1")).status_code == 200
    assert host.asked == 1


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        ({"test_root": "root.pem"}, ["payments.E001"]),
        ({"test_certificate_hosts": ["127.0.0.1:8004"]}, ["payments.E001"]),
    ],
)
def test_a_certificate_of_tests_never_goes_into_production(
    settings: Settings, facts: dict[str, Any], expected: list[str]
) -> None:
    usual = settings.PROVIDERS["paypal"] | {"test_root": "", "test_certificate_hosts": []}
    settings.PROVIDERS = {"paypal": usual | facts}
    found = run_checks(tags=["security"], include_deployment_checks=True)
    assert [each.id for each in found if each.id and each.id.startswith("payments.")] == expected
