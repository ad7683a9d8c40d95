"""Secrets that were taken out: never believed again, and recognised where they are still used."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as usual_settings
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from config import providers as config_of_providers
from config.environment import Environment
from payments.crypto.signatures import hmac_hex
from payments.gateways.registry import gateway_named
from payments.models import StoredEvent
from tests.webhooks.providers import NOW, SECRET, all_connected, body_of, signed
from webhooks.diagnosis import diagnosed
from webhooks.models import PaymentWebhookEvent

LATEST, OLDEST = "retired-last-year", "retired-long-ago"
BY_SECRET = ("paytabs", "stripe", "flutterwave", "paystack")
VARIABLES = {"paytabs": "PAYTABS_RETIRED_SERVER_KEYS"} | {
    name: f"{name.upper()}_RETIRED_WEBHOOK_SECRETS" for name in BY_SECRET[1:]
}
CREDENTIALS = {
    "STRIPE_SECRET_KEY": "sk",
    "STRIPE_WEBHOOK_SECRET": "present, older",
    "PAYSTACK_SECRET_KEY": "sk-of-paystack",
    "PAYTABS_PROFILE_ID": "1",
    "PAYTABS_SERVER_KEY": "server-key",
    "PAYTABS_WEBHOOK_SECRET": "generic-of-paytabs",
}


@pytest.fixture(autouse=True)
def _connected(
    transactional_db: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    names = ("retired_webhook_secrets", "retired_server_key", "retired_generic_webhook_secrets")
    retired = {name: [LATEST, OLDEST] for name in names}
    others = {"secret_key": "calls-only", "generic_webhook_secrets": ["generic-of-today"]}
    with all_connected(settings, tmp_path, monkeypatch):
        settings.PROVIDERS = {
            name: facts | retired | others for name, facts in settings.PROVIDERS.items()
        }
        yield


def deliver(provider: str, body: bytes, secret: str) -> Any:
    path, headers = f"/webhooks/payments/{provider}", signed(provider, body, secret)
    return Client().post(path, body, "application/json", headers=headers)


def generic(provider: str, body: bytes, secret: str) -> Any:
    now = str(int(time.time()))
    headers = {"X-Webhook-Provider": provider, "X-Webhook-Timestamp": now}
    headers["X-Webhook-Signature"] = hmac_hex(secret.encode(), now.encode() + b"." + body)
    return Client().post("/payments/v2/webhook", body, "application/json", headers=headers)


def told() -> tuple[str, str]:
    (event,) = StoredEvent.objects.filter(type="security.event")
    return event.data["reason"], event.data["detail"]


@pytest.mark.parametrize(("secret", "number"), [(LATEST, 1), (OLDEST, 2)])
@pytest.mark.parametrize("provider", BY_SECRET)
def test_a_retired_secret_is_refused_and_named_by_its_number(
    provider: str, secret: str, number: int
) -> None:
    answer = deliver(provider, body_of(provider, "charge.success"), secret)
    assert answer.status_code == 401
    reason, detail = told()
    assert reason == "retired_secret"
    assert f"number {number} of {VARIABLES[provider]} " in detail
    assert secret not in detail + answer.content.decode()
    assert "retired" not in answer.content.decode()
    assert not PaymentWebhookEvent.objects.exists()


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("paytabs", "PAYTABS_RETIRED_WEBHOOK_SECRETS"),
        ("paypal", "PAYPAL_RETIRED_GENERIC_WEBHOOK_SECRETS"),
        ("stripe", "STRIPE_RETIRED_GENERIC_WEBHOOK_SECRETS"),
    ],
)
def test_the_generic_webhooks_retired_secrets_are_recognised_too(
    provider: str, variable: str
) -> None:
    assert generic(provider, b"{}", OLDEST).status_code == 401
    assert told()[0] == "retired_secret"
    assert f"number 2 of {variable} " in told()[1]
    assert not PaymentWebhookEvent.objects.exists()


@pytest.mark.parametrize("provider", BY_SECRET)
def test_the_present_secret_is_believed_beside_retired_ones(provider: str) -> None:
    answer = deliver(provider, body_of(provider, "nothing.of.ours"), SECRET)
    assert answer.status_code == 200


def test_an_old_delivery_under_a_retired_secret_is_recognised_as_well() -> None:
    body = body_of("stripe", "charge.succeeded")
    with time_machine.travel(NOW.replace(hour=1), tick=False):
        assert deliver("stripe", body, LATEST).status_code == 401
    assert told()[0] == "retired_secret"


@pytest.mark.parametrize("provider", BY_SECRET)
@given(retired=st.lists(st.text("abcdef0123456789", min_size=1), min_size=1), data=st.data())
def test_no_retired_secret_ever_verifies(
    provider: str, retired: list[str], data: st.DataObject
) -> None:
    facts = usual_settings.PROVIDERS[provider]
    usual = {name: facts[name] for name in ("retired_webhook_secrets", "retired_server_key")}
    secret, body = data.draw(st.sampled_from(retired)), b'{"a": 1}'
    facts |= dict.fromkeys(usual, retired)
    try:
        gateway, headers = gateway_named(provider), tuple(signed(provider, body, secret).items())
        reason = diagnosed(gateway, headers, body, "signature_mismatch")
        assert reason.startswith("retired_secret: ")
        answer = deliver(provider, body, secret)
        assert answer.status_code in (401, 429)
    finally:
        facts |= usual


# The settings.


def test_retired_secrets_are_read_from_their_own_variables() -> None:
    retired = {
        "STRIPE_RETIRED_WEBHOOK_SECRETS": "b, a",
        "STRIPE_RETIRED_GENERIC_WEBHOOK_SECRETS": "c",
        "PAYTABS_RETIRED_SERVER_KEYS": "d",
        "PAYTABS_RETIRED_WEBHOOK_SECRETS": "e",
    }
    env = Environment(CREDENTIALS | retired)
    found = config_of_providers.configured(env)
    assert env.problems == []
    assert found["stripe"]["retired_webhook_secrets"] == ["b", "a"]
    assert found["stripe"]["retired_generic_webhook_secrets"] == ["c"]
    assert found["paytabs"]["retired_server_key"] == ["d"]
    assert found["paytabs"]["retired_generic_webhook_secrets"] == ["e"]
    assert found["paystack"]["retired_webhook_secrets"] == []


@pytest.mark.parametrize(
    ("variable", "in_use"),
    [
        ("STRIPE_RETIRED_WEBHOOK_SECRETS", "older"),
        ("PAYSTACK_RETIRED_WEBHOOK_SECRETS", "sk-of-paystack"),
        ("PAYTABS_RETIRED_SERVER_KEYS", "server-key"),
        ("PAYTABS_RETIRED_WEBHOOK_SECRETS", "generic-of-paytabs"),
    ],
)
def test_a_secret_that_is_still_in_use_stops_the_start_and_is_not_repeated(
    variable: str, in_use: str
) -> None:
    env = Environment(CREDENTIALS | {variable: f"long-gone, {in_use}"})
    config_of_providers.configured(env)
    (problem,) = env.problems
    assert problem.startswith(f"{variable}: ")
    assert in_use not in problem.removeprefix(variable)
