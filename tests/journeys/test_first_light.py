"""One payment, from request to its end, over real HTTP on both sides."""

import re

import pytest
import requests

from payments.models import Discrepancy
from tests.journeys.conftest import Merchant, eventually, sweep_after, taken
from tests.sandbox.process import SandboxProcess
from webhooks.models import PaymentWebhookEvent


def settled_deliveries() -> list[str]:
    return list(PaymentWebhookEvent.objects.values_list("status", flat=True))


def test_an_approved_payment_is_completed_with_one_capture_and_its_timeline_in_order(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment, reference, _ = merchant.start(reference="order-1")
    sandbox.act(reference, "approve")
    body = merchant.wait_for(payment, "completed")
    assert (body["amount_captured"], body["outcome"], body["failure"]) == (
        "125.50",
        "succeeded",
        None,
    )
    assert merchant.story(payment) == ["created", "initiated", "requires_action", "completed"]
    assert taken(sandbox) == ["125.50"]


@pytest.mark.parametrize(
    ("money", "amount"), [("JPY", "1200"), ("KWD", "3.125"), ("AED", "0.01"), ("USD", "99999.99")]
)
def test_every_currency_agrees_with_the_providers_truth_to_the_minor_unit(
    merchant: Merchant, sandbox: SandboxProcess, money: str, amount: str
) -> None:
    payment, reference, _ = merchant.start(amount=amount, currency=money)
    sandbox.act(reference, "approve")
    assert merchant.wait_for(payment, "completed")["amount_captured"] == amount
    assert taken(sandbox) == [amount]


@pytest.mark.parametrize(
    ("verb", "status", "code"),
    [
        ("decline", "failed", "card_declined"),
        ("insufficient_funds", "failed", "insufficient_funds"),
        ("authentication_failed", "failed", "authentication_failed"),
        ("cancel", "cancelled", "cancelled_by_payer"),
    ],
)
def test_each_no_of_the_payer_or_the_bank_has_its_own_ending(
    merchant: Merchant, sandbox: SandboxProcess, verb: str, status: str, code: str
) -> None:
    payment, reference, _ = merchant.start()
    sandbox.act(reference, verb)
    body = merchant.wait_for(payment, status)
    assert body["failure"]["code"] == code
    assert taken(sandbox) == []
    assert merchant.process(payment).status_code == 409


def _press(browser: requests.Session, page: requests.Response, choice: str) -> requests.Response:
    """Submit the form of a hosted page as the button with this value would."""
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    button = re.search(rf'<button[^>]*name="([^"]+)"[^>]*value="{choice}"', page.text)
    assert button, page.text
    return browser.post(page.url, data=fields | {button[1]: choice}, timeout=20)


def test_a_payer_passes_3d_secure_and_comes_back_to_the_shop(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    shop = f"{merchant.base}/health"
    payment, _, page = merchant.start(return_url=shop)
    sandbox.put({"webhooks": {"enabled": False}})  # only the browser's return tells of it
    with requests.Session() as browser:
        challenge = _press(browser, browser.get(page, timeout=20), "challenge")
        assert merchant.get(f"/{payment}")["status"] == "requires_action"
        done = _press(browser, challenge, "3ds")
        form = re.search(r'<form[^>]*action="([^"]+)"', done.text)
        assert form, done.text
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', done.text))
        address = form[1].replace("&amp;", "&")
        back = browser.post(address, data=fields, allow_redirects=False, timeout=20)
    assert (back.status_code, back.headers["Location"]) == (302, shop)
    assert merchant.get(f"/{payment}")["status"] == "completed"
    assert merchant.story(payment)[-2:] == ["verified", "completed"]


def test_an_abandoned_page_expires_when_its_life_is_over(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment, reference, _ = merchant.start()
    sandbox.act(reference, "abandon")
    sweep_after(minutes=29)
    assert merchant.get(f"/{payment}")["status"] == "requires_action"
    sweep_after(minutes=31)
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["failure"]["code"]) == ("expired", "expired")


def test_a_provider_that_is_down_was_sent_nothing_and_the_payment_succeeds_later(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = merchant.create(provider="paytabs")
    sandbox.put({"mode": "down"})
    refused = merchant.process(payment)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert merchant.get(f"/{payment}")["status"] == "created"
    sandbox.put({"mode": "up"})
    reference = merchant.process(payment).json()["transaction_ref"]
    sandbox.act(reference, "approve")
    merchant.wait_for(payment, "completed")
    assert taken(sandbox) == ["125.50"]


def test_an_error_of_the_provider_leaves_the_outcome_unknown(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = merchant.create()
    sandbox.put({"mode": "error"})
    answer = merchant.process(payment)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (504, "provider_timeout")
    assert merchant.get(f"/{payment}")["outcome"] == "unknown"


def lost_page(merchant: Merchant, sandbox: SandboxProcess, **facts: str) -> tuple[str, str]:
    """A payment whose page was opened while its address got lost: its id, the page's reference."""
    payment = merchant.create(**facts)
    sandbox.put({"mode": "timeout_after_commit"})
    answer = merchant.process(payment)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (504, "provider_timeout")
    sandbox.put({"mode": "up"})
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["outcome"]) == ("processing", "unknown")
    sweep_after(seconds=10)
    assert merchant.get(f"/{payment}")["status"] == "processing"
    sweep_after(minutes=5)
    assert merchant.get(f"/{payment}")["status"] == "created"
    return payment, sandbox.truth()[-1]["transaction_ref"]


def test_a_page_whose_address_was_lost_is_opened_again_at_the_same_provider(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment, first = lost_page(merchant, sandbox)
    body = merchant.process(payment).json()
    assert body["provider"] == "paytabs"
    assert body["transaction_ref"] != first
    sandbox.act(body["transaction_ref"], "approve")
    merchant.wait_for(payment, "completed")
    assert taken(sandbox) == ["125.50"]
    assert not Discrepancy.objects.exists()


@pytest.mark.parametrize("lost_is_paid_first", [True, False])
def test_if_both_pages_are_paid_one_settles_and_the_other_is_an_orphan_that_is_shown(
    merchant: Merchant, sandbox: SandboxProcess, lost_is_paid_first: bool
) -> None:
    payment, first = lost_page(merchant, sandbox)
    pages = [first, merchant.process(payment).json()["transaction_ref"]]
    for page in pages if lost_is_paid_first else reversed(pages):
        sandbox.act(page, "approve")
        merchant.wait_for(payment, "completed")
    eventually(lambda: len(settled_deliveries()) == 2)
    body = merchant.get(f"/{payment}")
    assert body["amount_captured"] == "125.50"
    attempts = merchant.get(f"/{payment}/attempts")["results"]
    assert sorted(a["is_orphan"] for a in attempts) == [False, True]
    assert Discrepancy.objects.get().kind == "orphan_charge"
    assert "contradicted" in merchant.story(payment)


def test_an_orphan_whose_webhook_is_lost_is_still_found(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment, first = lost_page(merchant, sandbox)
    sandbox.act(merchant.process(payment).json()["transaction_ref"], "approve")
    merchant.wait_for(payment, "completed")
    sandbox.put({"webhooks": {"enabled": False}})
    sandbox.act(first, "approve")
    sweep_after(minutes=40)
    assert Discrepancy.objects.get().kind == "orphan_charge"


def test_a_timeout_while_the_payer_pays_ends_in_the_truth(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = merchant.create()
    sandbox.put({"mode": "timeout_after_commit"})
    assert merchant.process(payment).status_code == 504
    sandbox.put({"mode": "up"})
    sandbox.act(sandbox.truth()[-1]["transaction_ref"], "approve")
    merchant.wait_for(payment, "completed")
    assert taken(sandbox) == ["125.50"]


def test_a_lost_callback_is_made_good_by_recovery(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment, reference, _ = merchant.start()
    sandbox.put({"webhooks": {"drop_rate": 1.0}})
    sandbox.act(reference, "approve")
    sweep_after(minutes=2)
    assert merchant.get(f"/{payment}")["status"] == "completed"
    assert merchant.story(payment)[-2:] == ["verified", "completed"]


def test_duplicated_shuffled_and_forged_callbacks_change_nothing_more(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    sandbox.put({"webhooks": {"duplicates": 3, "shuffle": True, "forge_rate": 1.0}, "seed": 7})
    started = [merchant.start() for _ in range(3)]
    for (_, reference, _), verb in zip(started, ("approve", "decline", "approve"), strict=True):
        sandbox.act(reference, verb)
    for (payment, _, _), status in zip(started, ("completed", "failed", "completed"), strict=True):
        merchant.wait_for(payment, status)
    eventually(lambda: all(notice["attempts"] for notice in sandbox.notices()))
    assert settled_deliveries() == ["completed"] * 3
    assert taken(sandbox) == ["125.50"] * 2
    for payment, _, _ in started:
        assert len(merchant.story(payment)) == 4
    assert not Discrepancy.objects.exists()


def test_verify_by_hand_asks_the_provider(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment, reference, _ = merchant.start()
    sandbox.put({"webhooks": {"enabled": False}})
    sandbox.act(reference, "approve")
    assert merchant.get(f"/verify/{reference}/{payment}")["status"] == "completed"
