"""Each provider over real HTTP: the end states agree with its own truth, to the minor unit."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from payments.models import Discrepancy, Dispute, GatewayCall, GatewayOperation, Payment
from tests.journeys.conftest import Merchant, eventually, sweep_after, taken
from tests.sandbox.process import FLUTTERWAVE_SECRET, SandboxProcess
from webhooks.models import PaymentWebhookEvent
from webhooks.specimens import by_flutterwave

ALL = ["paytabs", "stripe", "paypal", "flutterwave", "paystack"]
RESERVING = ["paytabs", "stripe", "paypal", "paystack"]
MONEY = {
    "paytabs": "AED",
    "stripe": "USD",
    "paypal": "USD",
    "flutterwave": "NGN",
    "paystack": "ZAR",
}
every_provider = pytest.mark.parametrize("provider", ALL)
CUSTOMER = {"id": "c-1", "name": "Amal", "email": "amal@example.test"}


def start(merchant: Merchant, provider: str, **facts: Any) -> str:
    usual = {"provider": provider, "currency": MONEY[provider], "customer": CUSTOMER}
    payment, _, _ = merchant.start(**(usual | facts))
    return payment


def act(sandbox: SandboxProcess, provider: str, verb: str) -> None:
    sandbox.act(sandbox.truth(provider)[-1]["transaction_ref"], verb, provider)


def paid(merchant: Merchant, sandbox: SandboxProcess, provider: str, **facts: Any) -> str:
    """Paid, and all heard of it: whoever confirms late news asks about what is done meanwhile."""
    payment = start(merchant, provider, **facts)
    act(sandbox, provider, "approve")
    merchant.wait_for(payment, "completed", "authorized")
    all_heard(sandbox, provider)
    return payment


def all_heard(sandbox: SandboxProcess, provider: str) -> None:
    """Each notice of theirs was brought to us once at least, and answered."""
    eventually(lambda: all(each["attempts"] for each in sandbox.notices(provider)))


def truth(sandbox: SandboxProcess, provider: str) -> tuple[str, str]:
    page = sandbox.truth(provider)[-1]
    return page["captured"], page["refunded"]


@every_provider
def test_an_approved_payment_is_completed_once(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider)
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["amount_captured"]) == ("completed", "125.50")
    assert taken(sandbox, provider) == ["125.50"]
    assert not Discrepancy.objects.exists()


# As the sandbox tells them; at Flutterwave the payer bears it on top.
FEES = {"paypal": "4.39", "paystack": "1.88"}


@every_provider
def test_the_ledger_tells_what_was_taken_and_what_the_provider_kept(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider)
    told = merchant.get(f"/{payment}/ledger")["results"]
    fee = [("fee", FEES[provider])] if provider in FEES else []
    assert [(each["kind"], each["amount"]) for each in told] == [("captured", "125.50"), *fee]


AMOUNTS = [
    ("paytabs", "KWD", "3.125", "1.001"),
    ("paytabs", "JPY", "1200", "1"),
    ("stripe", "JPY", "1200", "1"),
    ("stripe", "KWD", "3.120", "1.010"),
    ("stripe", "AED", "125.50", "0.01"),
    ("stripe", "KES", "99.99", "0.99"),
    ("paypal", "JPY", "1200", "1"),
    ("paypal", "USD", "0.99", "0.01"),
    ("flutterwave", "NGN", "2500.25", "0.25"),
    ("flutterwave", "KES", "99.99", "0.99"),
    ("paystack", "NGN", "2500.25", "0.25"),
    ("paystack", "KES", "99.99", "0.99"),
]


@pytest.mark.parametrize(("provider", "currency", "amount", "part"), AMOUNTS)
def test_every_currency_agrees_to_the_minor_unit(
    merchant: Merchant,
    sandbox: SandboxProcess,
    provider: str,
    currency: str,
    amount: str,
    part: str,
) -> None:
    payment = paid(merchant, sandbox, provider, currency=currency, amount=amount)
    assert merchant.get(f"/{payment}")["amount_captured"] == amount
    assert taken(sandbox, provider) == [amount]
    assert merchant.post(f"/{payment}/refunds", {"amount": part}).status_code == 201
    sweep_after(minutes=5)
    assert merchant.get(f"/{payment}")["amount_refunded"] == part
    assert truth(sandbox, provider) == (amount, part)


@pytest.mark.parametrize("provider", ["paytabs", "paypal"])
def test_a_final_decline_takes_nothing(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = start(merchant, provider)
    act(sandbox, provider, "decline")
    sweep_after(minutes=2)
    body = merchant.wait_for(payment, "failed")
    assert body["failure"]["code"] == "card_declined"
    assert taken(sandbox, provider) == []


# Their pages take one card after another.
PATIENT = pytest.mark.parametrize("provider", ["stripe", "flutterwave", "paystack"])


@PATIENT
def test_after_a_declined_card_another_is_taken_on_the_same_page(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = start(merchant, provider)
    act(sandbox, provider, "insufficient_funds")
    sweep_after(minutes=2)
    body = eventually(lambda: (b := merchant.get(f"/{payment}"))["failure"] and b)
    assert (body["status"], body["failure"]["code"]) == ("requires_action", "insufficient_funds")
    assert body["redirect_url"]
    assert merchant.process(payment).json()["redirect_url"] == body["redirect_url"]
    act(sandbox, provider, "approve")
    sweep_after(minutes=4)
    body = merchant.wait_for(payment, "completed")
    assert body["failure"] is None
    assert taken(sandbox, provider) == ["125.50"]
    assert not Discrepancy.objects.exists()


@PATIENT
def test_a_payer_who_leaves_after_a_declined_card_ends_it_with_the_pages_life(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = start(merchant, provider)
    act(sandbox, provider, "decline")
    sweep_after(minutes=29)
    eventually(lambda: merchant.get(f"/{payment}")["failure"])
    assert merchant.get(f"/{payment}")["status"] == "requires_action"
    sweep_after(minutes=40)
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["failure"]["code"]) == ("failed", "card_declined")
    assert body["redirect_url"] is None
    assert taken(sandbox, provider) == []


def test_a_refused_paypal_account_may_be_changed_and_its_leaving_ends_it(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = start(merchant, "paypal")
    act(sandbox, "paypal", "instrument_declined")
    sweep_after(minutes=2)
    body = eventually(lambda: (b := merchant.get(f"/{payment}"))["failure"] and b)
    assert (body["status"], body["failure"]["code"]) == ("requires_action", "card_declined")
    sweep_after(minutes=40)
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["failure"]["code"]) == ("failed", "card_declined")


@every_provider
def test_two_partial_refunds_and_one_too_many(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider)
    for amount in ("25.50", "60.00"):
        assert merchant.post(f"/{payment}/refunds", {"amount": amount}).status_code == 201
    sent = GatewayCall.objects.filter(breaker=f"{provider}-refund")
    asked = sent.count()
    assert asked >= 2
    assert merchant.post(f"/{payment}/refunds", {"amount": "40.01"}).status_code == 409
    assert sent.count() == asked
    sweep_after(minutes=5)
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["amount_refunded"]) == ("partially_refunded", "85.50")
    assert truth(sandbox, provider) == ("125.50", "85.50")
    assert Payment.objects.get(pk=payment).refund_pending == 0
    assert not Discrepancy.objects.exists()


@pytest.mark.parametrize("provider", RESERVING)
def test_a_reservation_is_captured_in_part(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider, capture="manual")
    assert merchant.get(f"/{payment}")["status"] == "authorized"
    answer = merchant.post(f"/{payment}/capture", {"amount": "100.25"})
    sweep_after(minutes=5)
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["amount_captured"]) == ("completed", "100.25"), answer.text
    # The rest is free again, whether the provider does that itself or is told to.
    page = sandbox.truth(provider)[-1]
    assert (page["captured"], page["released"]) == ("100.25", "25.25")
    assert merchant.post(f"/{payment}/capture", {"amount": "100.25"}).status_code == 200
    sweep_after(minutes=10)
    assert sandbox.truth(provider)[-1] == page
    assert merchant.get(f"/{payment}")["amount_captured"] == "100.25"
    assert not Discrepancy.objects.exists()
    assert not GatewayOperation.objects.filter(next_check_at__isnull=False).exists()


@pytest.mark.parametrize("provider", RESERVING)
def test_a_reservation_is_voided(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider, capture="manual")
    merchant.post(f"/{payment}/cancel")
    sweep_after(minutes=5)
    assert merchant.get(f"/{payment}")["status"] == "cancelled"
    assert taken(sandbox, provider) == []
    assert not Discrepancy.objects.exists()


def test_what_a_provider_cannot_do_is_a_409(merchant: Merchant, sandbox: SandboxProcess) -> None:
    facts = {"amount": "1.00", "currency": "NGN", "provider": "flutterwave", "capture": "manual"}
    answer = merchant.post("/create", facts)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "not_supported")


@pytest.mark.parametrize("provider", ["flutterwave", "paystack"])
def test_a_page_that_needs_the_payers_address_is_not_asked_for_without_one(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = merchant.create(provider=provider, currency="NGN", customer={"id": "c-1"})
    answer = merchant.process(payment)
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (409, "not_supported")
    assert "customer.email" in error["detail"]
    assert sandbox.truth(provider) == []


@every_provider
def test_duplicated_and_shuffled_webhooks_change_nothing_more(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    sandbox.put({"webhooks": {"duplicates": 2, "shuffle": True}, "seed": 5}, provider)
    payment = paid(merchant, sandbox, provider)
    eventually(lambda: all(n["attempts"] for n in sandbox.notices(provider)))
    sweep_after(minutes=2)
    assert merchant.get(f"/{payment}")["status"] == "completed"
    assert merchant.story(payment).count("completed") == 1
    assert taken(sandbox, provider) == ["125.50"]
    assert not PaymentWebhookEvent.objects.filter(status__in=["failed", "processing"]).exists()


@every_provider
def test_forged_webhooks_complete_nothing(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    sandbox.put({"webhooks": {"forge_rate": 1.0}, "seed": 5}, provider)
    payment = start(merchant, provider)
    act(sandbox, provider, "decline")
    sweep_after(minutes=2)
    body = merchant.get(f"/{payment}")
    assert body["status"] != "completed"
    assert body["amount_captured"] in ("0.00", "0")


@every_provider
def test_a_lost_webhook_is_made_good_by_recovery(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    sandbox.put({"webhooks": {"enabled": False}}, provider)
    payment = start(merchant, provider)
    act(sandbox, provider, "approve")
    sweep_after(minutes=2)
    assert merchant.get(f"/{payment}")["status"] == "completed"
    assert taken(sandbox, provider) == ["125.50"]


@every_provider
@pytest.mark.parametrize("deed", ["process", "refunds"])
def test_a_lost_answer_ends_in_one_effect(
    merchant: Merchant, sandbox: SandboxProcess, provider: str, deed: str
) -> None:
    facts = {"provider": provider, "currency": MONEY[provider], "customer": CUSTOMER}
    dials = {"mode": "timeout_after_commit", "webhooks": {"enabled": False}}
    if deed == "process":
        payment = merchant.create(**facts)
        sandbox.put(dials, provider)
        assert merchant.process(payment).status_code == 504
    else:
        payment = paid(merchant, sandbox, provider)
        sandbox.put(dials, provider)
        assert merchant.post(f"/{payment}/refunds").status_code == 504
    sandbox.put({"mode": "up", "webhooks": {"enabled": True}}, provider)
    sweep_after(minutes=10)
    if deed == "process":
        assert merchant.get(f"/{payment}")["status"] in ("created", "requires_action")
        assert merchant.process(payment).json()["status"] == "requires_action"
        act(sandbox, provider, "approve")
        merchant.wait_for(payment, "completed")
        assert taken(sandbox, provider) == ["125.50"]
    else:
        assert merchant.get(f"/{payment}")["status"] == "refunded"
        assert truth(sandbox, provider)[1] == "125.50"


DISPUTING = pytest.mark.parametrize("provider", ["stripe", "paypal", "flutterwave", "paystack"])


@DISPUTING
def test_a_dispute_is_opened_and_won(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider)
    act(sandbox, provider, "dispute")
    eventually(lambda: Dispute.objects.filter(payment_id=payment, status="open").exists())
    act(sandbox, provider, "dispute_won")
    eventually(lambda: Dispute.objects.filter(payment_id=payment, status="won").exists())
    assert merchant.get(f"/{payment}")["status"] == "completed"
    assert "contradicted" not in merchant.story(payment)


@DISPUTING
def test_a_dispute_that_is_lost_charges_the_payment_back(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider)
    act(sandbox, provider, "dispute")
    eventually(lambda: Dispute.objects.filter(payment_id=payment, status="open").exists())
    act(sandbox, provider, "dispute_lost")
    merchant.wait_for(payment, "charged_back")
    assert "contradicted" not in merchant.story(payment)


def test_where_the_first_is_down_the_next_takes_over_and_only_one_is_paid(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    sandbox.put({"mode": "down"})
    payment = merchant.create(currency="USD", customer=CUSTOMER)
    body = merchant.process(payment).json()
    assert body["provider"] == "stripe"
    attempts = merchant.get(f"/{payment}/attempts")["results"]
    assert [(a["provider"], a["outcome"]) for a in attempts] == [
        ("paytabs", "not_sent"), ("stripe", "action_required"),
    ]  # fmt: skip
    act(sandbox, "stripe", "approve")
    merchant.wait_for(payment, "completed")
    sandbox.put({"mode": "up"})
    assert taken(sandbox) == []
    assert taken(sandbox, "stripe") == ["125.50"]


def test_a_hint_that_its_provider_does_not_confirm_moves_nothing_and_is_tried_again(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = start(merchant, "flutterwave")
    key = merchant.get(f"/{payment}")["transaction_ref"]
    data = {"id": 1, "tx_ref": key, "status": "successful", "amount": 125.5, "currency": "NGN"}
    answer = merchant.session.post(
        merchant.base.replace("/payments/v2", "/webhooks/payments/flutterwave"),
        json={"event": "charge.completed", "data": data},
        headers={"verif-hash": FLUTTERWAVE_SECRET},
        timeout=30,
    )
    assert answer.status_code == 503
    body = merchant.get(f"/{payment}")
    assert body["status"] == "requires_action"
    assert body["redirect_url"]
    kept = PaymentWebhookEvent.objects.get()
    assert kept.status == "failed"
    assert kept.next_try_at


def delivered_to(merchant: Merchant, provider: str, body: bytes, **headers: str) -> Any:
    url = merchant.base.replace("/payments/v2", f"/webhooks/payments/{provider}")
    given = {"Content-Type": "application/json"} | headers
    return merchant.session.post(url, data=body, headers=given, timeout=30)


def chargeback_of(payment: str, **facts: Any) -> bytes:
    operation = Payment.objects.get(pk=payment).current_operation
    assert operation is not None
    data = {"id": 7, "amount": 125.5, "currency": "NGN", "status": "lost", "tx_ref": operation.key}
    return json.dumps({"event": "chargeback.lost", "data": data | facts}).encode()


@pytest.mark.parametrize(
    "proof",
    [
        lambda body: {"verif-hash": FLUTTERWAVE_SECRET},
        lambda body: by_flutterwave(FLUTTERWAVE_SECRET.encode(), body),
    ],
    ids=["v3", "v4"],
)
def test_a_dispute_that_flutterwave_does_not_know_charges_nothing_back(
    merchant: Merchant, sandbox: SandboxProcess, proof: Callable[[bytes], dict[str, str]]
) -> None:
    payment = paid(merchant, sandbox, "flutterwave")
    body = chargeback_of(payment)
    assert delivered_to(merchant, "flutterwave", body, **proof(body)).status_code == 503
    assert merchant.get(f"/{payment}")["status"] == "completed"
    assert not Dispute.objects.exists()


def test_a_dispute_of_another_payment_charges_nothing_back(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    contested = paid(merchant, sandbox, "flutterwave")
    act(sandbox, "flutterwave", "dispute")
    row = eventually(lambda: Dispute.objects.filter(payment_id=contested).first())
    other = paid(merchant, sandbox, "flutterwave")
    body = chargeback_of(other, id=int(row.gateway_reference))
    word = {"verif-hash": FLUTTERWAVE_SECRET}
    assert delivered_to(merchant, "flutterwave", body, **word).status_code == 503
    assert merchant.get(f"/{other}")["status"] == "completed"
