"""What every answer of Flutterwave's means."""

from typing import Any

from hypothesis import strategies as st

from payments.gateways.flutterwave_facts import STATUSES
from payments.gateways.messages import GatewayResult, Lookup, Order
from payments.money import Money
from payments.statuses import FailureCode, Outcome
from tests.contracts.cases.flutterwave.words import (
    CHARGE,
    ORDERS,
    PAID,
    REFUND,
    REFUNDED,
    answered,
    charge,
    listed,
    no,
    ok,
    refund,
    transaction,
)
from tests.contracts.shape import General, Told

FOUND = Lookup("k1", CHARGE)
PAGE = {"link": "https://pay/x"}
GENERAL = [
    General(400, no(), Outcome.DECLINED),
    General(404, no(), Outcome.DECLINED),
    General(422, no(), Outcome.DECLINED),
    General(401, no("Invalid authorization key"), Outcome.NOT_SENT),
    General(403, no(), Outcome.NOT_SENT),
    General(429, no("slow down"), Outcome.NOT_SENT),
    General(403, b"<html>Forbidden</html>", Outcome.UNKNOWN),
    General(400, {"message": "no"}, Outcome.UNKNOWN),
    General(409, no(), Outcome.UNKNOWN),
    General(500, no(), Outcome.UNKNOWN),
    General(200, no(), Outcome.UNKNOWN),
    General(502, b"<html>Bad gateway</html>", Outcome.UNKNOWN),
    General(200, b"<html>Login</html>", Outcome.UNKNOWN),
    General(200, b'{"status": "success", "da', Outcome.UNKNOWN),
    General(200, b"", Outcome.UNKNOWN),
    General(200, [], Outcome.UNKNOWN),
    General(200, ok(None), Outcome.UNKNOWN),
    General(200, ok({}), Outcome.UNKNOWN),
    General(200, ok({"link": "javascript:alert(1)"}), Outcome.UNKNOWN),
    General(200, {"status": True, "data": PAGE}, Outcome.UNKNOWN),
]
# A page has no id yet.
OPEN = {"reference": "k1", "redirect_url": "https://pay/x", "ids": {}}
EFFECTS = [
    Told(charge(), 200, ok(PAGE), Outcome.ACTION_REQUIRED, OPEN),
    *(
        Told(
            ORDERS["refund"],
            200,
            ok(refund(status=word)),
            outcome,
            {
                "kind": REFUND,
                "money": REFUNDED,
                "reference": "8612",
                "parent_reference": "8415006",
            },
        )
        for word, outcome in [
            *STATUSES[REFUND].items(),
            ("completed-mpgs", Outcome.SUCCEEDED),
            ("completed-bank-transfer", Outcome.SUCCEEDED),
            ("Completed-Momo", Outcome.SUCCEEDED),
            ("uncompleted", Outcome.PENDING),
            ("failed-mpgs", Outcome.PENDING),
        ]
    ),
]
WORDS = [
    Told(
        FOUND,
        200,
        listed(transaction(status=word)),
        outcome,
        {
            "kind": CHARGE,
            "unlisted_word": "",
            "has_failed": outcome is Outcome.DECLINED or word == "failed",
        },
    )
    for word, outcome in STATUSES[CHARGE].items()
]
DECLINES = [
    Told(
        FOUND,
        200,
        listed(transaction(status="failed", processor_response=said)),
        Outcome.PENDING,
        {"failure": code},
    )
    for said, code in [
        ("Declined", FailureCode.CARD_DECLINED),
        ("Insufficient Funds", FailureCode.INSUFFICIENT_FUNDS),
        ("Incorrect PIN", FailureCode.AUTHENTICATION_FAILED),
        (None, FailureCode.CARD_DECLINED),
    ]
]
_AMOUNTS: list[Any] = [
    ({}, Money(250000, "NGN")),
    ({"amount": "2500.50"}, Money(250050, "NGN")),
    ({"amount": 19.99, "currency": "USD"}, Money(1999, "USD")),
    ({"amount": 1500.0, "currency": "XOF"}, Money(1500, "XOF")),
    ({"amount": 1500.5, "currency": "XOF"}, None),
    ({"amount": 19.999}, None),
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
    Told(FOUND, 200, listed(transaction(**facts)), Outcome.SUCCEEDED, {"money": money})
    for facts, money in _AMOUNTS
]
FAILED = transaction(id=1, status="failed")
BUSY = transaction(id=2, status="pending")
POOR = transaction(id=2, status="failed", processor_response="Insufficient Funds")
THEIRS = transaction(tx_ref="somebody else's")
LOOKUPS = [
    *(
        Told(FOUND, status, body, outcome)
        for status, body, outcome in [
            (200, listed(transaction()), Outcome.SUCCEEDED),
            (200, listed(FAILED, transaction()), Outcome.SUCCEEDED),
            (200, listed(transaction(), FAILED), Outcome.SUCCEEDED),
            (200, listed(FAILED, transaction(status="pending")), Outcome.PENDING),
            (200, listed(FAILED), Outcome.PENDING),
            (200, listed(FAILED, transaction(status="voided")), Outcome.DECLINED),
            (200, listed(), Outcome.NOT_SENT),
            (200, listed(pages=0), Outcome.NOT_SENT),
            (200, ok([]), Outcome.UNKNOWN),
            (200, listed(THEIRS, 7, None), Outcome.NOT_SENT),
            (200, listed(THEIRS, pages=9), Outcome.UNKNOWN),
            (200, listed(transaction(status=None)), Outcome.UNKNOWN),
            (200, ok(None), Outcome.UNKNOWN),
            (200, no(), Outcome.UNKNOWN),
            (400, no("No transaction was found for this id"), Outcome.UNKNOWN),
            (401, no(), Outcome.UNKNOWN),
            (429, no(), Outcome.UNKNOWN),
            (500, listed(transaction()), Outcome.UNKNOWN),
            (200, b"<html>", Outcome.UNKNOWN),
            (200, b'{"status": "success", "data": [{"id', Outcome.UNKNOWN),
        ]
    ),
    # A card that was declined leaves its page open for another.
    Told(
        FOUND,
        200,
        listed(FAILED, POOR),
        Outcome.PENDING,
        {"failure": FailureCode.INSUFFICIENT_FUNDS},
    ),
    Told(
        FOUND,
        200,
        listed(FAILED, BUSY, transaction(id=3, status="failed")),
        Outcome.PENDING,
        {"failure": None},
    ),
    # A page that was paid twice names every further transaction.
    Told(
        FOUND,
        200,
        listed(*(transaction(id=number) for number in (11, 9, 10))),
        Outcome.SUCCEEDED,
        {
            "reference": "k1",
            "ids": {"transaction": "9", "flw_ref": "FLW-MOCK-1"},
            "also_taken": ("10", "11"),
        },
    ),
]
OURS = Lookup("r1", REFUND, parent=PAID, money=REFUNDED)
OTHER = refund(comments="by hand")
NAMELESS = refund(comments=None)
MAYBE = {"money": None}
SURE = {"money": REFUNDED}
# A refund is found by the comment that bears our key.
REFUNDS = [
    Told(OURS, 200, ok(refund()), Outcome.SUCCEEDED, SURE),
    Told(
        OURS, 200, listed(refund(comments="#r2"), refund(status="pending")), Outcome.PENDING, SURE
    ),
    Told(OURS, 200, listed(OTHER), Outcome.NOT_SENT, MAYBE),
    Told(OURS, 200, listed(NAMELESS), Outcome.UNKNOWN, MAYBE),
    Told(OURS, 200, listed(refund(comments=None, tx_id=None)), Outcome.UNKNOWN, MAYBE),
    Told(OURS, 200, listed(refund(comments=None, amount_refunded="?")), Outcome.UNKNOWN, MAYBE),
    Told(OURS, 200, listed(refund(comments=None, tx_id=8415007)), Outcome.NOT_SENT, MAYBE),
    Told(OURS, 200, listed(refund(comments=None, amount_refunded=1000)), Outcome.NOT_SENT, MAYBE),
    Told(OURS, 200, listed(NAMELESS, refund()), Outcome.SUCCEEDED, SURE),
    Told(OURS, 200, listed(OTHER, pages=2), Outcome.UNKNOWN, MAYBE),
    Told(OURS, 200, listed(), Outcome.NOT_SENT, MAYBE),
    Told(OURS, 200, ok([]), Outcome.UNKNOWN, MAYBE),
    Told(OURS, 200, ok([OTHER]), Outcome.UNKNOWN, MAYBE),
]


def page(number: Any, pages: Any, *entries: Any) -> dict[str, Any]:
    info = {"current_page": number, "total_pages": pages}
    return ok(list(entries)) | {"meta": {"page_info": info}}


# They are read page by page until the last.
LISTS = [
    Told(
        Lookup("r1", REFUND, parent=PAID, money=REFUNDED, page=asked),
        200,
        body,
        outcome,
        {"next_page": next_page},
    )
    for asked, body, outcome, next_page in [
        ("", page(1, 3, OTHER), Outcome.UNKNOWN, "2"),
        ("2", page(2, 3, OTHER), Outcome.UNKNOWN, "3"),
        ("3", page(3, 3, OTHER), Outcome.NOT_SENT, ""),
        ("3", page(3, 3, refund()), Outcome.SUCCEEDED, ""),
        ("", page(1, 3, refund(status="pending")), Outcome.PENDING, "2"),
        ("", page(1, 3, refund()), Outcome.SUCCEEDED, ""),
        # The same page again, whatever is asked for: it has no end.
        ("2", page(1, 3, OTHER), Outcome.UNKNOWN, ""),
        ("2", page(1, 1, OTHER), Outcome.UNKNOWN, ""),
        ("", page(1, None, OTHER), Outcome.UNKNOWN, ""),
        ("", page(1, "many", OTHER), Outcome.UNKNOWN, ""),
    ]
]
TOLD = [*EFFECTS, *WORDS, *DECLINES, *AMOUNTS, *LOOKUPS, *REFUNDS, *LISTS]
UNDECIDED = [
    (OURS, listed(NAMELESS)),
    (OURS, ok([OTHER])),
    (OURS, page(1, None, OTHER)),
    (FOUND, ok([])),
]
LISTED = frozenset(word for table in STATUSES.values() for word in table)


def saying(word: str) -> list[GatewayResult]:
    results = [answered(FOUND, 200, listed(transaction(status=word)))]
    is_done = word.lower().startswith("completed-")
    return (
        results if is_done else [*results, answered(ORDERS["refund"], 200, ok(refund(status=word)))]
    )


_NAMES = ["event", "type", "data", "status", "message", "meta", "link", *transaction(), *refund()]
_WORDS = ["success", "successful", "completed", "k1", "NGN", "charge.completed"]
ODD = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9)
    | st.sampled_from(_WORDS),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6)
    | st.dictionaries(st.just("data"), inner),
)  # fmt: skip


def says_yes(order: Order, status: int, body: Any) -> bool:
    return status < 300 and isinstance(body, dict) and body.get("status") == "success"
