"""Each kind of difference at each provider, over real HTTP: found, healed or kept, and once."""

from datetime import timedelta
from typing import Any

import pytest

from payments.gateways import transport
from payments.gateways.wire import WireRequest, WireResponse
from payments.models import Discrepancy, GatewayCall, GatewayOperation, Payment, StoredEvent
from tests.journeys.conftest import Merchant, eventually, sweep_after
from tests.journeys.test_five_providers import (
    ALL,
    CUSTOMER,
    MONEY,
    RESERVING,
    act,
    all_heard,
    every_provider,
    paid,
    start,
    truth,
)
from tests.reconciliation.behind_our_back import charge, charge_at_stripe
from tests.reconciliation.conftest import kinds, reconciled, sole, unheard
from tests.sandbox.process import SandboxProcess

LISTING = [name for name in ALL if name != "paytabs"]


@every_provider
def test_a_missed_webhook_is_healed_once(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = unheard(merchant, sandbox, provider)
    assert kinds(reconciled(provider, fix=False)) == [("missed_webhook", "would_heal")]
    assert merchant.get(f"/{payment}")["status"] == "requires_action"
    if provider != "paypal":  # whose approval is taken up by the healing itself
        assert reconciled(provider, fix=False).held["asked"] == 1
    assert kinds(reconciled(provider)) == [("missed_webhook", "healed")]
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["amount_captured"]) == ("completed", "125.50")
    last = StoredEvent.objects.get(type="payment.completed")
    assert last.data["heard_from"] == "reconciliation"
    assert last.metadata["source"] == "reconciliation"
    assert kinds(reconciled(provider)) == []
    assert merchant.story(payment).count("completed") == 1


@every_provider
def test_what_was_paid_after_we_said_it_had_ended_is_healed(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = start(merchant, provider)
    sandbox.put({"webhooks": {"enabled": False}}, provider)
    sweep_after(minutes=45)
    assert merchant.get(f"/{payment}")["status"] == "expired"
    act(sandbox, provider, "approve")
    if provider == "paypal":  # where we do not take what was approved too late
        assert kinds(reconciled(provider)) == []
        assert truth(sandbox, provider) == ("0.00", "0.00")
        return
    assert kinds(reconciled(provider, fix=False)) == [("missed_webhook", "would_heal")]
    assert kinds(reconciled(provider)) == [("missed_webhook", "healed")]
    assert merchant.get(f"/{payment}")["status"] == "completed"
    assert kinds(reconciled(provider)) == []


def test_a_page_whose_answer_was_lost_and_that_was_paid_after_all_is_healed(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = merchant.create()
    sandbox.put({"mode": "timeout_after_commit", "webhooks": {"enabled": False}})
    assert merchant.process(payment).status_code == 504
    sandbox.put({"mode": "up", "webhooks": {"enabled": False}})
    sweep_after(minutes=45)
    assert merchant.get(f"/{payment}")["outcome"] == "not_sent"
    act(sandbox, "paytabs", "approve")
    assert kinds(reconciled("paytabs")) == [("missed_webhook", "healed")]
    assert merchant.get(f"/{payment}")["status"] == "completed"


@every_provider
def test_what_is_stuck_is_healed(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider)
    sandbox.put({"mode": "timeout_after_commit", "webhooks": {"enabled": False}}, provider)
    assert merchant.post(f"/{payment}/refunds").status_code == 504
    sandbox.put({"mode": "up", "webhooks": {"enabled": False}}, provider)
    report = reconciled(provider, later=timedelta(minutes=2))
    assert kinds(report) == [("stuck", "healed")]
    assert merchant.get(f"/{payment}")["status"] == "refunded"
    assert truth(sandbox, provider)[1] == "125.50"
    assert kinds(reconciled(provider)) == []


SUMS = [
    ("paytabs", "KWD", "3.125", 3125, 3135),
    ("stripe", "JPY", "1200", 1200, 1210),
    ("stripe", "KWD", "3.120", 3120, 3130),
    ("paypal", "JPY", "1200", 1200, 1210),
    ("flutterwave", "RWF", "1200", 1200, 1210),
    ("paystack", "XOF", "1200", 1200, 1210),
    ("paystack", "KES", "99.99", 9999, 10009),
]


@pytest.mark.parametrize(("provider", "currency", "amount", "ours", "theirs"), SUMS)
def test_another_amount_waits_for_a_person(
    merchant: Merchant,
    sandbox: SandboxProcess,
    provider: str,
    currency: str,
    amount: str,
    ours: int,
    theirs: int,
) -> None:
    payment = paid(merchant, sandbox, provider, currency=currency, amount=amount)
    act(sandbox, provider, "change_amount")
    assert kinds(reconciled(provider, fix=False)) == [("amount_differs", "would_queue")]
    assert not Discrepancy.objects.exists()
    assert kinds(reconciled(provider)) == [("amount_differs", "queued")]
    row = Discrepancy.objects.get()
    assert (row.expected_amount, row.heard_amount, row.currency) == (ours, theirs, currency)
    assert (row.provider, row.source, str(row.payment_id)) == (provider, "reconciliation", payment)
    assert row.proposal.startswith("Correct the difference")
    assert merchant.get(f"/{payment}")["amount_captured"] == amount
    assert kinds(reconciled(provider)) == [("amount_differs", "known")]
    assert Discrepancy.objects.count() == 1


@pytest.mark.parametrize("provider", LISTING)
def test_a_charge_that_nobody_here_asked_for_waits_for_a_person(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    paid(merchant, sandbox, provider)
    charge(sandbox, provider)
    assert kinds(reconciled(provider, fix=False)) == [("orphan_charge", "would_queue")]
    assert not Discrepancy.objects.exists()
    assert kinds(reconciled(provider)) == [("orphan_charge", "queued")]
    row = Discrepancy.objects.get()
    assert (row.payment, row.operation, row.provider) == (None, None, provider)
    assert (row.expected_amount, row.heard_amount, row.currency) == (None, 1000, MONEY[provider])
    assert StoredEvent.objects.get(type="discrepancy.found").aggregate_id == str(row.pk)
    assert kinds(reconciled(provider)) == [("orphan_charge", "known")]
    assert Discrepancy.objects.count() == 1


@pytest.mark.parametrize(("currency", "minor"), [("KWD", 3120), ("JPY", 1200), ("AED", 12_550)])
def test_a_charge_that_is_nothing_of_ours_is_told_to_the_minor_unit(
    merchant: Merchant, sandbox: SandboxProcess, currency: str, minor: int
) -> None:
    charge_at_stripe(sandbox, currency.lower(), minor)
    assert kinds(reconciled("stripe")) == [("orphan_charge", "queued")]
    row = Discrepancy.objects.get()
    assert (row.heard_amount, row.currency) == (minor, currency)


@every_provider
def test_a_refund_made_in_the_dashboard_waits_for_a_person(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider)
    assert merchant.post(f"/{payment}/refunds", {"amount": "25.50"}).status_code == 201
    sweep_after(minutes=5)
    sandbox.put({"webhooks": {"enabled": False}}, provider)
    act(sandbox, provider, "refund")
    assert kinds(reconciled(provider, fix=False)) == [("unknown_refund", "would_queue")]
    assert kinds(reconciled(provider)) == [("unknown_refund", "queued")]
    row = Discrepancy.objects.get()
    assert (row.heard_amount, row.currency) == (10_000, MONEY[provider])
    assert str(row.payment_id) == payment
    assert merchant.get(f"/{payment}")["amount_refunded"] == "25.50"
    assert kinds(reconciled(provider)) == [("unknown_refund", "known")]
    assert Discrepancy.objects.count() == 1


@pytest.mark.parametrize("provider", LISTING)  # PayTabs tells of none without an IPN
@pytest.mark.parametrize("is_told_first", [True, False], ids=["told_first", "listed_first"])
def test_a_refund_made_in_the_dashboard_is_one_difference_however_it_is_told(
    merchant: Merchant, sandbox: SandboxProcess, provider: str, is_told_first: bool
) -> None:
    payment = paid(merchant, sandbox, provider)
    # Its notices come late, or at once.
    sandbox.put({"webhooks": {"delay_ms": 0 if is_told_first else 2500}}, provider)
    act(sandbox, provider, "refund")
    if is_told_first:
        eventually(Discrepancy.objects.exists)
    found = kinds(reconciled(provider))
    assert found == [("unknown_refund", "known" if is_told_first else "queued")]
    told = sandbox.notices(provider)
    all_heard(sandbox, provider)
    assert told
    assert Discrepancy.objects.get().kind == "unknown_refund"
    assert kinds(reconciled(provider)) == [("unknown_refund", "known")]
    assert merchant.story(payment).count("contradicted") == 1


@every_provider
def test_what_they_do_not_know_waits_for_a_person(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider)
    sandbox.reset()
    report = reconciled(provider, later=timedelta(minutes=1))
    assert kinds(report) == [("unknown_to_provider", "queued")]
    row = Discrepancy.objects.get()
    assert (row.expected_amount, row.heard_amount) == (12_550, None)
    assert merchant.get(f"/{payment}")["status"] == "completed"
    report = reconciled(provider, later=timedelta(minutes=1))
    assert kinds(report) == [("unknown_to_provider", "known")]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where our questions went, log-ins apart."""
    asked, send = [], transport.send

    def sent(provider: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        asked.extend([request.url] if "/oauth2/" not in request.url else [])
        return send(provider, request, timeout)

    monkeypatch.setattr(transport, "send", sent)
    return asked


@every_provider
def test_every_question_is_a_row_and_whoever_only_looks_writes_none(
    merchant: Merchant, sandbox: SandboxProcess, provider: str, asked: list[str]
) -> None:
    paid(merchant, sandbox, provider)
    sandbox.put({"webhooks": {"enabled": False}}, provider)
    act(sandbox, provider, "refund")
    for forget in (lambda: None, sandbox.reset):
        forget()
        before = GatewayCall.objects.count()
        reconciled(provider, later=timedelta(minutes=1), fix=False)
        assert (GatewayCall.objects.count(), bool(asked)) == (before, True)
        asked.clear()
        reconciled(provider, later=timedelta(minutes=1))
        assert GatewayCall.objects.count() - before == len(asked), asked


def everything_that_goes_well(merchant: Merchant, sandbox: SandboxProcess, provider: str) -> None:
    refunded = paid(merchant, sandbox, provider)
    assert merchant.post(f"/{refunded}/refunds", {"amount": "25.50"}).status_code == 201
    in_full = paid(merchant, sandbox, provider)
    assert merchant.post(f"/{in_full}/refunds").status_code == 201
    start(merchant, provider)
    act(sandbox, provider, "decline")
    start(merchant, provider)
    if provider in RESERVING:
        deeds: list[tuple[str, dict[str, Any]]] = [("capture", {"amount": "100.25"})]
        for deed, facts in [*deeds, ("cancel", {})]:
            reserved = paid(merchant, sandbox, provider, capture="manual")
            assert merchant.post(f"/{reserved}/{deed}", facts).status_code == 200
        paid(merchant, sandbox, provider, capture="manual")
    all_heard(sandbox, provider)
    sweep_after(minutes=5)


@every_provider
def test_where_all_is_well_nothing_is_found_and_nothing_changed(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    everything_that_goes_well(merchant, sandbox, provider)
    before = StoredEvent.objects.count()
    report = reconciled(provider)
    assert kinds(report) == []
    assert report.unseen == []
    assert report.held["records"] >= 3
    assert StoredEvent.objects.count() == before
    assert not Discrepancy.objects.exists()
    assert GatewayOperation.objects.filter(provider=provider).exists()


def test_a_payment_at_two_providers_is_held_against_each(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    sandbox.put({"mode": "down"})
    payment = merchant.create(currency="USD", customer=CUSTOMER)
    merchant.process(payment)
    sandbox.put({"mode": "up"})
    sandbox.put({"webhooks": {"enabled": False}}, "stripe")
    act(sandbox, "stripe", "approve")
    assert kinds(reconciled("paytabs")) == []
    assert sole(reconciled("stripe")).kind == "missed_webhook"
    assert Payment.objects.get(pk=payment).status == "completed"
