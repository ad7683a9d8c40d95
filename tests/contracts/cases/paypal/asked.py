"""What PayPal is asked: an order a request."""

import json
from typing import Any
from urllib.parse import quote

from payments.errors import InvalidAmount, NotSupported, UnsupportedCurrency
from payments.gateways.messages import Capture, DisputeLookup, Handle, Lookup, Order, Refund, Void
from payments.gateways.paypal.words import WHOLE_CURRENCIES
from payments.gateways.wire import WireRequest
from payments.money import Money
from tests.contracts.cases.paypal.words import (
    AUTHORIZE_ORDER,
    CAPTURE,
    CAPTURE_ORDER,
    FIVE,
    ORDER,
    REFUND,
    RESERVED,
    TAKEN,
    VOID,
    K,
    charge,
    of_dispute,
    payment,
)
from tests.contracts.shape import Asked

EFFECTS: dict[str, Order] = {
    "charge": charge(),
    "authorize": charge(kind=K.AUTHORIZE),
    "capture": CAPTURE,
    "void": VOID,
    "refund": REFUND,
}
# What is sent once the payer has approved: the second call of a charge, and of a reservation.
STEPS: list[Order] = [CAPTURE_ORDER, AUTHORIZE_ORDER]
LOOKUPS = [
    Lookup("k1", K.CHARGE, ORDER),
    Lookup("k1", K.AUTHORIZE, ORDER),
    Lookup("k2", K.CAPTURE, parent=RESERVED),
    Lookup("k3", K.VOID, parent=RESERVED),
    Lookup("k4", K.REFUND, parent=TAKEN),
]


def read(request: WireRequest) -> Any:
    """The body; of an effect also that it asks for the whole answer."""
    if request.method == "POST":
        assert request.headers["Prefer"] == "return=representation"
    return json.loads(request.body) if request.body else None


WAYS = {
    "return_url": "https://us/return",
    "cancel_url": "https://us/return",
    "user_action": "PAY_NOW",
    "shipping_preference": "NO_SHIPPING",
}


def page(order: Order, intent: str = "CAPTURE", description: str = "Order 1", **ways: str) -> Asked:
    unit = {
        "custom_id": "k1",
        "description": description,
        "amount": {"currency_code": "USD", "value": "25.00"},
    }
    body = {
        "intent": intent,
        "purchase_units": [unit],
        "payment_source": {"paypal": {"experience_context": WAYS | ways}},
    }
    return Asked(order, "POST /v2/checkout/orders", body)


AMOUNT = {"currency_code": "USD", "value": "5.00"}
BACK = {"amount": AMOUNT, "custom_id": "k4", "invoice_id": "k4"}
REQUESTS = [
    page(charge(language="ar", customer={"email": "a@b.test"}), locale="ar"),
    *(page(charge(language=each)) for each in ("", "english", "en_US", "EN", "\ud800")),
    page(charge(kind=K.AUTHORIZE), intent="AUTHORIZE"),
    page(charge(description=""), description="k1"),
    page(charge(description="x" * 500), description="x" * 127),
    Asked(
        CAPTURE,
        "POST /v2/payments/authorizations/A1/capture",
        {"amount": AMOUNT, "invoice_id": "k2", "final_capture": True},
    ),
    Asked(CAPTURE_ORDER, "POST /v2/checkout/orders/O1/capture", {}),
    Asked(AUTHORIZE_ORDER, "POST /v2/checkout/orders/O1/authorize", {}),
    Asked(VOID, "POST /v2/payments/authorizations/A1/void", {}),
    Asked(REFUND, "POST /v2/payments/captures/C1/refund", BACK | {"note_to_payer": "Too big"}),
    Asked(Refund("k4", FIVE, Handle("C9")), "POST /v2/payments/captures/C9/refund", BACK),
    *(
        Asked(lookup, f"GET /v2{path}")
        for lookup, path in [
            (Lookup("k1", K.CHARGE, ORDER), "/checkout/orders/O1"),
            (Lookup("k1", K.AUTHORIZE, Handle("O1")), "/checkout/orders/O1"),
            (Lookup("k1", K.CHARGE), "/checkout/orders/k1"),
            (Lookup("k2", K.CAPTURE, Handle("C2"), RESERVED), "/checkout/orders/O1"),
            (Lookup("k2", K.CAPTURE, parent=RESERVED), "/checkout/orders/O1"),
            (Lookup("k3", K.VOID, parent=RESERVED), "/payments/authorizations/A1"),
            (Lookup("k4", K.REFUND, Handle("R1"), TAKEN), "/payments/refunds/R1"),
            (Lookup("k4", K.REFUND, parent=TAKEN), "/checkout/orders/O1"),
            (Lookup("a/b?c", K.CHARGE), f"/checkout/orders/{quote('a/b?c', safe='')}"),
        ]
    ),
]
REFUSED: list[tuple[Order, type[Exception]]] = [
    (order, NotSupported)
    for order in (
        Void("k", FIVE, ORDER),
        Refund("k", FIVE, Handle()),
        Capture("k", FIVE, Handle()),
        Lookup("k", K.VOID),
        Lookup("k", K.REFUND),
    )
]
WRITTEN = [
    (Money(2500, "USD"), "25.00"),
    (Money(1, "USD"), "0.01"),
    (Money(1200, "JPY"), "1200"),
    (Money(120000, "HUF"), "1200"),
    (Money(5000, "TWD"), "50"),
    (Money(99_999_999_999_999_999, "EUR"), "999999999999999.99"),
]
TOO_FINE: list[tuple[Money, type[Exception]]] = [
    (Money(120050, "HUF"), InvalidAmount),
    (Money(5050, "TWD"), InvalidAmount),
    (Money(0, "USD"), InvalidAmount),
    (Money(-5, "USD"), InvalidAmount),
    (Money(1000, "AED"), UnsupportedCurrency),
    (Money(1000, "KWD"), UnsupportedCurrency),
]


def orders_of(money: Money) -> list[Order]:
    return [charge(money), Capture("k", money, RESERVED), Refund("k", money, TAKEN)]


def _amount(request: WireRequest) -> dict[str, str]:
    body = read(request)
    amount: dict[str, str] = body.get("amount") or body["purchase_units"][0]["amount"]
    return amount


def amount_in(request: WireRequest) -> str:
    return _amount(request)["value"]


def repeating(money: Money, text: str) -> tuple[Order, Any]:
    return REFUND, payment(amount={"currency_code": money.currency, "value": text})


def step(currency: str) -> int:
    return 100 if currency in WHOLE_CURRENCIES - {"JPY"} else 1


DISPUTES: list[tuple[DisputeLookup, str | None]] = [
    (of_dispute("PP-D/1"), "GET /v1/customer/disputes/PP-D%2F1"),
    (of_dispute(""), None),
]
