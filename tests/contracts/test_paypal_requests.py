"""What we ask of PayPal: its log-in, and an order a request."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import DomainError, InvalidAmount, NotSupported, UnsupportedCurrency
from payments.gateways.contract import BY_PAGE, Capability
from payments.gateways.messages import Capture, Handle, Lookup, Order, Refund, Void
from payments.gateways.paypal.words import CURRENCIES, WHOLE_CURRENCIES
from payments.gateways.wire import WireResponse
from payments.money import Money
from payments.statuses import OperationKind
from tests.contracts.paypal_words import (
    AUTHORIZE_ORDER,
    CAPTURE,
    CAPTURE_ORDER,
    EFFECTS,
    FIVE,
    ORDER,
    REFUND,
    RESERVED,
    SANDBOX,
    SECRET,
    TAKEN,
    VOID,
    answered,
    charge,
    payment,
    paypal,
    trusting,
)


def test_the_token_is_asked_for_with_the_applications_own_name_and_secret() -> None:
    request = paypal().token_request()
    assert request.url == "https://api-m.sandbox.paypal.com/v1/oauth2/token"
    assert request.body == b"grant_type=client_credentials"
    name = request.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(name).decode() == f"AtheClient:{SECRET}"


@pytest.mark.parametrize(
    ("status", "answer", "text"),
    [
        (200, {"access_token": "A21.x", "expires_in": 28800}, "A21.x"),
        (200, {"access_token": "A21.x", "expires_in": 10**30}, "A21.x"),
        (200, {"access_token": "A21.x", "expires_in": 0}, None),
        (200, {"access_token": "A21.x", "expires_in": True}, None),
        (200, {"access_token": "A21.x", "expires_in": "28800"}, None),
        (200, {"access_token": "A21.x"}, None),
        (200, {"access_token": "", "expires_in": 28800}, None),
        (200, {"access_token": "A\r\nX: y", "expires_in": 28800}, None),
        (200, {"access_token": ["A"], "expires_in": 28800}, None),
        (200, ["A"], None),
        (200, b"<html>", None),
        (401, {"error": "invalid_client", "access_token": "A", "expires_in": 9}, None),
    ],
)
def test_a_token_is_a_text_that_lasts(status: int, answer: Any, text: str | None) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    token = paypal().token_of(WireResponse(status, {}, body))
    assert (token.text if token else None) == text


def sent(order: Order) -> tuple[str, Any]:
    request = paypal().request_for(order, "A21.token")
    assert request.headers["Authorization"] == "Bearer A21.token"
    path = request.url.removeprefix(SANDBOX)
    return f"{request.method} {path}", json.loads(request.body) if request.body else None


def test_a_charge_asks_for_an_order_with_a_page() -> None:
    path, body = sent(charge(language="ar", customer={"email": "a@b.test"}))
    assert path == "POST /v2/checkout/orders"
    assert body == {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "custom_id": "k1",
                "description": "Order 1",
                "amount": {"currency_code": "USD", "value": "25.00"},
            }
        ],
        "payment_source": {
            "paypal": {
                "experience_context": {
                    "return_url": "https://us/return",
                    "cancel_url": "https://us/return",
                    "user_action": "PAY_NOW",
                    "shipping_preference": "NO_SHIPPING",
                    "locale": "ar",
                }
            }
        },
    }


def test_an_authorisation_is_another_intent() -> None:
    assert sent(charge(kind=OperationKind.AUTHORIZE))[1]["intent"] == "AUTHORIZE"


def test_a_description_is_never_empty_nor_too_long() -> None:
    def unit(**facts: Any) -> Any:
        return sent(charge(**facts))[1]["purchase_units"][0]

    assert unit(description="")["description"] == "k1"
    assert len(unit(description="x" * 500)["description"]) == 127


@pytest.mark.parametrize("language", ["", "english", "en_US", "EN", "\ud800"])
def test_a_language_that_paypal_does_not_know_is_left_out(language: str) -> None:
    _, body = sent(charge(language=language))
    assert "locale" not in body["payment_source"]["paypal"]["experience_context"]


AMOUNT = {"currency_code": "USD", "value": "5.00"}


@pytest.mark.parametrize(
    ("order", "path", "body"),
    [
        (
            CAPTURE,
            "/v2/payments/authorizations/A1/capture",
            {"amount": AMOUNT, "invoice_id": "k2", "final_capture": True},
        ),
        (CAPTURE_ORDER, "/v2/checkout/orders/O1/capture", {}),
        (AUTHORIZE_ORDER, "/v2/checkout/orders/O1/authorize", {}),
        (VOID, "/v2/payments/authorizations/A1/void", {}),
        (
            REFUND,
            "/v2/payments/captures/C1/refund",
            {
                "amount": AMOUNT,
                "custom_id": "k4",
                "invoice_id": "k4",
                "note_to_payer": "Too big",
            },
        ),
        (
            Refund("k4", FIVE, Handle("C9")),
            "/v2/payments/captures/C9/refund",
            {"amount": AMOUNT, "custom_id": "k4", "invoice_id": "k4"},
        ),
    ],
)
def test_what_follows_a_payment_names_it(order: Order, path: str, body: Any) -> None:
    assert sent(order) == (f"POST {path}", body)


@pytest.mark.parametrize("order", EFFECTS)
def test_a_repeat_carries_the_same_name_and_asks_for_the_whole_answer(order: Order) -> None:
    headers = [dict(paypal().request_for(order, token).headers) for token in ("A", "B")]
    for each in headers:
        each.pop("Authorization")
    assert headers[0] == headers[1]
    assert headers[0]["Prefer"] == "return=representation"
    assert order.key in headers[0]["PayPal-Request-Id"]
    assert len(headers[0]["PayPal-Request-Id"].replace(order.key, "x" * 64)) <= 108


def test_a_charge_and_its_own_capture_are_two_requests_though_one_key() -> None:
    names = {
        paypal().request_for(order).headers["PayPal-Request-Id"]
        for order in (charge(), CAPTURE_ORDER)
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    ("lookup", "path"),
    [
        (Lookup("k1", OperationKind.CHARGE, ORDER), "/v2/checkout/orders/O1"),
        (Lookup("k1", OperationKind.AUTHORIZE, Handle("O1")), "/v2/checkout/orders/O1"),
        (Lookup("k1", OperationKind.CHARGE), "/v2/checkout/orders/k1"),
        (Lookup("k2", OperationKind.CAPTURE, Handle("C2"), RESERVED), "/v2/checkout/orders/O1"),
        (Lookup("k2", OperationKind.CAPTURE, parent=RESERVED), "/v2/checkout/orders/O1"),
        (Lookup("k3", OperationKind.VOID, parent=RESERVED), "/v2/payments/authorizations/A1"),
        (Lookup("k4", OperationKind.REFUND, Handle("R1"), TAKEN), "/v2/payments/refunds/R1"),
        (Lookup("k4", OperationKind.REFUND, parent=TAKEN), "/v2/checkout/orders/O1"),
        (Lookup("a/b?c", OperationKind.CHARGE), "/v2/checkout/orders/a%2Fb%3Fc"),
    ],
)
def test_a_lookup_asks_where_the_answer_is(lookup: Lookup, path: str) -> None:
    assert sent(lookup) == (f"GET {path}", None)


@pytest.mark.parametrize(
    "order",
    [
        Void("k", FIVE, ORDER),
        Refund("k", FIVE, Handle()),
        Capture("k", FIVE, Handle()),
        Lookup("k", OperationKind.VOID),
        Lookup("k", OperationKind.REFUND),
    ],
)
def test_what_nothing_can_follow_is_said_so(order: Order) -> None:
    with pytest.raises(NotSupported):
        paypal().request_for(order)


def test_everything_can_be_done_here() -> None:
    assert paypal().capabilities == BY_PAGE | {Capability.LIST}
    assert paypal().key_memory == timedelta(hours=6)


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(2500, "USD"), "25.00"),
        (Money(1, "USD"), "0.01"),
        (Money(1200, "JPY"), "1200"),
        (Money(120000, "HUF"), "1200"),
        (Money(5000, "TWD"), "50"),
        (Money(99_999_999_999_999_999, "EUR"), "999999999999999.99"),
    ],
)
def test_an_amount_is_a_text_in_major_units(money: Money, written: str) -> None:
    amount = sent(charge(money))[1]["purchase_units"][0]["amount"]
    assert amount == {"currency_code": money.currency, "value": written}


@pytest.mark.parametrize(
    ("money", "error"),
    [
        (Money(120050, "HUF"), InvalidAmount),
        (Money(5050, "TWD"), InvalidAmount),
        (Money(0, "USD"), InvalidAmount),
        (Money(-5, "USD"), InvalidAmount),
        (Money(1000, "AED"), UnsupportedCurrency),
        (Money(1000, "KWD"), UnsupportedCurrency),
    ],
)
def test_what_paypal_cannot_express_is_refused(money: Money, error: type[DomainError]) -> None:
    assert money.currency in CURRENCIES or money.currency not in paypal().currencies
    for order in (charge(money), Capture("k", money, RESERVED), Refund("k", money, TAKEN)):
        with pytest.raises(error):
            paypal().request_for(order)


@given(st.integers(1, 10**14), st.sampled_from(sorted(CURRENCIES)))
def test_an_amount_comes_back_as_it_went(minor: int, currency: str) -> None:
    whole = minor * 100 if currency in WHOLE_CURRENCIES - {"JPY"} else minor
    written = sent(charge(Money(whole, currency)))[1]["purchase_units"][0]["amount"]
    result = answered(REFUND, 201, payment("COMPLETED", amount=written))
    assert result.money == Money(whole, currency)


def test_no_repr_shows_a_secret() -> None:
    gateway = trusting()
    shown = repr(gateway) + repr(gateway.token_request()) + str(gateway)
    shown += repr(gateway.request_for(charge(customer={"email": "a@b.test"}), "A21.token"))
    for secret in (SECRET, "A21.token", "a@b.test", base64.b64encode(SECRET.encode()).decode()):
        assert secret not in shown
