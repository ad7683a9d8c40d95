"""What PayTabs is asked: an order a request."""

import json
from typing import Any

from payments.gateways.messages import Capture, Handle, Lookup, Order, Refund, Void
from payments.gateways.wire import WireRequest
from payments.money import Money
from tests.contracts.cases.paytabs.words import ORDERS, OURS, PAID, SOME, K, charge, transaction
from tests.contracts.shape import Asked

LOOKUPS = [Lookup("k1", kind, Handle("TST1"), PAID) for kind in K]


def read(request: WireRequest) -> Any:
    return json.loads(request.body, parse_float=str) if request.body else None


PAGE = {
    "profile_id": 100001,
    "tran_type": "sale",
    "tran_class": "ecom",
    "cart_id": OURS,
    "cart_currency": "AED",
    "cart_amount": "125.50",
    "cart_description": "Order 1",
    "callback": "https://us/hook",
    "return": "https://us/return",
    "hide_shipping": True,
}
REQUEST = "POST /payment/request"


def page(order: Order, **changes: Any) -> Asked:
    return Asked(order, REQUEST, PAGE | changes)


def follow_up(tran_type: str) -> Asked:
    """It names its parent and bears a key of its own."""
    body = {
        "profile_id": 100001,
        "tran_type": tran_type,
        "tran_class": "ecom",
        "tran_ref": "TST1",
        "cart_id": "k2",
        "cart_currency": "AED",
        "cart_description": f"{tran_type} of TST1",
        "cart_amount": "25.50",
    }
    return Asked(ORDERS[tran_type], REQUEST, body)


REQUESTS = [
    page(
        charge(language="ar-AE", customer={"email": "a@b.test", "id": "7"}),
        paypage_lang="ar",
        customer_details={"email": "a@b.test"},
    ),
    page(charge(kind=K.AUTHORIZE), tran_type="auth"),
    page(charge(description=""), cart_description=OURS),
    page(charge(description="x" * 500), cart_description="x" * 128),
    follow_up("capture"),
    follow_up("void"),
    follow_up("refund"),
    # What a capture left is released.
    Asked(
        Void("k2", SOME, PAID, is_rest=True),
        REQUEST,
        follow_up("void").body | {"tran_type": "release"},
    ),
    # By our own key, for only the cart names all its transactions.
    Asked(
        Lookup("k1", K.CHARGE, Handle("TST1")),
        "POST /payment/query",
        {"profile_id": 100001, "cart_id": "k1"},
    ),
]
WRITTEN = [
    (Money(12550, "AED"), "125.50"),
    (Money(1200, "JPY"), "1200"),
    (Money(3125, "KWD"), "3.125"),
    (Money(99_999_999_999_999_999, "AED"), "999999999999999.99"),
]


def orders_of(money: Money) -> list[Order]:
    later: list[Order] = [make("k2", money, PAID) for make in (Capture, Void, Refund)]
    return [charge(money), *later]


def amount_in(request: WireRequest) -> str:
    """Digit by digit, as it is written."""
    return request.body.decode().rsplit('"cart_amount": ', 1)[1].rstrip("}")


def repeating(money: Money, text: str) -> tuple[Order, Any]:
    told = transaction(tran_currency=money.currency, tran_total=text)
    return Lookup("k1", K.CHARGE), [told]
