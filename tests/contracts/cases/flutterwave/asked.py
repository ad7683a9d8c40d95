"""What Flutterwave is asked: an order a request."""

import json
from typing import Any

from payments.errors import NotSupported, UnsupportedCurrency
from payments.gateways.flutterwave import API
from payments.gateways.messages import Capture, DisputeLookup, Handle, Lookup, Order, Refund, Void
from payments.gateways.wire import WireRequest
from payments.money import Money
from payments.statuses import OperationKind
from tests.contracts.cases.flutterwave.words import (
    CHARGE,
    ORDERS,
    PAID,
    REFUND,
    REFUNDED,
    charge,
    contested,
    listed,
    transaction,
)
from tests.contracts.shape import Asked

BASE = f"{API}/v3"
LOOKUPS = [
    Lookup("k1", CHARGE, PAID),
    Lookup("r1", REFUND, Handle("8612"), PAID, REFUNDED),
    Lookup("r1", REFUND, parent=PAID, money=REFUNDED),
]


def read(request: WireRequest) -> Any:
    return json.loads(request.body, parse_float=str, parse_int=str) if request.body else None


PAGE = {
    "tx_ref": "k1",
    "amount": "2500.00",
    "currency": "NGN",
    "redirect_url": "https://us/return",
    "customer": {"email": "a@b.test", "phonenumber": "0801"},
    "customizations": {"title": "Order 1"},
}
REQUESTS = [
    Asked(
        charge(payment_methods=("card", "ussd")),
        "POST /payments",
        PAGE | {"payment_options": "card, ussd"},
    ),
    Asked(
        ORDERS["refund"],
        "POST /transactions/8415006/refund",
        {"comments": "#r1 returned", "amount": "1000.50"},
    ),
    Asked(Lookup("k 1", CHARGE, PAID), "GET /transactions?tx_ref=k+1"),
    Asked(Lookup("r1", REFUND, Handle("8612"), PAID), "GET /refunds/8612"),
    Asked(Lookup("r1", REFUND, parent=PAID), "GET /refunds"),
    Asked(Lookup("r1", REFUND, parent=PAID, page="2"), "GET /refunds?page=2"),
    Asked(Lookup("k1", CHARGE, page="3"), "GET /transactions?tx_ref=k1&page=3"),
]
REFUSED: list[tuple[Order, type[Exception]]] = [
    *((charge(Money(100, currency)), UnsupportedCurrency) for currency in ("AED", "KWD", "JPY")),
    # No page without the payer's mail address.
    *((charge(customer=customer), NotSupported) for customer in ({}, {"email": "Amal"})),
    (charge(kind=OperationKind.AUTHORIZE), NotSupported),
    (Capture("c1", REFUNDED, PAID), NotSupported),
    (Void("v1", REFUNDED, PAID), NotSupported),
    # It refunds by its own number, which comes with the payment; v4's are no numbers.
    (Refund("r1", REFUNDED, Handle("k1")), NotSupported),
    (Refund("r1", REFUNDED, Handle("k1", {"transaction": "chg_1"})), NotSupported),
]
WRITTEN = [
    (Money(1999, "USD"), "19.99"),
    (Money(2500, "UGX"), "2500"),
    (Money(2500, "XOF"), "2500"),
    (Money(250000, "KES"), "2500.00"),
    (Money(99_999_999_999_999_999, "NGN"), "999999999999999.99"),
]


def orders_of(money: Money) -> list[Order]:
    return [charge(money), Refund("r1", money, PAID)]


def amount_in(request: WireRequest) -> str:
    """Digit by digit, as it is written."""
    return request.body.decode().rsplit('"amount": ', 1)[1].rstrip("}")


def repeating(money: Money, text: str) -> tuple[Order, Any]:
    told = json.dumps(listed(transaction(currency=money.currency, amount="HERE")))
    return Lookup("k1", CHARGE), told.replace('"HERE"', text).encode()


DISPUTES: list[tuple[DisputeLookup, str | None]] = [
    (contested(), "GET /chargebacks?flw_ref=FLW-MOCK-1"),
    (contested(charge=Handle("k1")), "GET /chargebacks"),
    # Without a name it cannot be asked about.
    (contested(""), None),
]
