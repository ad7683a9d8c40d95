"""What Paystack is asked: an order a request."""

import json
from typing import Any

from payments.errors import NotSupported, UnsupportedCurrency
from payments.gateways.messages import Handle, Lookup, Order, Refund
from payments.gateways.wire import WireRequest
from payments.money import Money
from tests.contracts.cases.paystack.words import (
    AUTHORIZE,
    AUTHORIZED,
    CAPTURE,
    CHARGE,
    ORDERS,
    PAID,
    REFUND,
    VOID,
    charge,
    ok,
    transaction,
)
from tests.contracts.shape import Asked

LOOKUPS = [
    Lookup("auth1" if kind is AUTHORIZE else "k1", kind, Handle("77"), AUTHORIZED)
    for kind in (CHARGE, AUTHORIZE, CAPTURE, VOID, REFUND)
]


def read(request: WireRequest) -> Any:
    return json.loads(request.body) if request.body else None


PAGE = {
    "email": "a@b.test",
    "amount": 10000,
    "currency": "NGN",
    "reference": "k1",
    "callback_url": "https://us/return",
    "metadata": {"description": "Order 1", "cancel_action": "https://us/return"},
}
BACK = {
    "transaction": "302961",
    "amount": 5000,
    "currency": "NGN",
    "merchant_note": "#r1 returned",
}
REQUESTS = [
    Asked(
        charge(payment_methods=("card", "ussd")),
        "POST /transaction/initialize",
        PAGE | {"channels": ["card", "ussd"]},
    ),
    Asked(ORDERS["authorize"], "POST /preauthorization/initialize", PAGE | {"currency": "ZAR"}),
    Asked(
        ORDERS["capture"],
        "POST /preauthorization/capture",
        {"reference": "auth1", "amount": 5000, "currency": "ZAR"},
    ),
    Asked(ORDERS["void"], "POST /preauthorization/release", {"reference": "auth1"}),
    Asked(ORDERS["refund"], "POST /refund", BACK),
    # Without an id it names the reference.
    Asked(
        Refund("r1", Money(1, "NGN"), Handle("k1")),
        "POST /refund",
        {"transaction": "k1", "amount": 1, "currency": "NGN", "merchant_note": "#r1"},
    ),
    Asked(Lookup("k/1", CHARGE), "GET /transaction/verify/k%2F1"),
    Asked(Lookup("k1", AUTHORIZE), "GET /preauthorization/k1"),
    Asked(Lookup("c1", CAPTURE, parent=AUTHORIZED), "GET /preauthorization/auth1"),
    Asked(Lookup("v1", VOID, parent=AUTHORIZED), "GET /preauthorization/auth1"),
    Asked(Lookup("r1", REFUND, Handle("77"), PAID), "GET /refund/77"),
    Asked(Lookup("r1", REFUND, parent=PAID), "GET /refund?transaction=302961&perPage=100"),
    Asked(Lookup("r1", REFUND), "GET /refund?perPage=100"),
]
REFUSED: list[tuple[Order, type[Exception]]] = [
    *((charge(Money(100, currency)), UnsupportedCurrency) for currency in ("AED", "KWD", "JPY")),
    # No page without the payer's mail address.
    *((charge(customer=customer), NotSupported) for customer in ({}, {"email": "Amal"})),
    # Cards are reserved in rand only.
    (charge(kind=AUTHORIZE), UnsupportedCurrency),
]
WRITTEN = [
    (Money(10000, "NGN"), "10000"),
    (Money(1999, "USD"), "1999"),
    (Money(150, "XOF"), "15000"),
    (Money(250000, "KES"), "250000"),
]


def orders_of(money: Money) -> list[Order]:
    return [charge(money), Refund("r1", money, PAID)]


def amount_in(request: WireRequest) -> str:
    return str(read(request)["amount"])


def repeating(money: Money, text: str) -> tuple[Order, Any]:
    told = transaction(amount=int(text), currency=money.currency, requested_amount=None)
    return Lookup("k1", CHARGE), ok(told)
