"""A delivery sent by hand: the running service hears it as it would hear the provider."""

import json
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.journeys.conftest import Merchant
from tests.journeys.test_five_providers import CUSTOMER, MONEY
from tests.sandbox.process import SandboxProcess
from webhooks.models import PaymentWebhookEvent
from webhooks.specimens import PROVIDERS

each_provider = pytest.mark.parametrize("provider", PROVIDERS)
ASKED = "flutterwave"  # before it is believed
each_believed = pytest.mark.parametrize("provider", [n for n in PROVIDERS if n != ASKED])


def sent(merchant: Merchant, *words: str, **options: Any) -> list[tuple[int, str]]:
    out, here = StringIO(), merchant.base.replace("/payments/v2", "")
    call_command("send_test_webhook", *words, "--json", to=here, stdout=out, **options)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    return [(each["status"], each["answer"].get("status", "")) for each in told]


def opened(merchant: Merchant, provider: str) -> str:
    payment, _, _ = merchant.start(
        provider=provider, currency=MONEY[provider], customer=CUSTOMER, amount="100.25"
    )
    return payment


@each_believed
def test_a_payment_is_said_to_be_paid_once_however_often_it_is_said(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings, provider: str
) -> None:
    settings.DEBUG = True
    payment = opened(merchant, provider)
    answers = sent(merchant, provider, "paid", payment=UUID(payment), duplicate=2)
    assert answers == [(200, "processed"), (200, "duplicate"), (200, "duplicate")]
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["amount_captured"]) == ("completed", "100.25")


@each_believed
def test_a_decline_is_heard_as_one(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings, provider: str
) -> None:
    settings.DEBUG = True
    payment = opened(merchant, provider)
    assert sent(merchant, provider, "declined", payment=UUID(payment)) == [(200, "processed")]
    body = merchant.get(f"/{payment}")
    assert body["amount_captured"] == "0.00"
    assert body["failure"] or provider == "stripe"


def test_what_flutterwave_is_made_to_say_is_not_confirmed_and_moves_nothing(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings
) -> None:
    settings.DEBUG = True
    payment = opened(merchant, ASKED)
    with pytest.raises(CommandError, match="should have answered 200"):
        sent(merchant, ASKED, "paid", payment=UUID(payment))
    assert merchant.get(f"/{payment}")["status"] == "requires_action"


@each_provider
def test_what_concerns_no_payment_is_ignored_and_may_be_sent_anywhere(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    assert sent(merchant, provider, "other") == [(200, "ignored")]


@each_provider
def test_a_forged_one_is_refused_and_leaves_nothing(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = opened(merchant, provider)
    told = sent(merchant, provider, "paid", payment=UUID(payment), forge=True)
    assert [status for status, _ in told] == [401]
    assert merchant.get(f"/{payment}")["status"] == "requires_action"
    assert not PaymentWebhookEvent.objects.exists()


def test_what_nobody_knows_is_kept_for_a_person(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings
) -> None:
    settings.DEBUG = True
    assert sent(merchant, "stripe", "paid") == [(200, "accepted")]


def test_outside_development_nobody_is_told_that_money_was_paid(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    with pytest.raises(CommandError, match="would be believed"):
        sent(merchant, "paytabs", "paid")
    assert not PaymentWebhookEvent.objects.exists()


def test_another_answer_than_expected_is_a_failure(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings
) -> None:
    settings.PROVIDERS = settings.PROVIDERS | {
        "paytabs": settings.PROVIDERS["paytabs"] | {"ip_whitelist": ["192.0.2.1"]}
    }
    with pytest.raises(CommandError, match="should have answered 200"):
        sent(merchant, "paytabs", "other")
