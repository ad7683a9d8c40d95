"""What we ask of Flutterwave: an order a request."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import NotSupported, UnsupportedCurrency
from payments.gateways.contract import Capability
from payments.gateways.messages import Capture, Handle, Lookup, Order, Refund, Void
from payments.money import Money
from payments.statuses import OperationKind
from tests.contracts.flutterwave_words import (
    CHARGE,
    HASH,
    KEY,
    ORDERS,
    PAID,
    REFUND,
    REFUNDED,
    answered,
    charge,
    flutterwave,
    listed,
    transaction,
)


def sent(order: Order) -> tuple[str, str, Any]:
    request = flutterwave().request_for(order)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    body = json.loads(request.body, parse_float=str, parse_int=str) if request.body else None
    return request.method, request.url.removeprefix("https://api.flutterwave.com/v3"), body


def test_a_charge_asks_for_a_hosted_page() -> None:
    assert sent(charge(payment_methods=("card", "ussd"))) == (
        "POST",
        "/payments",
        {
            "tx_ref": "k1",
            "amount": "2500.00",
            "currency": "NGN",
            "redirect_url": "https://us/return",
            "customer": {"email": "a@b.test", "phonenumber": "0801"},
            "customizations": {"title": "Order 1"},
            "payment_options": "card, ussd",
        },
    )


def test_a_refund_names_the_transaction_by_its_number() -> None:
    path = "/transactions/8415006/refund"
    body = {"comments": "#r1 returned", "amount": "1000.50"}
    assert sent(ORDERS["refund"]) == ("POST", path, body)
    with pytest.raises(NotSupported):
        flutterwave().request_for(Refund("r1", REFUNDED, Handle("k1")))


@pytest.mark.parametrize(
    "order",
    [
        charge(kind=OperationKind.AUTHORIZE),
        Capture("c1", REFUNDED, PAID),
        Void("v1", REFUNDED, PAID),
    ],
)
def test_what_it_cannot_do_is_absent_and_refused(order: Order) -> None:
    assert flutterwave().capabilities == {
        Capability.CHARGE,
        Capability.REFUND,
        Capability.PARTIAL_REFUND,
        Capability.LIST,
    }
    with pytest.raises(NotSupported):
        flutterwave().request_for(order)


@pytest.mark.parametrize(
    ("lookup", "path"),
    [
        (Lookup("k 1", CHARGE, PAID), "/transactions?tx_ref=k+1"),
        (Lookup("r1", REFUND, Handle("8612"), PAID), "/refunds/8612"),
        (Lookup("r1", REFUND, parent=PAID), "/refunds"),
        (Lookup("r1", REFUND, parent=PAID, page="2"), "/refunds?page=2"),
        (Lookup("k1", CHARGE, page="3"), "/transactions?tx_ref=k1&page=3"),
    ],
)
def test_a_lookup_asks_where_the_answer_is_kept(lookup: Lookup, path: str) -> None:
    assert sent(lookup) == ("GET", path, None)


@pytest.mark.parametrize("currency", ["AED", "KWD", "JPY"])
def test_a_currency_that_flutterwave_does_not_take_is_refused(currency: str) -> None:
    with pytest.raises(UnsupportedCurrency):
        flutterwave().request_for(charge(Money(100, currency)))


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(1999, "USD"), "19.99"),
        (Money(2500, "UGX"), "2500"),
        (Money(2500, "XOF"), "2500"),
        (Money(99_999_999_999_999_999, "NGN"), "999999999999999.99"),
    ],
)
def test_an_amount_is_a_json_number_written_digit_by_digit(money: Money, written: str) -> None:
    body = flutterwave().request_for(charge(money)).body
    assert f'"amount": {written}}}'.encode() in body


@given(st.integers(1, 10**17), st.sampled_from(sorted(flutterwave().currencies)))
def test_an_amount_survives_the_way_there_and_back(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    body = flutterwave().request_for(charge(money)).body.decode()
    written = body.rsplit('"amount": ', 1)[1].rstrip("}")
    told = json.dumps(listed(transaction(currency=currency, amount="HERE")))
    found = answered(Lookup("k1", CHARGE), 200, told.replace('"HERE"', written).encode())
    assert found.money == money


def test_no_repr_shows_a_secret() -> None:
    shown = repr([flutterwave(), flutterwave().request_for(charge()), charge()])
    for secret in (KEY, HASH, "a@b.test"):
        assert secret not in shown
