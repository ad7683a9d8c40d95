"""What every answer of Paystack's means."""

from typing import Any

from hypothesis import strategies as st

from payments.gateways.messages import GatewayResult, Handle, Lookup, Order
from payments.gateways.paystack_facts import STATUSES
from payments.money import Money
from payments.statuses import FailureCode, Outcome
from tests.contracts.cases.paystack.words import (
    AUTHORIZE,
    AUTHORIZED,
    CAPTURE,
    CAPTURED,
    CHARGE,
    ORDERS,
    PAID,
    REFUND,
    VOID,
    answered,
    charge,
    dispute,
    ok,
    refund,
    reservation,
    transaction,
)
from tests.contracts.shape import General, Told

FOUND = Lookup("k1", CHARGE)


def no(message: str = "no", code: str = "invalid_params", kind: str = "validation_error") -> Any:
    return {"status": False, "message": message, "type": kind, "code": code, "meta": {}}


PAGE = {"authorization_url": "https://pay/x", "access_code": "x", "reference": "k1"}
GENERAL = [
    General(400, no(), Outcome.DECLINED),
    General(404, no(code="not_found"), Outcome.DECLINED),
    General(422, {"status": False, "message": "no"}, Outcome.DECLINED),
    General(400, no("Duplicate Transaction Reference", "duplicate_reference"), Outcome.UNKNOWN),
    General(400, no(kind="processor_error"), Outcome.UNKNOWN),
    General(400, no(kind="api_error"), Outcome.UNKNOWN),
    General(401, no(code="invalid_Key"), Outcome.NOT_SENT),
    General(400, no(code="invalid_Key"), Outcome.NOT_SENT),
    General(429, {"status": False, "message": "slow down"}, Outcome.NOT_SENT),
    General(403, no(), Outcome.UNKNOWN),
    General(500, no(), Outcome.UNKNOWN),
    General(200, no(), Outcome.UNKNOWN),
    General(502, b"<html>Bad gateway</html>", Outcome.UNKNOWN),
    General(400, b"<html>Who are you?</html>", Outcome.UNKNOWN),
    General(200, b"<html>Login</html>", Outcome.UNKNOWN),
    General(200, b'{"status": true, "da', Outcome.UNKNOWN),
    General(200, b"", Outcome.UNKNOWN),
    General(200, [], Outcome.UNKNOWN),
    General(200, ok(None), Outcome.UNKNOWN),
    General(200, ok({}), Outcome.UNKNOWN),
    General(200, ok([]), Outcome.UNKNOWN),
    General(200, {"status": "true", "data": PAGE}, Outcome.UNKNOWN),
]
OPEN = {"reference": "k1", "redirect_url": "https://pay/x"}
PAGES = [
    *(
        Told(ORDERS[n], 200, ok(PAGE), Outcome.ACTION_REQUIRED, OPEN)
        for n in ("charge", "authorize")
    ),
    # No page, or somebody else's.
    *(
        Told(charge(), 200, ok(PAGE | facts), Outcome.UNKNOWN)
        for facts in (
            {"authorization_url": "javascript:alert(1)"},
            {"authorization_url": None},
            {"reference": "somebody else's"},
        )
    ),
]
BY_CAPTURE = {"reference": "302961", "parent_reference": "auth1", "ids": {"transaction": "302961"}}
RELEASE = {"id": 507, "status": "released", "reference": "auth1"}
OF_PAID = {"reference": "77", "parent_reference": "k1"}
EFFECTS = [
    *(
        Told(
            ORDERS["capture"],
            200,
            ok(transaction(status=word, reference="auth1", amount=5000, currency="ZAR")),
            outcome,
            BY_CAPTURE | {"kind": CAPTURE, "money": CAPTURED},
        )
        for word, outcome in [
            ("success", Outcome.SUCCEEDED),
            ("failed", Outcome.DECLINED),
            ("pending", Outcome.PENDING),
            ("ongoing", Outcome.PENDING),
            ("authorized", Outcome.UNKNOWN),
            ("dancing", Outcome.PENDING),
        ]
    ),
    Told(
        ORDERS["void"],
        200,
        ok(RELEASE),
        Outcome.SUCCEEDED,
        {
            "kind": VOID,
            "money": Money(10000, "ZAR"),
            "reference": "507",
            "parent_reference": "auth1",
        },
    ),
    *(
        Told(
            ORDERS["refund"],
            200,
            ok(refund(status=word)),
            outcome,
            OF_PAID | {"kind": REFUND, "money": Money(5000, "NGN"), "takes_back": word == "failed"},
        )
        for word, outcome in [
            ("pending", Outcome.PENDING),
            ("processing", Outcome.PENDING),
            ("needs-attention", Outcome.PENDING),
            ("processed", Outcome.SUCCEEDED),
            ("failed", Outcome.DECLINED),
        ]
    ),
]


def by_word(kind: Any, word: str) -> Any:
    bodies = {CHARGE: transaction(status=word), REFUND: refund(status=word)}
    return ok(bodies.get(kind, reservation(status=word)))


def said(kind: Any, word: str, outcome: Outcome) -> Told:
    lookup = Lookup("auth1" if kind is AUTHORIZE else "k1", kind, Handle("77"), AUTHORIZED)
    said_no = outcome is Outcome.DECLINED or word == "failed"
    facts = {"kind": kind, "unlisted_word": "", "has_failed": said_no}
    return Told(lookup, 200, by_word(kind, word), outcome, facts)


WORDS = [said(kind, word, told) for kind, table in STATUSES.items() for word, told in table.items()]
DECLINES = [
    Told(
        FOUND,
        200,
        ok(transaction(status="failed", gateway_response=reason)),
        STATUSES[CHARGE]["failed"],
        {"failure": code},
    )
    for reason, code in [
        ("Declined", FailureCode.CARD_DECLINED),
        ("Insufficient Funds", FailureCode.INSUFFICIENT_FUNDS),
        ("3DS Authentication failed", FailureCode.AUTHENTICATION_FAILED),
        ("Incorrect PIN", FailureCode.AUTHENTICATION_FAILED),
        (None, FailureCode.CARD_DECLINED),
    ]
]
BACK_AGAIN = [
    Told(FOUND, 200, ok(transaction(status="reversed")), Outcome.DECLINED, {"takes_back": True}),
    Told(
        Lookup("auth1", AUTHORIZE),
        200,
        ok(reservation(status="released")),
        Outcome.DECLINED,
        {"takes_back": True},
    ),
]
_AMOUNTS: list[Any] = [
    ({}, Money(10000, "NGN")),
    ({"amount": 40333, "requested_amount": 30050}, Money(30050, "NGN")),
    ({"amount": 5000, "requested_amount": 10000}, Money(5000, "NGN")),
    ({"amount": "10000", "requested_amount": None}, Money(10000, "NGN")),
    ({"currency": "XOF"}, Money(100, "XOF")),
    ({"currency": "XOF", "amount": 10050, "requested_amount": None}, None),
    ({"amount": 100.5}, None),
    ({"amount": 100.0, "requested_amount": None}, Money(100, "NGN")),
    ({"amount": -1}, None),
    ({"amount": True}, None),
    ({"amount": "NaN"}, None),
    ({"amount": "1e999999"}, None),
    ({"amount": "1e999990"}, None),
    ({"amount": [1]}, None),
    ({"currency": "???"}, None),
    ({"currency": None}, None),
]
# What was paid, without the fee on top.
AMOUNTS = [
    Told(FOUND, 200, ok(transaction(**facts)), Outcome.SUCCEEDED, {"money": money})
    for facts, money in _AMOUNTS
]
NOT_FOUND = no("Transaction reference not found.", "transaction_not_found")
GONE = {"status": False, "message": "Transaction reference not found"}
LOOKUPS = [
    Told(
        FOUND,
        200,
        ok(transaction()),
        Outcome.SUCCEEDED,
        {"reference": "k1", "payment_method": "card", "ids": {"transaction": "302961"}},
    ),
    *(
        Told(FOUND, status, body, outcome)
        for status, body, outcome in [
            (200, ok(transaction(status="abandoned")), Outcome.ACTION_REQUIRED),
            (200, ok(transaction(status="ongoing")), Outcome.ACTION_REQUIRED),
            (400, NOT_FOUND, Outcome.NOT_SENT),
            (404, GONE, Outcome.NOT_SENT),
            (400, no(), Outcome.UNKNOWN),
            (401, no(code="invalid_Key"), Outcome.UNKNOWN),
            (429, no(), Outcome.UNKNOWN),
            (500, NOT_FOUND, Outcome.UNKNOWN),
            (404, b"<html>not found</html>", Outcome.UNKNOWN),
            (200, NOT_FOUND, Outcome.UNKNOWN),
            (200, ok(transaction(reference="somebody else's")), Outcome.UNKNOWN),
            (200, ok([transaction()]), Outcome.UNKNOWN),
            (200, ok(transaction(status=None)), Outcome.UNKNOWN),
            (200, b'{"status": true, "data": {"status": "succ', Outcome.UNKNOWN),
        ]
    ),
    # A capture is found at its reservation.
    Told(
        Lookup("c1", CAPTURE, parent=AUTHORIZED),
        200,
        ok(reservation(status="captured", captured_amount="5000", transaction_id="1504264401")),
        Outcome.SUCCEEDED,
        {"money": CAPTURED, "reference": "1504264401"},
    ),
    # A parent that is not found says nothing of its child.
    *(
        Told(Lookup("x1", kind, Handle("77"), AUTHORIZED), 400, NOT_FOUND, Outcome.UNKNOWN)
        for kind in (CAPTURE, VOID, REFUND)
    ),
]
OUR_REFUND = Lookup("r1", REFUND, parent=PAID)
NAMELESS = ok([refund(merchant_note=None), 7, None])
FULL = ok([refund(merchant_note="#other")] * 100)
BY_HAND = refund(merchant_note="Refund for transaction k1 by a@b.test")
# A refund is found by the note that bears our key.
LISTS = [
    Told(OUR_REFUND, 200, ok([refund(status="processed")]), Outcome.SUCCEEDED),
    Told(OUR_REFUND, 200, ok([refund(merchant_note="#r2"), refund()]), Outcome.PENDING),
    Told(OUR_REFUND, 200, ok([BY_HAND]), Outcome.NOT_SENT),
    Told(OUR_REFUND, 200, NAMELESS, Outcome.UNKNOWN),
    Told(OUR_REFUND, 200, ok([]), Outcome.NOT_SENT),
    Told(OUR_REFUND, 200, FULL, Outcome.UNKNOWN),
]
TOLD = [*PAGES, *EFFECTS, *WORDS, *DECLINES, *BACK_AGAIN, *AMOUNTS, *LOOKUPS, *LISTS]
UNDECIDED = [(OUR_REFUND, NAMELESS), (OUR_REFUND, FULL)]
LISTED = frozenset(word for table in STATUSES.values() for word in table)


def saying(word: str) -> list[GatewayResult]:
    return [
        answered(FOUND, 200, by_word(CHARGE, word)),
        answered(ORDERS["refund"], 200, by_word(REFUND, word)),
        answered(Lookup("auth1", AUTHORIZE), 200, by_word(AUTHORIZE, word)),
    ]


NAMES = [
    *("event", "data", "status", "message", "code", "authorization_url"),
    *transaction(),
    *reservation(),
    *refund(),
    *dispute(),
]
_WORDS = ["success", "captured", "processed", "k1", "NGN", "charge.success"]
ODD = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9)
    | st.sampled_from(_WORDS),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    | st.dictionaries(st.just("data"), inner),
)  # fmt: skip


def says_yes(order: Order, status: int, body: Any) -> bool:
    return status == 200 and isinstance(body, dict) and body.get("status") is True
