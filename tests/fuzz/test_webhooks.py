"""Both doors for notifications against everything: nothing breaks, and nothing forged comes in."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from payments.crypto.signatures import hmac_hex
from tests.webhooks.providers import SECRET, all_connected, body_of, signed
from webhooks.models import KnownDelivery, PaymentWebhookEvent
from webhooks.specimens import by_flutterwave

EVENTS = {
    "paytabs": "Sale",
    "stripe": "payment_intent.succeeded",
    "paypal": "PAYMENT.CAPTURE.COMPLETED",
    "flutterwave": "charge.completed",
    "paystack": "charge.success",
}
GENERIC = "/payments/v2/webhook"
HEADERS = sorted(
    {name for provider in EVENTS for name in signed(provider, b"")}
    | {"flutterwave-signature", "X-Webhook-Signature", "X-Webhook-Timestamp"}
    | {"X-Webhook-Provider", "X-Webhook-Event-ID", "X-Forwarded-For", "X-Correlation-ID"}
)
fuzzed = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

providers = st.sampled_from(sorted(EVENTS))
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)
headers_of_strangers = st.dictionaries(st.sampled_from(HEADERS), VALUES)
NUMBERS = st.integers() | st.sampled_from([10**400, -(10**19), 1e308]) | st.floats()
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=20)
VALUE = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
DEEP = st.integers(1, 3_000).map(lambda depth: b"[" * depth + b"]" * depth)
NONSENSE = st.binary(max_size=200) | DEEP | VALUE.map(lambda value: json.dumps(value).encode())


@st.composite
def distorted(draw: st.DrawFn, provider: str) -> bytes:
    """True news with something else in one place, or in that of what it is about."""
    news = json.loads(body_of(provider, EVENTS[provider]))
    part = draw(st.sampled_from([news, *[each for each in news.values() if type(each) is dict]]))
    part[draw(st.sampled_from(sorted(part)) | st.text(max_size=9))] = draw(VALUE)
    return json.dumps(news).encode()


@st.composite
def cut(draw: st.DrawFn, body: bytes) -> bytes:
    """The same bytes, but for a few of them."""
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(start + 5, len(body))))
    other = body[:start] + draw(st.binary(max_size=5)) + body[end:]
    return other if other != body else body + b" "


@pytest.fixture(autouse=True)
def _connected(
    transactional_db: None,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    with all_connected(settings, tmp_path, monkeypatch):
        settings.RATE_LIMITS_ENABLED = False
        settings.PROVIDERS = {
            name: facts | {"generic_webhook_secrets": [SECRET]}
            for name, facts in settings.PROVIDERS.items()
        }
        yield


def posted(path: str, body: bytes, headers: Any) -> int:
    client = Client(raise_request_exception=False)
    return client.post(path, body, "application/json", headers=headers).status_code


def demand_refused(path: str, body: bytes, headers: Any) -> None:
    stored = kept()
    assert posted(path, body, headers) in (400, 401, 404)
    assert kept() == stored


def kept() -> tuple[int, int]:
    return PaymentWebhookEvent.objects.count(), KnownDelivery.objects.count()


def proof_of(provider: str, body: bytes) -> dict[str, str]:
    """Headers that cover the body, as far as the provider has any."""
    if provider == "flutterwave":
        return by_flutterwave(SECRET.encode(), body)
    return signed(provider, body)


def our_proof_of(provider: str, body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    signature = hmac_hex(SECRET.encode(), now.encode() + b"." + body)
    named = {"X-Webhook-Provider": provider, "X-Webhook-Timestamp": now}
    return named | {"X-Webhook-Signature": signature}


@fuzzed
@given(provider=providers, headers=headers_of_strangers, body=NONSENSE)
def test_what_nobody_signed_is_refused_and_leaves_nothing(
    provider: str, headers: dict[str, str], body: bytes
) -> None:
    demand_refused(f"/webhooks/payments/{provider}", body, headers)
    demand_refused(GENERIC, body, headers)


@fuzzed
@given(provider=providers, data=st.data())
def test_what_was_altered_after_it_was_signed_is_refused_and_leaves_nothing(
    provider: str, data: st.DataObject
) -> None:
    true = body_of(provider, EVENTS[provider])
    false = data.draw(cut(true) | distorted(provider).filter(lambda body: body != true))
    demand_refused(f"/webhooks/payments/{provider}", false, proof_of(provider, true))
    demand_refused(GENERIC, false, our_proof_of(provider, true))


@fuzzed
@given(provider=providers, data=st.data())
def test_a_true_body_under_an_altered_signature_is_refused(
    provider: str, data: st.DataObject
) -> None:
    body = body_of(provider, EVENTS[provider])
    headers = proof_of(provider, body)
    name = data.draw(st.sampled_from(sorted(headers)))
    headers[name] = data.draw(VALUES.filter(lambda value: value.strip() != headers[name]))
    demand_refused(f"/webhooks/payments/{provider}", body, headers)


@fuzzed
@given(provider=providers, data=st.data())
def test_whatever_is_signed_is_taken_in_and_breaks_nothing(
    provider: str, data: st.DataObject
) -> None:
    body = data.draw(distorted(provider) | NONSENSE)
    KnownDelivery.objects.all().delete()  # all of PayPal's here have one name
    assert posted(f"/webhooks/payments/{provider}", body, proof_of(provider, body)) == 200
    assert posted(GENERIC, body, our_proof_of(provider, body)) == 200
