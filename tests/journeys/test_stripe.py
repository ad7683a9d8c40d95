"""Stripe's own ways over real HTTP: charges by token, the bank's question, a page's life."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.db import connection
from pytest_django import Settings

from payments.models import Discrepancy, GatewayOperation, StoredEvent
from tests.journeys.conftest import Merchant, eventually, sweep_after, taken
from tests.sandbox.process import STRIPE_KEY, SandboxProcess

GOOD, NO, POOR = "pm_card_visa", "pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds"
ASKS = "pm_card_authenticationRequired"


def create(merchant: Merchant, **facts: Any) -> str:
    return merchant.create(**({"currency": "USD", "provider": "stripe"} | facts))


def pay(merchant: Merchant, payment: str, token: str = GOOD, **headers: str) -> requests.Response:
    return merchant.post(f"/process/{payment}", {"payment_token": token}, **headers)


def code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def answer_bank(page: str, choice: str) -> None:
    back = requests.post(page, data={"choice": choice}, timeout=10, allow_redirects=False)
    assert back.status_code == 302, back.text
    requests.get(back.headers["Location"], timeout=10, allow_redirects=False)


def attempts(merchant: Merchant, payment: str) -> list[str]:
    return [each["outcome"] for each in merchant.get(f"/{payment}/attempts")["results"]]


def agrees(sandbox: SandboxProcess, *amounts: str) -> None:
    """What Stripe took is this and nothing else, and nobody is astonished."""
    assert taken(sandbox, "stripe") == [*amounts]
    assert not Discrepancy.objects.exists()


# --- by token


def test_a_token_pays_at_once_without_a_page(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = create(merchant)
    body = pay(merchant, payment).json()
    assert (body["status"], body["amount_captured"], body["redirect_url"]) == (
        "completed",
        "125.50",
        None,
    )
    assert body["transaction_ref"].startswith("pi_")
    assert merchant.story(payment) == ["created", "initiated", "completed"]
    found = merchant.get(f"/verify/{body['transaction_ref']}/{payment}")
    assert found["status"] == "completed"
    agrees(sandbox, "125.50")


def test_what_a_token_paid_is_refunded(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = create(merchant)
    pay(merchant, payment)
    assert merchant.post(f"/{payment}/refunds", {"amount": "25.50"}).status_code == 201
    assert merchant.get(f"/{payment}")["status"] == "partially_refunded"
    assert sandbox.truth("stripe")[-1]["refunded"] == "25.50"


def test_a_token_reserves_and_a_part_is_captured(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = create(merchant, capture="manual")
    assert pay(merchant, payment).json()["status"] == "authorized"
    body = merchant.post(f"/{payment}/capture", {"amount": "100.25"}).json()
    assert (body["status"], body["amount_captured"]) == ("completed", "100.25")
    agrees(sandbox, "100.25")


def test_what_a_token_reserved_is_voided(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = create(merchant, capture="manual")
    pay(merchant, payment)
    assert merchant.post(f"/{payment}/cancel").json()["status"] == "cancelled"
    agrees(sandbox)


@pytest.mark.parametrize("are_told", [True, False])
def test_the_bank_asks_first_and_the_payer_answers(
    merchant: Merchant, sandbox: SandboxProcess, are_told: bool
) -> None:
    sandbox.put({"webhooks": {"enabled": are_told}}, "stripe")
    payment = create(merchant)
    body = pay(merchant, payment, ASKS).json()
    assert (body["status"], body["outcome"]) == ("requires_action", "action_required")
    answer_bank(body["redirect_url"], "3ds")
    assert merchant.wait_for(payment, "completed")["redirect_url"] is None
    agrees(sandbox, "125.50")


def test_who_fails_the_banks_question_may_pay_with_another_card(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = create(merchant)
    answer_bank(pay(merchant, payment, ASKS).json()["redirect_url"], "authentication_failed")
    body = merchant.wait_for(payment, "created")
    assert body["failure"]["code"] == "authentication_failed"
    assert pay(merchant, payment).json()["status"] == "completed"
    agrees(sandbox, "125.50")


@pytest.mark.parametrize(
    ("token", "failure"), [(NO, "card_declined"), (POOR, "insufficient_funds")]
)
def test_after_a_decline_another_token_may_be_tried(
    merchant: Merchant, sandbox: SandboxProcess, token: str, failure: str
) -> None:
    payment = create(merchant)
    assert code(pay(merchant, payment, token)) == (402, "payment_declined")
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["outcome"]) == ("created", "declined")
    assert body["failure"]["code"] == failure
    assert code(pay(merchant, payment, token)) == (402, "payment_declined")
    paid = pay(merchant, payment).json()
    assert (paid["status"], paid["failure"]) == ("completed", None)
    assert attempts(merchant, payment) == ["declined", "declined", "succeeded"]
    agrees(sandbox, "125.50")


def test_after_a_decline_a_page_may_be_opened_instead(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = create(merchant)
    pay(merchant, payment, NO)
    body = merchant.process(payment).json()
    assert body["status"] == "requires_action"
    sandbox.act(body["transaction_ref"], "approve", "stripe")
    merchant.wait_for(payment, "completed")
    agrees(sandbox, "125.50")


@pytest.mark.parametrize("second", [GOOD, NO])
def test_another_token_while_the_bank_is_asking_changes_nothing(
    merchant: Merchant, sandbox: SandboxProcess, second: str
) -> None:
    payment = create(merchant)
    first = pay(merchant, payment, ASKS).json()
    again = pay(merchant, payment, second).json()
    assert again["redirect_url"] == first["redirect_url"]
    assert len(sandbox.truth("stripe")) == 1
    answer_bank(first["redirect_url"], "3ds")
    merchant.wait_for(payment, "completed")
    assert pay(merchant, payment, second).json()["status"] == "completed"
    agrees(sandbox, "125.50")


def test_two_tokens_at_once_charge_one(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = create(merchant)

    def go(token: str) -> int:
        try:
            return pay(merchant, payment, token).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        answers = [*threads.map(go, [GOOD, "pm_card_mastercard"] * 2)]
    assert {*answers} <= {200, 409}
    assert 200 in answers
    assert merchant.wait_for(payment, "completed")
    agrees(sandbox, "125.50")


def test_a_request_that_is_repeated_by_name_is_answered_from_memory(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = create(merchant)
    first = pay(merchant, payment, NO, **{"Idempotency-Key": "k1"})
    again = pay(merchant, payment, NO, **{"Idempotency-Key": "k1"})
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (402, "true")
    assert again.json() == first.json()
    assert len(sandbox.truth("stripe")) == 1


@pytest.mark.parametrize(
    ("token", "status", "amounts"), [(GOOD, "completed", ["125.50"]), (NO, "created", [])]
)
def test_a_lost_answer_is_found_by_our_own_key(
    merchant: Merchant, sandbox: SandboxProcess, token: str, status: str, amounts: list[str]
) -> None:
    payment = create(merchant)
    sandbox.put({"mode": "timeout_after_commit", "webhooks": {"enabled": False}}, "stripe")
    assert code(pay(merchant, payment, token)) == (504, "provider_timeout")
    sandbox.put({"mode": "up"}, "stripe")
    assert pay(merchant, payment).json()["outcome"] == "unknown"
    sweep_after(minutes=2)
    body = merchant.get(f"/{payment}")
    assert body["status"] == status
    assert body["transaction_ref"].startswith("pi_")
    agrees(sandbox, *amounts)
    assert pay(merchant, payment).json()["status"] == "completed"
    agrees(sandbox, "125.50")


def test_a_lost_answer_is_made_good_by_the_news(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = create(merchant)
    sandbox.put({"mode": "timeout_after_commit", "webhooks": {"delay_ms": 2000}}, "stripe")
    assert code(pay(merchant, payment)) == (504, "provider_timeout")
    assert merchant.wait_for(payment, "completed")["transaction_ref"].startswith("pi_")
    agrees(sandbox, "125.50")


def test_where_nothing_was_sent_the_token_may_be_sent_again(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = create(merchant)
    sandbox.put({"mode": "down"}, "stripe")
    assert code(pay(merchant, payment)) == (503, "service_unavailable")
    sandbox.put({"mode": "up"}, "stripe")
    assert pay(merchant, payment).json()["status"] == "completed"
    agrees(sandbox, "125.50")


def test_a_bank_that_nobody_answers_ends_the_payment(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = create(merchant)
    pay(merchant, payment, ASKS)
    sweep_after(minutes=36)
    assert merchant.get(f"/{payment}")["status"] == "expired"


# --- who takes tokens, and which


def test_without_a_name_the_first_that_takes_tokens_is_asked(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = merchant.create(currency="AED")
    assert pay(merchant, payment).json()["provider"] == "stripe"
    assert [each["provider"] for each in merchant.get(f"/{payment}/attempts")["results"]] == [
        "stripe"
    ]


def test_a_provider_that_takes_no_tokens_is_a_409_and_nothing_is_sent(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = merchant.create(provider="paytabs")
    refused = pay(merchant, payment)
    assert code(refused) == (409, "not_supported")
    assert "paytabs" in refused.text
    assert not GatewayOperation.objects.exists()
    assert merchant.process(payment).json()["status"] == "requires_action"


@pytest.mark.parametrize("number", ["4242424242424242", "4242 4242 4242 4242", "378282246310005"])
def test_a_card_number_is_refused_with_what_to_do_and_never_repeated(
    merchant: Merchant, sandbox: SandboxProcess, number: str, caplog: pytest.LogCaptureFixture
) -> None:
    payment = create(merchant)
    with caplog.at_level(logging.DEBUG):
        refused = pay(merchant, payment, number)
    assert code(refused) == (400, "card_number_refused")
    assert refused.json()["errors"][0]["attr"] == "payment_token"
    assert "browser library" in refused.text
    assert number not in refused.text + caplog.text
    assert not GatewayOperation.objects.exists()


@pytest.mark.parametrize("token", ["", " ", "pm_\n1", "pm_é", "x" * 256, ["pm_1"]])
def test_what_cannot_be_a_token_is_refused(
    merchant: Merchant, sandbox: SandboxProcess, token: Any
) -> None:
    assert pay(merchant, create(merchant), token).status_code == 400
    assert sandbox.truth("stripe") == []


@pytest.mark.parametrize("token", [GOOD, NO, ASKS])
def test_the_token_is_written_down_nowhere(
    merchant: Merchant, sandbox: SandboxProcess, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    payment = create(merchant)
    with caplog.at_level(logging.DEBUG):
        pay(merchant, payment, token, **{"Idempotency-Key": "k1"})
        eventually(lambda: all(n["status"] == "delivered" for n in sandbox.notices("stripe")))
    sweep_after(minutes=2)
    kept = [json.dumps(each.exchange) for each in GatewayOperation.objects.all()]
    told = [json.dumps(each.data) for each in StoredEvent.objects.all()]
    shown = [json.dumps(merchant.get(f"/{payment}{end}")) for end in ("", "/events", "/attempts")]
    assert kept
    assert told
    assert token not in " ".join([*kept, *told, *shown, caplog.text, *_every_column()])


def _every_column() -> list[str]:
    """Every row of every table as the database has it."""
    tables = [name for name in connection.introspection.table_names() if "migrations" not in name]
    with connection.cursor() as cursor:
        found = []
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found += [str(row) for row in cursor.fetchall()]
        return found


# --- how long a page lives


@pytest.mark.parametrize(("minutes", "lives"), [(10, 35), (90, 90), (3000, 1435)])
def test_stripe_is_told_when_a_page_ends_and_we_wait_as_long(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings, minutes: int, lives: int
) -> None:
    settings.PAGE_LIFETIME = timedelta(minutes=minutes)
    _, page, _ = merchant.start(provider="stripe", currency="USD")
    operation = GatewayOperation.objects.get()
    assert operation.expires_at
    assert operation.expires_at - operation.started_at == timedelta(minutes=lives)
    url = f"{sandbox.provider_url('stripe')}/v1/checkout/sessions/{page}"
    key = {"Authorization": f"Bearer {STRIPE_KEY}"}
    session = requests.get(url, headers=key, timeout=10).json()
    assert abs(session["expires_at"] - operation.expires_at.timestamp()) <= 1
