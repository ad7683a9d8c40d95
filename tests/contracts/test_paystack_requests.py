"""What we ask of Paystack: an order a request."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import UnsupportedCurrency
from payments.gateways.contract import BY_PAGE, Capability
from payments.gateways.messages import Handle, Lookup, Order, Refund
from payments.money import Money
from tests.contracts.paystack_words import (
    AUTHORIZE,
    AUTHORIZED,
    CAPTURE,
    CHARGE,
    KEY,
    ORDERS,
    PAID,
    REFUND,
    VOID,
    answered,
    charge,
    ok,
    paystack,
    transaction,
)


def sent(order: Order) -> tuple[str, str, Any]:
    request = paystack().request_for(order)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    path = request.url.removeprefix("https://api.paystack.co")
    return request.method, path, json.loads(request.body) if request.body else None


def test_a_charge_asks_for_a_hosted_page() -> None:
    page = charge(payment_methods=("card", "ussd"))
    assert sent(page) == (
        "POST",
        "/transaction/initialize",
        {
            "email": "a@b.test",
            "amount": 10000,
            "currency": "NGN",
            "reference": "k1",
            "callback_url": "https://us/return",
            "metadata": {"description": "Order 1", "cancel_action": "https://us/return"},
            "channels": ["card", "ussd"],
        },
    )


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("capture", "/preauthorization/capture",
         {"reference": "auth1", "amount": 5000, "currency": "ZAR"}),
        ("void", "/preauthorization/release", {"reference": "auth1"}),
        ("refund", "/refund", {"transaction": "302961", "amount": 5000, "currency": "NGN",
                               "merchant_note": "#r1 returned"}),
    ],
)  # fmt: skip
def test_a_later_order_names_what_it_follows(name: str, path: str, body: Any) -> None:
    assert sent(ORDERS[name]) == ("POST", path, body)


def test_an_authorisation_is_a_page_of_its_own_and_in_rand_only() -> None:
    assert sent(ORDERS["authorize"])[1] == "/preauthorization/initialize"
    with pytest.raises(UnsupportedCurrency):
        paystack().request_for(charge(kind=AUTHORIZE))


def test_a_refund_without_an_id_names_the_reference() -> None:
    body = sent(Refund("r1", Money(1, "NGN"), Handle("k1")))[2]
    assert (body["transaction"], body["merchant_note"]) == ("k1", "#r1")


@pytest.mark.parametrize(
    ("lookup", "path"),
    [
        (Lookup("k/1", CHARGE), "/transaction/verify/k%2F1"),
        (Lookup("k1", AUTHORIZE), "/preauthorization/k1"),
        (Lookup("c1", CAPTURE, parent=AUTHORIZED), "/preauthorization/auth1"),
        (Lookup("v1", VOID, parent=AUTHORIZED), "/preauthorization/auth1"),
        (Lookup("r1", REFUND, Handle("77"), PAID), "/refund/77"),
        (Lookup("r1", REFUND, parent=PAID), "/refund?transaction=302961&perPage=100"),
        (Lookup("r1", REFUND), "/refund?perPage=100"),
    ],
)
def test_a_lookup_asks_where_the_answer_is_kept(lookup: Lookup, path: str) -> None:
    assert sent(lookup) == ("GET", path, None)


@pytest.mark.parametrize("currency", ["AED", "KWD", "JPY"])
def test_a_currency_that_paystack_does_not_take_is_refused(currency: str) -> None:
    with pytest.raises(UnsupportedCurrency):
        paystack().request_for(charge(Money(100, currency)))


@given(st.integers(1, 10**15), st.sampled_from(sorted(paystack().currencies)))
def test_an_amount_survives_the_way_there_and_back(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    written = sent(charge(money))[2]
    assert written["amount"] == amount * (100 if currency == "XOF" else 1)
    told = transaction(amount=written["amount"], currency=currency, requested_amount=None)
    assert answered(Lookup("k1", CHARGE), 200, ok(told)).money == money


def test_it_can_do_everything() -> None:
    assert paystack().capabilities == BY_PAGE | {Capability.LIST}


def test_no_repr_shows_a_secret() -> None:
    shown = repr([paystack("whsec"), paystack().request_for(charge()), charge()])
    for secret in (KEY, "whsec", "a@b.test"):
        assert secret not in shown
