"""Paystack's objects, and our orders, as its contract tests need them."""

from datetime import timedelta
from typing import Any

from payments.gateways.messages import Capture, Charge, GatewayResult, Handle, Order, Refund, Void
from payments.gateways.paystack import API, Paystack
from payments.money import Money
from payments.statuses import OperationKind
from tests.contracts.vectors import result_of

KEY = "sk_test_TESTONLY_0001"
CHARGE, AUTHORIZE = OperationKind.CHARGE, OperationKind.AUTHORIZE
CAPTURE, VOID, REFUND = OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND


def paystack(*secrets: str) -> Paystack:
    return Paystack(KEY, secrets or (KEY,), API, timedelta(seconds=30), timedelta(seconds=120))


def charge(money: Money = Money(10000, "NGN"), **facts: Any) -> Charge:
    usual: dict[str, Any] = {
        "key": "k1",
        "kind": CHARGE,
        "description": "Order 1",
        "return_url": "https://us/return",
        "callback_url": "https://us/hook",
        "customer": {"email": "a@b.test"},
    }
    return Charge(money=money, **(usual | facts))


AUTHORIZED = Handle("auth1")
PAID = Handle("k1", {"transaction": "302961"})
CAPTURED = Money(5000, "ZAR")
ORDERS: dict[str, Order] = {
    "charge": charge(),
    "authorize": charge(Money(10000, "ZAR"), kind=AUTHORIZE),
    "capture": Capture("c1", CAPTURED, AUTHORIZED),
    "void": Void("v1", Money(10000, "ZAR"), AUTHORIZED),
    "refund": Refund("r1", Money(5000, "NGN"), PAID, reason="returned"),
}


def ok(data: Any) -> dict[str, Any]:
    return {"status": True, "message": "fine", "data": data}


def answered(order: Order, status: int, body: Any) -> GatewayResult:
    return result_of(paystack(), order, status, body)


def transaction(**facts: Any) -> dict[str, Any]:
    return {
        "id": 302961,
        "status": "success",
        "reference": "k1",
        "amount": 10000,
        "requested_amount": 10000,
        "currency": "NGN",
        "channel": "card",
        "gateway_response": "said so",
        "metadata": "",
    } | facts


def reservation(**facts: Any) -> dict[str, Any]:
    return {
        "id": 3099,
        "status": "authorized",
        "reference": "auth1",
        "amount": 10000,
        "captured_amount": None,
        "transaction_id": None,
        "currency": "ZAR",
        "authorization": {"channel": "card"},
    } | facts


def refund(**facts: Any) -> dict[str, Any]:
    return {
        "id": 77,
        "status": "pending",
        "amount": 5000,
        "currency": "NGN",
        "merchant_note": "#r1 returned",
        "transaction": {"id": 302961, "reference": "k1"},
    } | facts


def dispute(**facts: Any) -> dict[str, Any]:
    return {
        "id": 358950,
        "refund_amount": 5800,
        "currency": "NGN",
        "status": "awaiting-merchant-feedback",
        "resolution": None,
        "transaction": transaction(),
        "category": "chargeback",
        "dueAt": "2020-11-25T18:00:00.000Z",
    } | facts
