"""Flutterwave's objects, and our orders, as its contract tests need them."""

from datetime import timedelta
from typing import Any

from payments.gateways.flutterwave import API, Flutterwave
from payments.gateways.messages import Charge, DisputeLookup, GatewayResult, Handle, Order, Refund
from payments.money import Money
from payments.statuses import OperationKind
from tests.contracts.vectors import result_of

KEY = "FLWSECK_TEST-0001-X"
HASH = "flw-secret-hash-TESTONLY"
CHARGE, REFUND = OperationKind.CHARGE, OperationKind.REFUND


def flutterwave(*secrets: str) -> Flutterwave:
    return Flutterwave(KEY, secrets or (HASH,), API, timedelta(seconds=30), timedelta(seconds=120))


def charge(money: Money = Money(250000, "NGN"), **facts: Any) -> Charge:
    usual: dict[str, Any] = {
        "key": "k1",
        "kind": CHARGE,
        "description": "Order 1",
        "return_url": "https://us/return",
        "callback_url": "https://us/hook",
        "customer": {"email": "a@b.test", "phone": "0801", "id": "7"},
    }
    return Charge(money=money, **(usual | facts))


PAID = Handle("k1", {"transaction": "8415006"})
REFUNDED = Money(100050, "NGN")
ORDERS: dict[str, Order] = {
    "charge": charge(),
    "refund": Refund("r1", REFUNDED, PAID, reason="returned"),
}


def ok(data: Any) -> dict[str, Any]:
    return {"status": "success", "message": "fine", "data": data}


def listed(*entries: Any, pages: int = 1) -> dict[str, Any]:
    return ok(list(entries)) | {"meta": {"page_info": {"total_pages": pages}}}


def no(message: str = "no") -> dict[str, Any]:
    return {"status": "error", "message": message, "data": None}


def answered(order: Order, status: int, body: Any) -> GatewayResult:
    return result_of(flutterwave(), order, status, body)


def transaction(**facts: Any) -> dict[str, Any]:
    return {
        "id": 8415006,
        "tx_ref": "k1",
        "flw_ref": "FLW-MOCK-1",
        "amount": 2500,
        "charged_amount": 2535,
        "currency": "NGN",
        "processor_response": "said so",
        "status": "successful",
        "payment_type": "card",
    } | facts


def refund(**facts: Any) -> dict[str, Any]:
    return {
        "id": 8612,
        "tx_id": 8415006,
        "flw_ref": "URF_1",
        "amount_refunded": 1000.5,
        "status": "completed",
        "comments": "#r1 returned",
    } | facts


CONTESTED = Handle("k1", {"transaction": "8415006", "flw_ref": "FLW-MOCK-1"})


def contested(reference: str = "7", charge: Handle = CONTESTED) -> DisputeLookup:
    return DisputeLookup(reference, "k1", charge, Money(250000, "NGN"))


def chargeback(**facts: Any) -> dict[str, Any]:
    """As v3 lists it: in the currency of its charge, which it does not name."""
    usual = {"id": 7, "amount": 2500, "status": "lost", "flw_ref": "FLW-MOCK-1"}
    return usual | {"tx_ref": "k1", "transaction_id": 8415006} | facts
