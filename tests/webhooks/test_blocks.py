"""A source that sends forgery after forgery is soon not looked at; what verifies always is."""

import time
from typing import Any

import pytest
from django.core.cache.backends.base import BaseCache
from django.test import Client
from pytest_django import Settings

from payments.api import blocks
from payments.crypto.signatures import hmac_hex
from payments.models import GatewayOperation, StoredEvent
from tests.fakes import FakeTransport
from tests.payments.blocking import LIST
from tests.webhooks.deliveries import KEY, deliver, news, open_page

GENERIC = "generic-secret-for-tests-only"
FORGED = "0" * 64


@pytest.fixture(autouse=True)
def _small(settings: Settings) -> None:
    limits = {"webhook_rejected": "2/h", "generic_webhook": "3/h", "block_address_after": "3/h"}
    settings.RATE_LIMITS = settings.RATE_LIMITS | limits
    paytabs = settings.PROVIDERS["paytabs"] | {"generic_webhook_secrets": [GENERIC]}
    settings.PROVIDERS = settings.PROVIDERS | {"paytabs": paytabs}


@pytest.fixture
def operation(transactional_db: None, provider: FakeTransport) -> GatewayOperation:
    return open_page()


def forge(times: int) -> list[int]:
    return [deliver(b"{}", FORGED).status_code for _ in range(times)]


def generic(body: bytes, secret: str = GENERIC, signed: bytes = b"") -> Any:
    now = str(int(time.time()))
    signature = hmac_hex(secret.encode(), now.encode() + b"." + (signed or body))
    headers = {"X-Webhook-Timestamp": now, "X-Webhook-Signature": signature}
    return Client().post("/payments/v2/webhook", body, "application/json", headers=headers)


def blocked() -> list[str]:
    return [block.limit for block in blocks.blocks()]


def test_a_forger_is_blocked_and_told_for_how_long(operation: GatewayOperation) -> None:
    assert forge(5) == [401, 401, 429, 429, 429]
    assert blocked() == ["webhook_rejected"]
    answer = deliver(b"{}", FORGED)
    assert answer.status_code == 429
    assert 590 <= int(answer["Retry-After"]) <= 600
    assert answer.json()["errors"][0]["code"] == "rate_limited"


def test_what_verifies_is_taken_in_from_a_blocked_address(operation: GatewayOperation) -> None:
    forge(6)
    assert blocked()
    for _ in range(10):
        assert deliver(news(operation)).status_code == 200
    assert deliver(b"{}", FORGED).status_code == 429


def test_the_generic_webhook_hears_who_signs_from_a_blocked_address(
    operation: GatewayOperation,
) -> None:
    forge(6)
    assert generic(news(operation)).json()["status"] == "processed"
    assert generic(b"{}", "guessed").status_code == 429


def test_too_much_at_the_generic_webhook_is_excess_too(operation: GatewayOperation) -> None:
    assert [generic(b"{}", "guessed").status_code for _ in range(6)] == [401] * 2 + [429] * 4
    assert blocked() == ["generic_webhook"]
    assert deliver(news(operation)).json()["status"] == "processed"
    assert Client().get(LIST).status_code == 429


def test_nothing_is_found_out_about_what_a_blocked_source_sends(
    operation: GatewayOperation,
) -> None:
    forge(5)
    by_a_proxy = hmac_hex(KEY.encode(), b'{"a":1}')
    assert deliver(b'{"a": 1}', by_a_proxy).status_code == 429
    assert generic(b'{"a": 1}', signed=b'{"a":1}').status_code == 429
    told = StoredEvent.objects.filter(type="security.event").order_by("sequence")
    reasons = [event.data["reason"] for event in told]
    assert reasons == ["signature_mismatch", "source_blocked", "still_blocked"]


@pytest.mark.parametrize("forged_before", [0, 6])
def test_what_verifies_asks_no_counter_at_all(
    operation: GatewayOperation,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    forged_before: int,
) -> None:
    settings.WEBHOOK_FAST_LOOK = False
    forge(forged_before)
    asked = heard_by_the_cache(monkeypatch)
    assert deliver(news(operation)).json()["status"] == "processed"
    assert [key for key in asked if "block" in key or "rl:" in key] == []
    deliver(b"{}", FORGED)
    assert [key for key in asked if "block" in key]


def heard_by_the_cache(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    keys: list[str] = []
    usual = BaseCache.make_and_validate_key

    def noted(self: BaseCache, key: str, version: int | None = None) -> str:
        keys.append(key)
        return usual(self, key, version)

    monkeypatch.setattr(BaseCache, "make_and_validate_key", noted)
    return keys
