"""Stripe where the payer's card became a token first: one request, no page, nothing kept of it."""

import json
from typing import Any

import pytest

from payments.errors import NotSupported
from payments.gateways.contract import Capability
from payments.gateways.messages import GatewayResult, Handle, Lookup
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.contracts.cases.stripe.words import (
    MONEY,
    OURS,
    K,
    O,
    answered,
    charge,
    declined,
    error,
    event,
    held,
    intent,
    sent,
    stripe,
)
from tests.contracts.every import EVERY

TOKEN = "pm_1TESTONLYtoken"
METADATA = {"ballast_operation": OURS, "ballast_way": "token"}
BY_TOKEN = charge(payment_token=TOKEN)
RESERVED = charge(payment_token=TOKEN, kind=K.AUTHORIZE)
BANK = "https://hooks.test/3ds/1"
QUESTION = {
    "next_action": {"type": "redirect_to_url", "redirect_to_url": {"url": BANK, "return_url": "x"}}
}


def made(status: str = "succeeded", **facts: Any) -> dict[str, Any]:
    """An intent that a token of ours was to pay."""
    return intent(status, **({"metadata": METADATA, "payment_method": TOKEN} | facts))


def told(result: GatewayResult) -> tuple[Outcome, FailureCode | None, bool]:
    failure = result.failure.code if result.failure else None
    return result.outcome, failure, result.leaves_another_try


# --- what is asked


def test_a_token_is_charged_in_one_request() -> None:
    assert sent(BY_TOKEN) == (
        "POST",
        "/v1/payment_intents",
        {
            "amount": "12550",
            "currency": "aed",
            "payment_method": TOKEN,
            "confirm": "true",
            "return_url": "https://us/return?payment=1",
            "description": "Order 1",
            "metadata[ballast_operation]": OURS,
            "metadata[ballast_way]": "token",
            "automatic_payment_methods[enabled]": "true",
        },
    )


def test_a_token_reserves_where_the_capture_is_by_hand() -> None:
    assert sent(RESERVED)[2]["capture_method"] == "manual"
    assert "capture_method" not in sent(BY_TOKEN)[2]


def test_the_callers_methods_stand_in_for_those_of_the_account() -> None:
    fields = sent(charge(payment_token=TOKEN, payment_methods=("card", "link")))[2]
    assert (fields["payment_method_types[0]"], fields["payment_method_types[1]"]) == (
        "card",
        "link",
    )
    assert "automatic_payment_methods[enabled]" not in fields


def test_a_token_and_a_page_of_one_operation_share_one_key() -> None:
    keys = [
        stripe().request_for(order).headers["Idempotency-Key"] for order in (BY_TOKEN, charge())
    ]
    assert keys[0] == keys[1]


@pytest.mark.parametrize("token", ["tok_visa", "card_1", "pm_!", "pm_1/../x", "pm_é", "x" * 255])
def test_what_is_no_payment_method_of_theirs_is_not_sent(token: str) -> None:
    with pytest.raises(NotSupported) as refused:
        stripe().request_for(charge(payment_token=token))
    assert token not in refused.value.detail


def test_nobody_else_takes_tokens() -> None:
    able = [each for each in EVERY if Capability.PAYMENT_TOKEN in each.capabilities]
    assert [each.gateway.name for each in able] == ["stripe"]


# --- what is answered


@pytest.mark.parametrize(
    ("order", "body", "kind"),
    [(BY_TOKEN, made(), K.CHARGE), (RESERVED, held(metadata=METADATA), K.AUTHORIZE)],
)
def test_a_token_that_pays_is_known_by_its_intent(
    order: Any, body: dict[str, Any], kind: OperationKind
) -> None:
    result = answered(order, 200, body)
    assert (result.outcome, result.kind, result.money) == (O.SUCCEEDED, kind, MONEY)
    assert result.reference == "pi_1"
    assert result.ids == {"payment_intent": "pi_1", "charge": "ch_1"}


def test_a_bank_that_asks_first_is_a_page_for_the_payer() -> None:
    result = answered(BY_TOKEN, 200, made("requires_action", **QUESTION))
    assert (result.outcome, result.redirect_url) == (O.ACTION_REQUIRED, BANK)
    assert (result.reference, result.failure) == ("pi_1", None)


@pytest.mark.parametrize(
    "action",
    [
        None,
        {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
        {"type": "redirect_to_url", "redirect_to_url": {"url": "javascript:alert(1)"}},
        {"type": "redirect_to_url"},
        {"redirect_to_url": {"url": BANK}},
    ],
)
def test_a_question_without_an_address_is_unknown(action: Any) -> None:
    body = made("requires_action", next_action=action)
    assert answered(BY_TOKEN, 200, body).outcome is O.UNKNOWN


@pytest.mark.parametrize(
    ("code", "decline_code", "failure"),
    [
        ("card_declined", "generic_decline", "card_declined"),
        ("card_declined", "insufficient_funds", "insufficient_funds"),
        ("expired_card", "", "card_declined"),
        ("authentication_required", "", "authentication_failed"),
        ("processing_error", "", "provider_error"),
    ],
)
def test_a_declined_card_leaves_the_payment_to_another_token(
    code: str, decline_code: str, failure: str
) -> None:
    left = made("requires_payment_method")
    body = error("card_error", code=code, decline_code=decline_code, payment_intent=left)
    result = answered(BY_TOKEN, 402, body)
    assert told(result) == (O.DECLINED, FailureCode(failure), True)
    assert (result.reference, result.ids) == ("pi_1", {"payment_intent": "pi_1"})


@pytest.mark.parametrize(
    ("status", "body", "outcome", "another"),
    [
        (400, error(code="resource_missing", param="payment_method"), O.DECLINED, True),
        (400, error(code="amount_too_small", param="amount"), O.DECLINED, False),
        (404, error(code="resource_missing"), O.DECLINED, False),
        (401, error(), O.NOT_SENT, False),
        (429, error(code="rate_limit"), O.NOT_SENT, False),
        (409, error(code="idempotency_key_in_use"), O.UNKNOWN, False),
        (400, error("idempotency_error"), O.UNKNOWN, False),
        (500, error("api_error"), O.UNKNOWN, False),
        (200, {"id": "pi_1", "object": "payment_link", "status": "succeeded"}, O.UNKNOWN, False),
        (200, made(id=None), O.UNKNOWN, False),
        (200, made(""), O.UNKNOWN, False),
        (200, made("processing"), O.PENDING, False),
        (200, made("levitating"), O.PENDING, False),
    ],
)
def test_what_is_not_clearly_about_the_card_leaves_no_other_try(
    status: int, body: Any, outcome: Outcome, another: bool
) -> None:
    result = answered(BY_TOKEN, status, body)
    assert (result.outcome, result.leaves_another_try) == (outcome, another)


def test_a_card_that_a_page_declines_is_no_end_of_its_payment() -> None:
    refused = answered(charge(), 402, error("card_error", code="card_declined"))
    assert told(refused) == (O.DECLINED, FailureCode.CARD_DECLINED, False)
    unpaid = answered(Lookup(OURS, K.CHARGE), 200, intent("requires_payment_method", **declined()))
    assert told(unpaid) == (O.ACTION_REQUIRED, FailureCode.CARD_DECLINED, False)


# --- what a lookup finds, and what is told

KNOWN = Lookup(OURS, K.CHARGE, Handle("pi_1", {"payment_intent": "pi_1"}))
BY_KEY = Lookup(OURS, K.CHARGE)
NEWS = [
    (made(), (O.SUCCEEDED, None, False)),
    (made("processing"), (O.PENDING, None, False)),
    (made("requires_action", **QUESTION), (O.ACTION_REQUIRED, None, False)),
    (
        made("requires_payment_method", **declined(decline="insufficient_funds")),
        (O.DECLINED, FailureCode.INSUFFICIENT_FUNDS, True),
    ),
    (
        made("requires_payment_method", **declined("payment_intent_authentication_failure", "")),
        (O.DECLINED, FailureCode.AUTHENTICATION_FAILED, True),
    ),
    (made("requires_payment_method"), (O.DECLINED, FailureCode.CARD_DECLINED, True)),
    (made("canceled"), (O.DECLINED, FailureCode.CANCELLED_BY_PAYER, False)),
]


@pytest.mark.parametrize(("body", "expected"), NEWS)
def test_a_lookup_by_intent_or_by_key_says_what_the_news_says(
    body: dict[str, Any], expected: Any
) -> None:
    found = {"object": "list", "data": [body], "has_more": False}
    news = event(f"payment_intent.{body['status']}", body)
    assert news.key == OURS
    for result in (answered(KNOWN, 200, body), answered(BY_KEY, 200, found), news.result):
        assert result
        assert told(result) == expected
        assert result.reference == "pi_1"
        assert bool(result.redirect_url) is (body["status"] == "requires_action")


def test_an_operation_that_is_known_by_its_intent_is_asked_for_by_it() -> None:
    assert sent(KNOWN)[1] == "/v1/payment_intents/pi_1?expand[]=latest_charge"


def test_a_reservation_by_token_that_was_captured_was_reserved_in_full() -> None:
    taken = held("succeeded", amount_received=5000, metadata=METADATA)
    result = answered(Lookup(OURS, K.AUTHORIZE, Handle("pi_1")), 200, taken)
    assert (result.outcome, result.kind, result.money) == (O.SUCCEEDED, K.AUTHORIZE, MONEY)


# --- what is kept


@pytest.mark.parametrize("where", ["error", "intent", "text", "news", "lookup"])
def test_nothing_that_is_kept_or_shown_has_the_token_in_it(where: str) -> None:
    card = {"id": TOKEN, "object": "payment_method"}
    body = made("requires_payment_method", last_payment_error={"payment_method": card})
    message = f"No such PaymentMethod: '{TOKEN}'; it is é{TOKEN}."
    refusal = error("card_error", message=message, payment_intent=body, payment_method=card)
    kept: dict[str, Any] = {
        "error": lambda: answered(BY_TOKEN, 402, refusal),
        "intent": lambda: answered(BY_TOKEN, 200, made()),
        "text": lambda: answered(BY_TOKEN, 500, {"detail": message}),
        "news": lambda: event("payment_intent.payment_failed", body).result,
        "lookup": lambda: answered(KNOWN, 200, body),
    }
    result = kept[where]()
    assert TOKEN not in repr(result) + json.dumps(result.exchange) + repr(result.failure)
    assert result.exchange or where == "news"


def test_no_order_and_no_request_shows_the_token() -> None:
    assert TOKEN not in repr(BY_TOKEN) + repr(stripe().request_for(BY_TOKEN))
