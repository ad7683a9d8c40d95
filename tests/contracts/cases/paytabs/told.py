"""What every answer of PayTabs' means."""

import json
from typing import Any

from hypothesis import strategies as st

from payments.gateways.messages import GatewayResult, Handle, Lookup, Order, Refund
from payments.money import Money
from payments.statuses import FailureCode, Outcome
from tests.contracts.cases.paytabs.words import K, answered, charge, paytabs, transaction
from tests.contracts.shape import General, Told

DUPLICATE = {"code": 4, "message": "Duplicate Request", "trace": "P"}
GENERAL = [
    General(400, {"code": 206, "message": "Invalid currency code", "trace": "P"}, Outcome.DECLINED),
    General(401, {"code": 1, "message": "Authentication failed", "trace": "P"}, Outcome.NOT_SENT),
    General(409, DUPLICATE, Outcome.UNKNOWN),
    General(500, {"message": "oops"}, Outcome.UNKNOWN),
    General(429, {"message": "slow down"}, Outcome.NOT_SENT),
    General(429, {"code": 2, "message": "slow down"}, Outcome.NOT_SENT),
    General(400, {"code": 400, "message": "internal"}, Outcome.UNKNOWN),
    General(400, {"code": 600, "message": "pending"}, Outcome.UNKNOWN),
    General(403, {"code": 9, "message": "firewall"}, Outcome.UNKNOWN),
    General(404, {"code": 9, "message": "moved"}, Outcome.UNKNOWN),
    General(502, b"<html>Bad gateway</html>", Outcome.UNKNOWN),
    General(200, b"<html>Login</html>", Outcome.UNKNOWN),
    General(200, b'{"tran_ref": "TST', Outcome.UNKNOWN),
    General(200, b"", Outcome.UNKNOWN),
    General(200, b"\xff\xfe\x00", Outcome.UNKNOWN),
    General(200, [], Outcome.UNKNOWN),
    General(200, {"tran_ref": "TST1"}, Outcome.UNKNOWN),
    General(200, {"tran_ref": "TST1", "redirect_url": "javascript:alert(1)"}, Outcome.UNKNOWN),
    General(200, {"redirect_url": "https://pay/x"}, Outcome.UNKNOWN),
]
PAGE = {"tran_ref": "TST1", "redirect_url": "https://pay/x"}
OPEN = {"reference": "TST1", "redirect_url": "https://pay/x"}
PAGES = [
    Told(charge(), 200, PAGE, Outcome.ACTION_REQUIRED, OPEN),
    # Code zero is no error.
    Told(charge(), 200, PAGE | {"code": 0}, Outcome.ACTION_REQUIRED, OPEN),
]
FOLLOW_UPS = [
    row
    for tran_type, status, outcome in [
        ("Refund", "A", Outcome.SUCCEEDED),
        ("Refund", "P", Outcome.PENDING),
        ("Refund", "D", Outcome.DECLINED),
        ("Refund", "E", Outcome.DECLINED),
        ("Capture", "A", Outcome.SUCCEEDED),
        ("Capture", "D", Outcome.DECLINED),
        ("Void", "A", Outcome.SUCCEEDED),
        ("Void", "V", Outcome.SUCCEEDED),
        ("Release", "V", Outcome.SUCCEEDED),
        ("Void", "E", Outcome.DECLINED),
    ]
    for told in [transaction(status, tran_type=tran_type, cart_id="k2", previous_tran_ref="TST0")]
    for row in [
        Told(Refund("k2", Money(12550, "AED"), Handle("TST0")), 200, told, outcome),
        Told(
            Lookup("k2", K({"Release": "void"}.get(tran_type, tran_type.lower()))),
            200,
            [told],
            outcome,
        ),
        Told(Lookup("k2", K.CHARGE), 200, [told], Outcome.UNKNOWN),
    ]
]
UNPAID = {name: value for name, value in transaction().items() if name != "payment_result"}
FOUND = Lookup("k1", K.CHARGE)
REFUNDED = [transaction(tran_type="Refund")]
CARTS = [
    *(
        Told(FOUND, status, body, outcome)
        for status, body, outcome in [
            (200, [], Outcome.NOT_SENT),
            (200, [transaction()], Outcome.SUCCEEDED),
            (200, [transaction("D"), transaction("A")], Outcome.SUCCEEDED),
            (200, [transaction("A"), transaction("D")], Outcome.SUCCEEDED),
            (200, [transaction("D", "316")], Outcome.DECLINED),
            (200, [UNPAID], Outcome.ACTION_REQUIRED),
            (400, {"code": 2, "message": "Invalid request"}, Outcome.ACTION_REQUIRED),
            (400, {"code": 400, "message": "Internal"}, Outcome.UNKNOWN),
            (409, {"code": 4, "message": "Duplicate"}, Outcome.UNKNOWN),
            (429, {"code": 2, "message": "Slow down"}, Outcome.UNKNOWN),
            (200, [transaction("H")], Outcome.PENDING),
            (200, [transaction("P", tran_type="Payment Request")], Outcome.PENDING),
            (200, [transaction(cart_id="somebody else's")], Outcome.UNKNOWN),
            (200, REFUNDED, Outcome.UNKNOWN),
            (200, [transaction(tran_type="Capture")], Outcome.UNKNOWN),
            (200, transaction(), Outcome.SUCCEEDED),
            (500, [transaction()], Outcome.UNKNOWN),
            (404, b"<html>not here</html>", Outcome.UNKNOWN),
            (401, {"code": 1, "message": "Authentication failed"}, Outcome.UNKNOWN),
            (200, b"<html>", Outcome.UNKNOWN),
            (200, [None, 1, "x"], Outcome.UNKNOWN),
        ]
    ),
    # A cart that was paid twice names every further transaction.
    Told(
        FOUND,
        200,
        [transaction(tran_ref=f"TST{n}") for n in (1, 2, 3)],
        Outcome.SUCCEEDED,
        {"reference": "TST1", "also_taken": ("TST2", "TST3")},
    ),
]
TOLD = [*PAGES, *FOLLOW_UPS, *CARTS]
UNDECIDED = [(FOUND, REFUNDED)]
# A word and a code, the outcome and why.
WORDS = [
    ("A", "G1", Outcome.SUCCEEDED, None),
    ("A", "316", Outcome.SUCCEEDED, None),
    ("H", "", Outcome.PENDING, None),
    ("P", "600", Outcome.PENDING, None),
    ("D", "300", Outcome.DECLINED, FailureCode.CARD_DECLINED),
    ("D", "316", Outcome.DECLINED, FailureCode.INSUFFICIENT_FUNDS),
    ("D", "310", Outcome.DECLINED, FailureCode.AUTHENTICATION_FAILED),
    ("D", "345", Outcome.DECLINED, FailureCode.AUTHENTICATION_FAILED),
    ("E", "400", Outcome.DECLINED, FailureCode.PROVIDER_ERROR),
    ("X", "", Outcome.DECLINED, FailureCode.EXPIRED),
    ("C", "321", Outcome.DECLINED, FailureCode.CANCELLED_BY_PAYER),
    ("V", "", Outcome.DECLINED, FailureCode.CANCELLED_BY_PAYER),
]


def saying(word: str) -> list[GatewayResult]:
    (event,) = paytabs().events_in(json.dumps(transaction(word)).encode())
    assert event.result
    refund = Refund("k2", Money(12550, "AED"), Handle("TST0"))
    return [event.result, answered(refund, 200, transaction(word, tran_type="Refund"))]


ODD = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*transaction(), "code", "redirect_url"]), inner, max_size=6
        )
    ),
)


def says_yes(order: Order, status: int, body: Any) -> bool:
    return isinstance(body, list) or isinstance(body.get("payment_result"), dict)
