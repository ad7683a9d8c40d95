"""PayTabs' transactions, and our orders, as its contract tests need them."""

from datetime import timedelta
from typing import Any

from payments.gateways.messages import Capture, Charge, GatewayResult, Handle, Order, Refund, Void
from payments.gateways.paytabs import REGIONS, PayTabs
from payments.money import Money
from payments.statuses import OperationKind
from tests.contracts.vectors import result_of

KEY = "STESTONLY01-TESTONLYKEY02-TESTONLY03"
OURS = "k" * 32
K = OperationKind
MONEY, SOME = Money(12550, "AED"), Money(2550, "AED")


def paytabs(key: str = KEY) -> PayTabs:
    return PayTabs(100001, key, REGIONS["ARE"], timedelta(seconds=30), timedelta(seconds=120))


def charge(money: Money = MONEY, **facts: Any) -> Charge:
    usual: dict[str, Any] = {
        "key": OURS,
        "kind": K.CHARGE,
        "description": "Order 1",
        "return_url": "https://us/return",
        "callback_url": "https://us/hook",
    }
    return Charge(money=money, **(usual | facts))


PAID = Handle("TST1")
ORDERS: dict[str, Order] = {
    "charge": charge(),
    "authorize": charge(kind=K.AUTHORIZE),
    "capture": Capture("k2", SOME, PAID),
    "void": Void("k2", SOME, PAID),
    "refund": Refund("k2", SOME, PAID),
}


def answered(order: Order, status: int, body: Any) -> GatewayResult:
    return result_of(paytabs(), order, status, body)


def transaction(status: str = "A", code: str = "G1", **facts: Any) -> dict[str, Any]:
    return {
        "tran_ref": "TST1",
        "profile_id": 100001,
        "cart_id": "k1",
        "cart_currency": "AED",
        "cart_amount": "125.50",
        "tran_currency": "AED",
        "tran_total": "125.50",
        "tran_type": "Sale",
        "payment_result": {
            "response_status": status,
            "response_code": code,
            "response_message": "said so",
        },
        "payment_info": {"payment_method": "Visa"},
    } | facts
