"""Who is turned away, and how precisely the operator learns why."""

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
import time_machine
from django.test import Client
from pytest_django import Settings

from payments.events.chain import verify_stream
from payments.events.signal import Aggregate
from payments.models import StoredEvent
from tests.webhooks.deliveries import KEY, deliver
from webhooks.models import PaymentWebhookEvent

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BODY = json.dumps({"event": "charge.success", "data": {"id": 1}}, indent=2).encode()
API_KEY, SECRET, GENERIC = "sk_test_only_for_calls", "secret-of-the-webhook", "generic-of-paystack"


@pytest.fixture(autouse=True)
def _connected(transactional_db: None, settings: Settings) -> None:
    usual = settings.PROVIDERS["paytabs"]
    paystack = usual | {
        "secret_key": API_KEY,
        "webhook_secrets": [SECRET],
        "generic_webhook_secrets": [GENERIC],
    }
    settings.PROVIDERS = {"paytabs": usual, "paystack": paystack}


def to_paystack(body: bytes, signed_with: str, signed_body: bytes = b"") -> Any:
    signature = hmac.new(signed_with.encode(), signed_body or body, hashlib.sha512).hexdigest()
    headers = {"X-Paystack-Signature": signature}
    return Client().post("/webhooks/payments/paystack", body, "application/json", headers=headers)


def security_events() -> list[dict[str, str]]:
    return [event.data for event in StoredEvent.objects.filter(type="security.event")]


def told() -> tuple[str, str]:
    (event,) = security_events()
    return event["reason"], event["detail"]


def test_each_minute_keeps_one_event_a_provider_and_reason() -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(5):
            deliver(b"{}", "0" * 64)
        deliver(b"{}", "")
        to_paystack(BODY, "nobody's")
        assert len(security_events()) == 3
        clock.shift(timedelta(seconds=60))
        deliver(b"{}", "0" * 64)
    assert len(security_events()) == 4
    assert verify_stream(Aggregate("security", "2026-11-21T12")) == 4


def test_the_cache_spares_work_and_is_not_what_decides(settings: Settings) -> None:
    with time_machine.travel(NOON, tick=False):
        deliver(b"{}", "0" * 64)
        settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": "another"}}
        deliver(b"{}", "0" * 64)
    assert len(security_events()) == 1


def test_names_that_strangers_invent_are_one_provider() -> None:
    for number in range(5):
        Client().post(f"/webhooks/payments/nobody{number}", b"{}", "application/json")
    assert [event["provider"] for event in security_events()] == ["unknown"]


def test_a_body_that_a_proxy_wrote_anew_is_told_from_a_forgery() -> None:
    compact = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    assert to_paystack(BODY, SECRET, signed_body=compact).status_code == 401
    assert told()[0] == "body_altered"


@pytest.mark.parametrize(("secret", "name"), [(API_KEY, "secret_key"), (GENERIC, "generic")])
def test_the_wrong_one_of_our_secrets_is_named(secret: str, name: str) -> None:
    response = to_paystack(BODY, secret)
    assert response.status_code == 401
    reason, detail = told()
    assert reason == "wrong_secret"
    assert name in detail
    assert secret not in detail + response.content.decode()
    assert "wrong_secret" not in response.content.decode()


def test_a_delivery_at_another_providers_address_is_recognised() -> None:
    signature = hmac.new(SECRET.encode(), BODY, hashlib.sha512).hexdigest()
    assert deliver(BODY, "", **{"X-Paystack-Signature": signature}).status_code == 400
    assert told()[0] == "another_providers"
    assert "paystack" in told()[1]


def test_paypals_at_another_providers_address_is_recognised_without_its_certificate(
    settings: Settings,
) -> None:
    paypal = {"client_id": "c", "client_secret": SECRET, "webhook_id": "W", "test_root": ""}
    usual = settings.PROVIDERS["paytabs"] | {"api_base": "", "test_certificate_hosts": []}
    settings.PROVIDERS = settings.PROVIDERS | {"paypal": usual | paypal}
    assert deliver(BODY, "", **{"PayPal-Transmission-Id": "T-1"}).status_code == 400
    assert told()[0] == "another_providers"
    assert "paypal" in told()[1]


def test_a_body_that_a_proxy_wrote_anew_is_told_at_the_generic_door_too() -> None:
    compact, now = json.dumps(json.loads(BODY), separators=(",", ":")), str(int(time.time()))
    signature = hmac.new(GENERIC.encode(), f"{now}.{compact}".encode(), hashlib.sha256)
    headers = {"X-Webhook-Provider": "paystack", "X-Webhook-Timestamp": now}
    headers |= {"X-Webhook-Signature": signature.hexdigest()}
    path = "/payments/v2/webhook"
    assert Client().post(path, BODY, "application/json", headers=headers).status_code == 401
    assert told()[0] == "body_altered"


def test_a_plain_forgery_is_a_mismatch_and_nothing_more() -> None:
    to_paystack(BODY, "guessed")
    assert told() == ("signature_mismatch", "")


def test_the_log_and_the_event_say_by_how_much_a_clock_differs(settings: Settings) -> None:
    paytabs = settings.PROVIDERS["paytabs"] | {"generic_webhook_secrets": [KEY]}
    settings.PROVIDERS = settings.PROVIDERS | {"paytabs": paytabs}
    with structlog.testing.capture_logs() as lines:
        response = Client().post(
            "/payments/v2/webhook",
            b"{}",
            "application/json",
            headers={
                "X-Webhook-Timestamp": str(int(time.time()) - 900),
                "X-Webhook-Signature": "0",
            },
        )
    assert response.status_code == 400
    assert told()[0] == "stale_timestamp"
    assert "clock differs by -90" in told()[1]
    assert any(line["event"] == "webhook_rejected" and line["hint"] for line in lines)


def test_what_is_refused_leaves_nothing_in_the_inbox() -> None:
    to_paystack(BODY, "guessed")
    assert not PaymentWebhookEvent.objects.exists()
