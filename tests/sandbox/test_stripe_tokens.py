"""Stripe in the sandbox where a token pays: test cards by name, the bank's question, the key."""

import sqlite3
import time
from typing import Any

import pytest
import requests

from tests.sandbox.merchant import Receiver, form_in
from tests.sandbox.process import SandboxProcess
from tests.sandbox.stripe_caller import Caller, heard, names, refused, thing

PATH = "/v1/payment_intents"


@pytest.fixture
def caller(sandbox: SandboxProcess, receiver: Receiver) -> Caller:
    return Caller(sandbox)


def wishes(method: str = "pm_card_visa", **changes: Any) -> dict[str, Any]:
    return {
        "amount": 10000,
        "currency": "aed",
        "payment_method": method,
        "confirm": "true",
        "return_url": "https://shop.test/back?order=1",
        "automatic_payment_methods[enabled]": "true",
        "metadata[mine]": "order-1",
    } | changes


def charged(caller: Caller, method: str = "pm_card_visa", **changes: Any) -> dict[str, Any]:
    response = caller.post(PATH, wishes(method, **changes))
    assert response.status_code == 200, response.text
    intent: dict[str, Any] = response.json()
    return intent


def test_a_good_card_pays_at_once_and_says_so(caller: Caller, receiver: Receiver) -> None:
    intent = charged(caller)
    assert (intent["object"], intent["status"], intent["amount_received"]) == (
        "payment_intent",
        "succeeded",
        10000,
    )
    assert (intent["payment_method"], intent["next_action"]) == ("pm_card_visa", None)
    assert thing(receiver, "payment_intent.succeeded", intent["id"]) == intent
    assert thing(receiver, "charge.succeeded")["payment_intent"] == intent["id"]
    assert "checkout.session.completed" not in names(receiver)
    assert caller.truth(intent["id"]) == {
        "transaction_ref": intent["id"],
        "reference": "order-1",
        "amount": "100.00",
        "currency": "AED",
        "status": "captured",
        "captured": "100.00",
        "released": "0.00",
        "refunded": "0.00",
    }


def test_what_is_reserved_is_captured_and_refunded(caller: Caller) -> None:
    ref = charged(caller, capture_method="manual")["id"]
    assert caller.truth(ref)["status"] == "authorized"
    taken = caller.post(f"{PATH}/{ref}/capture", {"amount_to_capture": 6000}).json()
    assert (taken["status"], taken["amount_received"]) == ("succeeded", 6000)
    assert caller.post("/v1/refunds", {"payment_intent": ref, "amount": 1000}).ok
    assert caller.truth(ref)["refunded"] == "10.00"


@pytest.mark.parametrize(
    ("method", "decline_code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_a_declined_card_is_a_402_that_is_remembered(
    caller: Caller, receiver: Receiver, method: str, decline_code: str
) -> None:
    response = caller.post(PATH, wishes(method), "k1")
    refused(response, 402, type="card_error", code="card_declined", decline_code=decline_code)
    left = response.json()["error"]["payment_intent"]
    assert (left["status"], left["amount_received"]) == ("requires_payment_method", 0)
    assert left["last_payment_error"]["payment_method"]["id"] == method
    failed = heard(receiver, "payment_intent.payment_failed").news
    assert failed["data"]["object"] == left
    assert failed["request"]["idempotency_key"] == "k1"
    assert caller.truth(left["id"])["status"] == "failed"
    again = caller.post(PATH, wishes(method), "k1")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (response.content, "true")
    assert len(caller.sandbox.truth("stripe")) == 1


def answer(page: str, choice: str) -> requests.Response:
    return requests.post(page, data={"choice": choice}, timeout=10, allow_redirects=False)


@pytest.mark.parametrize(
    ("choice", "status", "ended"),
    [
        ("3ds", "succeeded", "succeeded"),
        ("authentication_failed", "requires_payment_method", "failed"),
    ],
)
def test_the_bank_asks_the_payer_once(
    caller: Caller, receiver: Receiver, choice: str, status: str, ended: str
) -> None:
    intent = charged(caller, "pm_card_authenticationRequired")
    assert intent["status"] == "requires_action"
    assert thing(receiver, "payment_intent.requires_action", intent["id"]) == intent
    page = intent["next_action"]["redirect_to_url"]["url"]
    assert {*form_in(requests.get(page, timeout=10).text).buttons} == {
        "3ds",
        "authentication_failed",
    }
    assert answer(page, "fly").status_code == 400
    back = answer(page, choice)
    assert (back.status_code, back.headers["Location"]) == (
        302,
        f"https://shop.test/back?order=1&payment_intent={intent['id']}&redirect_status={ended}",
    )
    now = caller.get(f"{PATH}/{intent['id']}").json()
    assert (now["status"], now["next_action"]) == (status, None)
    assert "answered already" in answer(page, "3ds").text
    assert "answered already" in requests.get(page, timeout=10).text


def test_a_question_that_nobody_answers_can_be_withdrawn(caller: Caller) -> None:
    ref = charged(caller, "pm_card_authenticationRequired")["id"]
    assert caller.post(f"{PATH}/{ref}/cancel", {}).json()["status"] == "canceled"
    assert caller.truth(ref)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"payment_method": "pm_nobody"}, "payment_method"),
        ({"payment_method": None}, "payment_method"),
        ({"confirm": None}, "confirm"),
        ({"return_url": None}, "return_url"),
        ({"amount": 0}, "amount"),
        ({"currency": "AED"}, "currency"),
        ({"payment_method_types[0]": "card"}, "payment_method_types"),
        ({"client_reference_id": "x"}, "client_reference_id"),
    ],
)
def test_an_intent_that_cannot_be_made_is_refused(
    caller: Caller, changes: dict[str, Any], param: str
) -> None:
    refused(caller.post(PATH, wishes(**changes)), 400, type="invalid_request_error", param=param)
    assert caller.sandbox.truth("stripe") == []


def test_intents_are_listed_the_newest_first_page_by_page(caller: Caller) -> None:
    first = charged(caller)
    second = charged(caller, **{"metadata[mine]": "order-2"})
    listed = caller.get(PATH).json()
    assert listed["data"] == [second, first]
    assert listed["has_more"] is False
    page = caller.get(PATH, limit=1).json()
    assert (page["data"], page["has_more"]) == ([second], True)
    rest = caller.get(PATH, limit=1, starting_after=second["id"]).json()
    assert (rest["data"], rest["has_more"]) == ([first], False)
    since = {"created[gte]": str(first["created"])}
    assert caller.get(PATH, **since).json()["data"] == [second, first]
    later = {"created[gte]": str(int(time.time()) + 60)}
    assert caller.get(PATH, **later).json()["data"] == []
    until = {"created[lte]": str(second["created"])}
    assert caller.get(PATH, **until).json()["data"] == [second, first]
    earlier = {"created[lte]": str(first["created"] - 1)}
    assert caller.get(PATH, **earlier).json()["data"] == []
    refused(caller.get(PATH, limit=101), 400)
    refused(caller.get(f"/v1/checkout/sessions/{first['id']}"), 404, code="resource_missing")


def test_an_answer_that_was_lost_is_told_when_it_is_asked_again(caller: Caller) -> None:
    caller.sandbox.put({"mode": "error"}, "stripe")
    caller.post(PATH, wishes(), "k1")
    caller.sandbox.put({"mode": "up"}, "stripe")
    done = caller.post(PATH, wishes(), "k1").json()
    assert done["status"] == "succeeded"
    assert len(caller.sandbox.truth("stripe")) == 1


# --- how long a page lives


@pytest.mark.parametrize(
    ("seconds", "is_taken"), [(1700, False), (1810, True), (86300, True), (86500, False)]
)
def test_a_page_ends_between_half_an_hour_and_a_day_from_now(
    caller: Caller, seconds: int, is_taken: bool
) -> None:
    at = int(time.time()) + seconds
    response = caller.post("/v1/checkout/sessions", caller.wishes(expires_at=at))
    if is_taken:
        assert response.json()["expires_at"] == at
    else:
        refused(response, 400, param="expires_at")
    refused(caller.post("/v1/checkout/sessions", caller.wishes(expires_at="soon")), 400)


def end_of(page: dict[str, Any], sandbox: SandboxProcess, at: int) -> None:
    """Move a page's end: the clock of another process cannot be moved."""
    with sqlite3.connect(sandbox.data / "sandbox.sqlite3", timeout=10) as database:
        database.execute(
            "UPDATE sandbox_transaction SET request = json_set(request, '$.expires_at', ?)"
            " WHERE ref = ?",
            (str(at), page["id"]),
        )


def test_a_page_is_over_at_its_end_and_takes_no_more_money(
    caller: Caller, receiver: Receiver
) -> None:
    page = caller.page(expires_at=int(time.time()) + 3600)
    end_of(page, caller.sandbox, int(time.time()) + 600)
    assert caller.session(page["id"])["status"] == "open"
    end_of(page, caller.sandbox, int(time.time()))
    answered = requests.post(page["url"], data={"choice": "approve"}, timeout=10)
    assert "expired" in answered.text
    assert caller.session(page["id"])["status"] == "expired"
    assert thing(receiver, "checkout.session.expired")["id"] == page["id"]
    assert caller.truth(page["id"])["status"] == "cancelled"


def test_a_page_that_was_paid_does_not_end(caller: Caller) -> None:
    page = caller.page(expires_at=int(time.time()) + 3600)
    caller.act(page["id"], "approve")
    end_of(page, caller.sandbox, int(time.time()) - 1)
    assert caller.session(page["id"])["status"] == "complete"
