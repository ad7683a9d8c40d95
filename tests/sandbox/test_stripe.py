"""Stripe in the sandbox: form fields in, remembered answers, the page, events, faults."""

import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from tests.sandbox.merchant import Receiver, form_in, wait_until
from tests.sandbox.process import STRIPE_KEY, SandboxProcess
from tests.sandbox.stripe_caller import FORM, Caller, heard, is_signed, names, refused, thing


@pytest.fixture
def caller(sandbox: SandboxProcess, receiver: Receiver) -> Caller:
    return Caller(sandbox)


# --- a page


def test_a_page_is_open_and_has_no_intent_yet(caller: Caller) -> None:
    page = caller.page()
    assert page["id"].startswith("cs_test_")
    assert (page["object"], page["status"], page["payment_status"]) == (
        "checkout.session",
        "open",
        "unpaid",
    )
    assert (page["amount_total"], page["currency"], page["payment_intent"]) == (10000, "aed", None)
    assert page["url"].startswith(caller.base)
    assert caller.truth(page["id"]) == {
        "transaction_ref": page["id"],
        "reference": page["client_reference_id"],
        "amount": "100.00",
        "currency": "AED",
        "status": "pending",
        "captured": "0.00",
        "released": "0.00",
        "refunded": "0.00",
    }


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"mode": "setup"}, "mode"),
        ({"success_url": "shop"}, "success_url"),
        ({"cancel_url": None}, "cancel_url"),
        ({"line_items[0][quantity]": None}, "line_items"),
        ({"line_items[0][price_data][currency]": "AED"}, "currency"),
        ({"line_items[0][price_data][currency]": "xxx"}, "currency"),
        ({"line_items[0][price_data][unit_amount]": "1.5"}, "unit_amount"),
        ({"line_items[0][price_data][unit_amount]": 0}, "unit_amount"),
        ({"line_items[0][price_data][unit_amount]": 100000000}, "unit_amount"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_page_that_cannot_be_made_is_refused(
    caller: Caller, changes: dict[str, Any], param: str
) -> None:
    response = caller.post("/v1/checkout/sessions", caller.wishes(**changes))
    refused(response, 400, type="invalid_request_error", param=param)
    assert caller.sandbox.truth("stripe") == []


@pytest.mark.parametrize(
    ("currency", "units", "amount"),
    [
        ("jpy", 500, "500"),
        ("isk", 50000, "500"),
        ("isk", 50001, None),
        ("ugx", 50000, "500"),
        ("mga", 5, "5.00"),
        ("kwd", 5120, "5.120"),
        ("kwd", 5125, None),
    ],
)
def test_amounts_are_counted_the_way_stripe_counts(
    caller: Caller, currency: str, units: int, amount: str | None
) -> None:
    price = "line_items[0][price_data]"
    wishes = caller.wishes(**{f"{price}[currency]": currency, f"{price}[unit_amount]": units})
    response = caller.post("/v1/checkout/sessions", wishes)
    if amount is None:
        return refused(response, 400, param="unit_amount")
    assert response.json()["amount_total"] == units
    assert caller.truth(response.json()["id"])["amount"] == amount
    return None


def test_only_forms_are_understood_and_only_the_right_key_is_let_in(caller: Caller) -> None:
    path, wishes = "/v1/checkout/sessions", caller.wishes()
    refused(caller.post(path, wishes, **{"Content-Type": "application/json"}), 400)
    refused(caller.post(path, wishes, Authorization="Bearer sk_test_other"), 401)
    refused(caller.post("/v1/nowhere", {}), 404)
    refused(caller.get("/v1/checkout/sessions/cs_x"), 404, code="resource_missing")
    refused(caller.get("/v1/payment_intents/pi_x"), 404, code="resource_missing")
    refused(caller.get("/v1/refunds/re_x"), 404, code="resource_missing")


def test_a_repeated_key_gets_the_first_answer(caller: Caller) -> None:
    wishes = caller.wishes()
    first = caller.post("/v1/checkout/sessions", wishes, "k1")
    caller.act(first.json()["id"], "approve")
    again = caller.post("/v1/checkout/sessions", wishes, "k1")
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert len(caller.sandbox.truth("stripe")) == 1


def test_a_key_with_other_parameters_is_refused(caller: Caller) -> None:
    caller.post("/v1/checkout/sessions", caller.wishes(), "k1")
    other = caller.post("/v1/checkout/sessions", caller.wishes(), "k1")
    refused(other, 400, type="idempotency_error")


def test_a_failed_validation_is_not_remembered_but_a_refused_execution_is(caller: Caller) -> None:
    bad = caller.wishes(mode="setup")
    refused(caller.post("/v1/checkout/sessions", bad, "k1"), 400)
    assert caller.post("/v1/checkout/sessions", caller.wishes(), "k1").ok
    _, intent = caller.paid()
    path = f"/v1/payment_intents/{intent}/capture"
    refused(caller.post(path, {}, "k2"), 400, code="payment_intent_unexpected_state")
    again = caller.post(path, {}, "k2")
    refused(again, 400, code="payment_intent_unexpected_state")
    assert again.headers["Idempotent-Replayed"] == "true"


# --- what the payer does


def press(page: dict[str, Any], choice: str) -> requests.Response:
    return requests.post(page["url"], data={"choice": choice}, timeout=10, allow_redirects=False)


def test_the_page_shows_the_amount_and_its_buttons(caller: Caller) -> None:
    page = caller.page()
    html = requests.get(page["url"], timeout=10).text
    assert "Stripe" in html
    assert "100.00 AED" in html
    wanted = {"approve", "challenge", "decline", "insufficient_funds", "cancel", "abandon"}
    assert {*form_in(html).buttons} == wanted
    assert {*form_in(press(page, "challenge").text).buttons} == {"3ds", "authentication_failed"}


@pytest.mark.parametrize("choice", ["approve", "3ds"])
def test_a_paid_page_is_complete_and_says_so(
    caller: Caller, receiver: Receiver, choice: str
) -> None:
    page = caller.page()
    back = press(page, choice)
    assert (back.status_code, back.headers["Location"]) == (
        302,
        f"https://shop.test/done?id={page['id']}",
    )
    session = caller.session(page["id"])
    assert (session["status"], session["payment_status"], session["url"]) == (
        "complete",
        "paid",
        None,
    )
    paid = session["payment_intent"]
    assert (paid["status"], paid["amount_received"]) == ("succeeded", 10000)
    assert paid["metadata"] == {"mine": page["client_reference_id"]}
    assert paid["latest_charge"]["payment_method_details"]["card"]["brand"] == "visa"
    told = thing(receiver, "checkout.session.completed", page["id"])
    assert told["payment_intent"] == paid["id"]
    assert thing(receiver, "payment_intent.succeeded", paid["id"])
    assert caller.truth(page["id"])["captured"] == "100.00"
    assert "already paid" in requests.get(page["url"], timeout=10).text
    assert "already paid" in press(page, "approve").text


@pytest.mark.parametrize(
    ("choice", "code", "decline_code"),
    [
        ("decline", "card_declined", "generic_decline"),
        ("insufficient_funds", "card_declined", "insufficient_funds"),
        ("authentication_failed", "payment_intent_authentication_failure", None),
    ],
)
def test_a_declined_card_leaves_the_page_open(
    caller: Caller, receiver: Receiver, choice: str, code: str, decline_code: str | None
) -> None:
    page = caller.page()
    assert "can still be paid" in press(page, choice).text
    failed = thing(receiver, "payment_intent.payment_failed")
    assert failed["status"] == "requires_payment_method"
    assert failed["last_payment_error"]["code"] == code
    assert failed["last_payment_error"].get("decline_code") == decline_code
    assert caller.session(page["id"])["status"] == "open"
    press(page, "approve")
    paid = caller.session(page["id"])["payment_intent"]
    assert (paid["id"], paid["last_payment_error"]) == (failed["id"], None)


def test_who_goes_back_or_away_leaves_an_open_page_and_no_news(
    caller: Caller, receiver: Receiver
) -> None:
    page = caller.page()
    assert press(page, "cancel").headers["Location"] == "https://shop.test/back"
    assert "left the page" in press(page, "abandon").text
    assert press(page, "fly").status_code == 400
    assert caller.session(page["id"])["status"] == "open"
    assert caller.sandbox.notices("stripe") == []


def test_a_page_can_be_closed_while_nobody_has_paid(caller: Caller, receiver: Receiver) -> None:
    page = caller.page()
    path = f"/v1/checkout/sessions/{page['id']}/expire"
    assert caller.post(path, {}).json()["status"] == "expired"
    assert thing(receiver, "checkout.session.expired")["id"] == page["id"]
    assert caller.truth(page["id"])["status"] == "cancelled"
    assert "expired" in press(page, "approve").text
    refused(caller.post(path, {}), 400)


def test_a_page_runs_out_by_itself(caller: Caller, receiver: Receiver) -> None:
    page = caller.page()
    caller.act(page["id"], "decline")
    caller.act(page["id"], "expire")
    assert thing(receiver, "payment_intent.canceled")["cancellation_reason"] == "automatic"
    assert caller.session(page["id"])["status"] == "expired"


# --- what follows


def test_a_reservation_is_captured_once_and_the_rest_released(
    caller: Caller, receiver: Receiver
) -> None:
    ref, intent = caller.paid(held=True)
    held = thing(receiver, "payment_intent.amount_capturable_updated")
    assert (held["status"], held["amount_capturable"]) == ("requires_capture", 10000)
    assert caller.session(ref)["payment_status"] == "unpaid"
    assert caller.truth(ref)["status"] == "authorized"
    path = f"/v1/payment_intents/{intent}/capture"
    refused(caller.post(path, {"amount_to_capture": 10001}), 400, code="amount_too_large")
    taken = caller.post(path, {"amount_to_capture": 6000, "metadata[by]": "me"}, "c1").json()
    assert (taken["status"], taken["amount_received"], taken["amount_capturable"]) == (
        "succeeded",
        6000,
        0,
    )
    assert taken["metadata"]["by"] == "me"
    told = heard(receiver, "payment_intent.succeeded").news
    assert told["request"]["idempotency_key"] == "c1"
    assert told["data"]["object"] == taken
    refused(caller.post(path, {}), 400, code="payment_intent_unexpected_state")
    assert caller.truth(ref)["captured"] == "60.00"
    assert caller.truth(ref)["status"] == "captured"


def test_a_reservation_is_cancelled(caller: Caller, receiver: Receiver) -> None:
    ref, intent = caller.paid(held=True)
    path = f"/v1/payment_intents/{intent}/cancel"
    refused(caller.post(path, {"cancellation_reason": "why"}), 400, param="cancellation_reason")
    done = caller.post(path, {"cancellation_reason": "requested_by_customer"}, "v1").json()
    assert (done["status"], done["amount_capturable"]) == ("canceled", 0)
    assert heard(receiver, "payment_intent.canceled").news["request"]["idempotency_key"] == "v1"
    refused(caller.post(path, {}), 400, code="payment_intent_unexpected_state")
    assert caller.truth(ref)["status"] == "cancelled"


def test_a_reservation_runs_out_by_itself(caller: Caller, receiver: Receiver) -> None:
    ref, _ = caller.paid(held=True)
    caller.act(ref, "expire")
    told = heard(receiver, "payment_intent.canceled").news
    assert told["request"]["idempotency_key"] is None
    assert told["data"]["object"]["cancellation_reason"] == "automatic"


def test_an_intent_of_an_open_page_is_not_cancelled(caller: Caller) -> None:
    page = caller.page()
    caller.act(page["id"], "decline")
    intent = caller.session(page["id"])["payment_intent"]["id"]
    refused(caller.post(f"/v1/payment_intents/{intent}/cancel", {}), 400)


def test_a_refund_in_parts_gives_back_no_more_than_was_paid(
    caller: Caller, receiver: Receiver
) -> None:
    ref, intent = caller.paid()
    asked = {"payment_intent": intent, "amount": 3050, "metadata[mine]": "r1"}
    first = caller.post("/v1/refunds", asked, "r1").json()
    assert (first["object"], first["status"], first["amount"]) == ("refund", "succeeded", 3050)
    assert first["metadata"] == {"mine": "r1"}
    assert thing(receiver, "refund.created") == first
    assert thing(receiver, "charge.refunded")["amount_refunded"] == 3050
    assert caller.truth(ref)["status"] == "partially_refunded"
    refused(caller.post("/v1/refunds", asked | {"amount": 6951}), 400, param="amount")
    rest = caller.post("/v1/refunds", {"charge": first["charge"]}, "r2").json()
    assert rest["amount"] == 6950
    again = caller.post("/v1/refunds", {"charge": first["charge"]}, "r2").json()
    assert again["id"] == rest["id"]
    assert caller.truth(ref)["refunded"] == "100.00"
    assert caller.truth(ref)["status"] == "refunded"
    refused(caller.post("/v1/refunds", asked), 400, code="charge_already_refunded")
    listed = caller.get("/v1/refunds", payment_intent=intent, limit=100).json()
    assert [each["id"] for each in listed["data"]] == [rest["id"], first["id"]]
    assert listed["has_more"] is False
    assert caller.get(f"/v1/refunds/{first['id']}").json() == first


def test_a_refund_may_be_sent_back_later(caller: Caller, receiver: Receiver) -> None:
    ref, intent = caller.paid()
    made = caller.post("/v1/refunds", {"payment_intent": intent, "amount": 4000}).json()
    caller.act(ref, "refund_fails")
    failed = thing(receiver, "refund.failed")
    assert (failed["id"], failed["status"]) == (made["id"], "failed")
    assert caller.truth(ref)["refunded"] == "0.00"
    assert caller.truth(ref)["status"] == "captured"


def test_a_refund_can_be_made_in_the_dashboard(caller: Caller, receiver: Receiver) -> None:
    ref, _ = caller.paid()
    caller.act(ref, "refund")
    told = heard(receiver, "refund.created").news
    assert told["request"]["idempotency_key"] is None
    assert told["data"]["object"]["metadata"] == {}
    assert caller.truth(ref)["status"] == "refunded"


@pytest.mark.parametrize(("verb", "status"), [("dispute_won", "won"), ("dispute_lost", "lost")])
def test_a_charge_is_disputed_once_and_the_dispute_ends(
    caller: Caller, receiver: Receiver, verb: str, status: str
) -> None:
    ref, intent = caller.paid()
    caller.act(ref, "dispute")
    opened = thing(receiver, "charge.dispute.created")
    assert (opened["status"], opened["amount"]) == ("needs_response", 10000)
    assert opened["payment_intent"] == intent
    assert opened["evidence_details"]["due_by"] > time.time()
    caller.act(ref, verb)
    closed = thing(receiver, "charge.dispute.closed")
    assert (closed["id"], closed["status"]) == (opened["id"], status)


@pytest.mark.parametrize(
    "verb", ["dispute", "dispute_won", "refund", "refund_fails", "expire", "approve"]
)
def test_what_cannot_happen_is_refused(caller: Caller, verb: str) -> None:
    ref = caller.page()["id"]
    caller.act(ref, "expire")
    url = f"{caller.sandbox.control_url}/control/stripe/payments/{ref}/{verb}"
    assert requests.post(url, timeout=10).status_code == 409


# --- lists, events, faults


def test_an_intent_is_listed_once_somebody_pays_on_its_page(caller: Caller) -> None:
    page = caller.page()
    found = caller.get("/v1/payment_intents").json()
    assert (found["object"], found["data"], found["has_more"]) == ("list", [], False)
    caller.act(page["id"], "approve")
    (intent,) = caller.get("/v1/payment_intents").json()["data"]
    assert intent == caller.get(f"/v1/payment_intents/{intent['id']}").json()
    assert intent["metadata"]["mine"] == page["client_reference_id"]


def test_an_event_is_an_envelope_that_is_signed_anew_for_every_try(
    caller: Caller, receiver: Receiver
) -> None:
    receiver.answers = lambda each: 204 if len(names(receiver)) > 4 else 503
    ref, _ = caller.paid()
    wait_until(lambda: all(n["status"] == "delivered" for n in caller.sandbox.notices("stripe")))
    assert sum(n["attempts"] for n in caller.sandbox.notices("stripe")) > 3
    assert all(is_signed(each) for each in receiver.heard)
    told = heard(receiver, "checkout.session.completed").news
    assert (told["object"], told["api_version"]) == ("event", "2026-06-24.dahlia")
    assert told["id"].startswith("evt_")
    assert told["data"]["object"]["id"] == ref


def test_while_a_secret_is_rolled_there_are_two_signatures(
    tmp_path: Any, running_receiver: Receiver
) -> None:
    running_receiver.forget()
    with SandboxProcess(
        tmp_path,
        STRIPE_WEBHOOK_SECRET="whsec_OLD,whsec_NEW",
        SANDBOX_STRIPE_WEBHOOK_URL=f"{running_receiver.url}/stripe",
    ) as sandbox:
        Caller(sandbox).paid()
        each = heard(running_receiver, "payment_intent.succeeded")
    assert is_signed(each, "whsec_OLD")
    assert is_signed(each, "whsec_NEW")


def test_a_forgery_is_not_signed_by_stripe(caller: Caller, receiver: Receiver) -> None:
    caller.sandbox.put({"seed": 1, "webhooks": {"forge_rate": 1}}, "stripe")
    caller.paid()
    wait_until(lambda: len(receiver.heard) == 6)
    notices = caller.sandbox.notices("stripe")
    assert sum(n["forged"] for n in notices) == 3
    assert sum(not is_signed(each) for each in receiver.heard) == 3


def test_work_that_was_done_without_an_answer_is_told_when_it_is_asked_again(
    caller: Caller,
) -> None:
    wishes = caller.wishes()
    caller.sandbox.put({"mode": "timeout_after_commit"}, "stripe")
    body = urlencode(wishes)
    headers = {"Authorization": f"Bearer {STRIPE_KEY}", "Content-Type": FORM}
    with pytest.raises(requests.Timeout):
        requests.post(
            f"{caller.base}/v1/checkout/sessions",
            data=body,
            headers=headers | {"Idempotency-Key": "k1"},
            timeout=0.5,
        )
    caller.sandbox.put({"mode": "up"}, "stripe")
    again = caller.post("/v1/checkout/sessions", wishes, "k1")
    assert again.headers["Idempotent-Replayed"] == "true"
    (only,) = caller.sandbox.truth("stripe")
    assert only["transaction_ref"] == again.json()["id"]


def test_faults_spoil_the_api_and_not_the_page(caller: Caller) -> None:
    page = caller.page()
    caller.sandbox.put({"mode": "error"}, "stripe")
    assert caller.get(f"/v1/checkout/sessions/{page['id']}").status_code == 500
    assert requests.get(page["url"], timeout=10).status_code == 200
    caller.sandbox.put({"mode": "down"}, "stripe")
    with pytest.raises(requests.ConnectionError):
        caller.get("/v1/refunds")
    caller.sandbox.put({"mode": "up"}, "stripe")
    assert caller.get("/v1/refunds").json()["data"] == []


def test_without_its_key_stripe_is_not_played(tmp_path: Any) -> None:
    with SandboxProcess(tmp_path, STRIPE_SECRET_KEY="") as sandbox:
        url = f"{sandbox.control_url}/control/stripe"
        answer = requests.get(url, timeout=10)
        assert answer.status_code == 404
        assert "stripe is not played here" in json.loads(answer.content)["error"]
        assert requests.get(sandbox.control_url, timeout=10).ok
