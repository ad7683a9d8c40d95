"""What every answer of PayPal's means."""

from typing import Any

from payments.gateways.messages import Charge, GatewayResult, Handle, Lookup, Order
from payments.gateways.paypal.words import AUTHORIZATIONS, CAPTURES, ORDERS, REFUNDS, VOIDS
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.contracts.cases.paypal.words import (
    APPROVED,
    AUTHORIZE_ORDER,
    CAPTURE,
    CAPTURE_ORDER,
    ORDER,
    REFUND,
    RESERVED,
    TAKEN,
    VOID,
    K,
    answered,
    charge,
    error,
    order,
    payment,
)
from tests.contracts.shape import General, Told

LOOKUP = Lookup("k1", K.CHARGE, ORDER)
RESERVATION = Lookup("k1", K.AUTHORIZE, ORDER)
UNCLEAR: list[tuple[int, Any]] = [
    (500, error("INTERNAL_SERVER_ERROR")),
    (503, b"<h1>busy</h1>"),
    (502, b""),
    (409, error("RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS")),
    (202, order()),
    (302, b""),
    (200, b"<html>Login</html>"),
    (200, b'{"id": "O1", "sta'),
    (201, b""),
    (200, []),
    (200, {}),
    (200, {"id": "O1"}),
    (200, {"status": "COMPLETED"}),
    (200, {"id": None, "status": "COMPLETED"}),
    (200, {"id": ["O1"], "status": "COMPLETED"}),
    (200, {"id": "O1", "status": {"COMPLETED": 1}}),
    (400, b"<html>Bad request</html>"),
    (404, b"<html>Not found</html>"),
    (403, b"<html>Firewall</html>"),
    (422, {"unexpected": True}),
    (200, b"\xff\xfe"),
    (200, b"[" * 9999),
]
NOTHING_DONE: list[tuple[int, Any]] = [
    (429, error("RATE_LIMIT_REACHED")),
    (429, b"<html>slow down</html>"),
    (401, error("AUTHENTICATION_FAILURE")),
    (401, {"error": "invalid_token", "error_description": "Token signature failed"}),
    (403, error("NOT_AUTHORIZED", "PERMISSION_DENIED")),
]
NO = "UNPROCESSABLE_ENTITY"
GENERAL = [
    *(General(*each, Outcome.UNKNOWN) for each in UNCLEAR),
    *(General(*each, Outcome.NOT_SENT) for each in NOTHING_DONE),
    # A definite refusal is a decline with its reason.
    *(
        General(
            status,
            error(name, issue),
            Outcome.DECLINED,
            {"failure": code, "said": "said so" if issue else "It failed"},
        )
        for status, name, issue, code in [
            (400, "INVALID_REQUEST", "INVALID_STRING_LENGTH", FailureCode.PROVIDER_ERROR),
            (404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", FailureCode.PROVIDER_ERROR),
            (422, NO, "CURRENCY_NOT_SUPPORTED", FailureCode.PROVIDER_ERROR),
            (422, NO, "TRANSACTION_REFUSED", FailureCode.CARD_DECLINED),
            (422, NO, "AUTHORIZATION_EXPIRED", FailureCode.EXPIRED),
            (422, NO, "REFUND_AMOUNT_EXCEEDED", FailureCode.PROVIDER_ERROR),
            (422, NO, "", FailureCode.PROVIDER_ERROR),
        ]
    ),
]
STEPS: list[Order] = [CAPTURE_ORDER, AUTHORIZE_ORDER]
UNCLEAR_LOOKUPS = [Told(LOOKUP, *each, Outcome.UNKNOWN) for each in UNCLEAR]
AT_PAYPAL = "https://pay/O1"
NO_LINKS: list[Any] = [
    [],
    None,
    {},
    ["x"],
    [{"rel": "payer-action", "href": "javascript:alert(1)"}],
]
PAGES = [
    *(
        Told(
            charge(),
            status,
            order(word) | {"links": [{"href": AT_PAYPAL, "rel": rel}]},
            Outcome.ACTION_REQUIRED,
            {"reference": "O1", "redirect_url": AT_PAYPAL, "ids": {"order": "O1"}},
        )
        for rel in ("payer-action", "approve")
        for status in (200, 201)
        for word in ("CREATED", "PAYER_ACTION_REQUIRED")
    ),
    *(
        Told(
            charge(),
            201,
            order("CREATED") | {"links": links},
            Outcome.UNKNOWN,
            {"redirect_url": ""},
        )
        for links in NO_LINKS
    ),
    *(
        Told(LOOKUP, 200, order("CREATED") | {"links": links}, Outcome.ACTION_REQUIRED)
        for links in NO_LINKS
    ),
]
TURNED_AWAY = [
    Told(LOOKUP, status, error(name), Outcome.UNKNOWN)
    for status, name in [
        (429, "RATE_LIMIT_REACHED"),
        (401, "AUTHENTICATION_FAILURE"),
        (403, "NOT_AUTHORIZED"),
        (400, "INVALID_REQUEST"),
    ]
]
TO_PAGE = [{"href": AT_PAYPAL, "rel": "payer-action"}]
DONE_BEFORE: list[tuple[Order, str]] = [
    (CAPTURE_ORDER, "ORDER_ALREADY_CAPTURED"),
    (AUTHORIZE_ORDER, "ORDER_ALREADY_AUTHORIZED"),
    (CAPTURE, "AUTHORIZATION_ALREADY_CAPTURED"),
    (CAPTURE, "DUPLICATE_INVOICE_ID"),
    (VOID, "PREVIOUSLY_VOIDED"),
    (REFUND, "CAPTURE_FULLY_REFUNDED"),
]
ISSUES = [
    # What an earlier try may have done is looked up.
    *(Told(asked, 422, error(NO, issue), Outcome.UNKNOWN) for asked, issue in DONE_BEFORE),
    # A card that is refused sends the payer back to the page; a reservation has none.
    *(
        Told(
            step,
            422,
            error(NO, issue, links=TO_PAGE),
            Outcome.PENDING,
            {"redirect_url": AT_PAYPAL, "has_failed": True},
        )
        for step in STEPS
        for issue in ("INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED")
    ),
    Told(CAPTURE, 422, error(NO, "INSTRUMENT_DECLINED"), Outcome.DECLINED),
    # An order that nobody approved waits, and nothing failed.
    *(
        Told(step, 422, error(NO, "ORDER_NOT_APPROVED"), Outcome.ACTION_REQUIRED, {"failure": None})
        for step in STEPS
    ),
]
# An approved order is not paid: it needs its next step.
APPROVALS = [
    Told(
        asked,
        200,
        order("APPROVED", intent),
        Outcome.PENDING,
        {
            "kind": asked.kind,
            "ids": {"order": "O1", "needs": "capture", "intent": intent.lower()},
            "redirect_url": "",
            "unlisted_word": "",
        },
    )
    for asked, intent in [(LOOKUP, "CAPTURE"), (RESERVATION, "AUTHORIZE")]
]
CAPTURE_WORDS = {
    "COMPLETED": Outcome.SUCCEEDED,
    "PARTIALLY_REFUNDED": Outcome.SUCCEEDED,
    "REFUNDED": Outcome.SUCCEEDED,
    "PENDING": Outcome.PENDING,
    "DECLINED": Outcome.DECLINED,
    "FAILED": Outcome.DECLINED,
}
AUTHORIZATION_WORDS = {
    "CREATED": Outcome.SUCCEEDED,
    "CAPTURED": Outcome.SUCCEEDED,
    "PARTIALLY_CAPTURED": Outcome.SUCCEEDED,
    "PENDING": Outcome.PENDING,
    "DENIED": Outcome.DECLINED,
    "VOIDED": Outcome.DECLINED,
}
REFUND_WORDS = {
    "COMPLETED": Outcome.SUCCEEDED,
    "PENDING": Outcome.PENDING,
    "FAILED": Outcome.DECLINED,
    "CANCELLED": Outcome.DECLINED,
}
VOID_WORDS = {
    "VOIDED": Outcome.SUCCEEDED,
    "CREATED": Outcome.NOT_SENT,
    "PENDING": Outcome.NOT_SENT,
    "PARTIALLY_CAPTURED": Outcome.NOT_SENT,
    "CAPTURED": Outcome.DECLINED,
    "DENIED": Outcome.DECLINED,
}
ORDER_WORDS = {
    "CREATED": Outcome.ACTION_REQUIRED,
    "SAVED": Outcome.ACTION_REQUIRED,
    "PAYER_ACTION_REQUIRED": Outcome.ACTION_REQUIRED,
    "APPROVED": Outcome.PENDING,
    "COMPLETED": Outcome.UNKNOWN,
    "VOIDED": Outcome.DECLINED,
}
# Each table as it is read, and as it is tried below.
TABLES = [
    (CAPTURES, CAPTURE_WORDS),
    (AUTHORIZATIONS, AUTHORIZATION_WORDS),
    (REFUNDS, REFUND_WORDS),
    (VOIDS, VOID_WORDS),
    (ORDERS, ORDER_WORDS),
]
WHOLE = {"money": Money(2500, "USD")}


def up(path: str) -> list[dict[str, str]]:
    return [{"rel": "up", "href": f"https://api/v2/payments/{path}"}]


OF_ORDERS: list[tuple[Order, int, OperationKind | None]] = [
    (CAPTURE_ORDER, 201, None),
    (LOOKUP, 200, K.CHARGE),
]
WORDS = [
    # A completed order is what its capture is.
    *(
        Told(
            asked,
            status,
            order(captures=[payment(word)]),
            outcome,
            WHOLE
            | {
                "reference": "O1",
                "ids": {"order": "O1", "capture": "P1"},
                "payment_method": "paypal",
                "has_failed": outcome is Outcome.DECLINED,
                "kind": kind,
            },
        )
        for word, outcome in CAPTURE_WORDS.items()
        for asked, status, kind in OF_ORDERS
    ),
    # An authorised order is what its authorisation is.
    *(
        Told(
            asked,
            200,
            order(
                "COMPLETED",
                "AUTHORIZE",
                authorizations=[payment(word)],
                captures=[payment(id="C7")],
            ),
            outcome,
            WHOLE
            | {
                "reference": "O1",
                "ids": {"order": "O1", "authorization": "P1"},
                "takes_back": word == "VOIDED",
            },
        )
        for word, outcome in AUTHORIZATION_WORDS.items()
        for asked in (AUTHORIZE_ORDER, RESERVATION)
    ),
    # An order without payments is what its own word says.
    *(Told(LOOKUP, 200, order(word), outcome) for word, outcome in ORDER_WORDS.items()),
    # A capture of a reservation has its own reference.
    *(
        Told(
            CAPTURE,
            201,
            payment(word, id="C2", links=up("authorizations/A1")),
            outcome,
            WHOLE
            | {
                "kind": K.CAPTURE,
                "reference": "C2",
                "parent_reference": "A1",
                "ids": {"authorization": "A1", "capture": "C2"},
            },
        )
        for word, outcome in CAPTURE_WORDS.items()
    ),
    # A refund is told with its capture.
    *(
        Told(
            asked,
            200,
            payment(word, id="R1", links=up("captures/C1")),
            outcome,
            WHOLE
            | {
                "kind": K.REFUND,
                "reference": "R1",
                "parent_reference": "C1",
                "ids": {"refund": "R1", "capture": "C1"},
            },
        )
        for word, outcome in REFUND_WORDS.items()
        for asked in (REFUND, Lookup("k4", K.REFUND, Handle("R1"), TAKEN))
    ),
    # A void happened when the reservation is void.
    *(
        Told(
            Lookup("k3", K.VOID, parent=RESERVED),
            200,
            payment(word, id="A1"),
            outcome,
            {"kind": K.VOID},
        )
        for word, outcome in VOID_WORDS.items()
    ),
]
# An empty answer to a void is its success.
EMPTY = [
    Told(VOID, 204, b"", Outcome.SUCCEEDED, WHOLE | {"reference": "A1"}),
    Told(VOID, 200, payment("VOIDED", id="A1"), Outcome.SUCCEEDED),
    Told(REFUND, 204, b"", Outcome.UNKNOWN),
]
DECLINES = [
    Told(
        LOOKUP,
        200,
        order(captures=[payment("DECLINED", processor_response={"response_code": code})]),
        Outcome.DECLINED,
        {"failure": failure},
    )
    for code, failure in [
        ("5120", FailureCode.INSUFFICIENT_FUNDS),
        ("0500", FailureCode.CARD_DECLINED),
        ("", FailureCode.CARD_DECLINED),
        (5120, FailureCode.CARD_DECLINED),
    ]
]
THRICE = [payment("DECLINED", id="C0"), payment(id="C1"), payment(id="C2")]
TWICE = Told(
    LOOKUP,
    200,
    order(captures=THRICE),
    Outcome.SUCCEEDED,
    {"reference": "O1", "also_taken": ("C2",), "ids": {"order": "O1", "capture": "C1"}},
)


def among(name: str, *entries: Any) -> Any:
    payments = {"authorizations": [payment("PARTIALLY_CAPTURED")], name: list(entries)}
    return order("COMPLETED", "AUTHORIZE", **payments)


OURS = payment(id="P2", custom_id="k1", invoice_id="k9")
OTHERS = payment(id="P1", custom_id="k1", invoice_id="k8")
AMONG: list[tuple[list[Any], Outcome, dict[str, Any]]] = [
    ([OTHERS, OURS], Outcome.SUCCEEDED, {"reference": "P2"}),
    ([OURS, payment(id="P3", invoice_id="k9")], Outcome.SUCCEEDED, {"also_taken": ("P3",)}),
    ([OTHERS], Outcome.NOT_SENT, {"kind": None}),
    ([], Outcome.NOT_SENT, {"kind": None}),
    ([payment(id="P4")], Outcome.UNKNOWN, {"kind": None}),
]
# A follow-up whose answer was lost is found by our key.
FOUND = [
    Told(
        Lookup("k9", kind, parent=RESERVED),
        200,
        among(name, *entries),
        outcome,
        {"kind": kind} | facts,
    )
    for kind, name in [(K.REFUND, "refunds"), (K.CAPTURE, "captures")]
    for entries, outcome, facts in AMONG
]
OF_ORDER = Lookup("k1", K.CAPTURE, parent=APPROVED)
NEEDS = {"ids": {"order": "O1", "needs": "capture", "intent": "capture"}}
MISSING = error("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
KNOWN = Handle("O1", {"order": "O1", "authorization": "A1"})
THEIRS = payment(id="R9"), payment("VOIDED", id="A9"), order(captures=[payment()]) | {"id": "O9"}
OF_ANOTHER = order(captures=[payment()])
OF_ANOTHER["purchase_units"] = [OF_ANOTHER["purchase_units"][0] | {"custom_id": "k9"}]
LOOKUPS = [
    # Somebody else's.
    Told(Lookup("k4", K.REFUND, Handle("R1"), TAKEN), 200, THEIRS[0], Outcome.UNKNOWN),
    Told(Lookup("k3", K.VOID, parent=RESERVED), 200, THEIRS[1], Outcome.UNKNOWN),
    Told(LOOKUP, 200, THEIRS[2], Outcome.UNKNOWN),
    Told(LOOKUP, 200, OF_ANOTHER, Outcome.UNKNOWN),
    Told(OF_ORDER, 200, order(captures=[payment()]), Outcome.SUCCEEDED),
    Told(OF_ORDER, 200, order("APPROVED"), Outcome.PENDING, NEEDS),
    Told(LOOKUP, 404, MISSING, Outcome.NOT_SENT),
    *(
        Told(Lookup("k", kind, parent=KNOWN), 404, MISSING, Outcome.UNKNOWN)
        for kind in (K.CAPTURE, K.VOID, K.REFUND)
    ),
]


def usd(value: Any) -> dict[str, Any]:
    return {"currency_code": "USD", "value": value}


AMOUNTS = [
    Told(REFUND, 201, payment(amount=amount), Outcome.SUCCEEDED, {"money": money})
    for amount, money in [
        (usd("25.00"), Money(2500, "USD")),
        (usd("25"), Money(2500, "USD")),
        (usd("25.000"), Money(2500, "USD")),
        ({"currency_code": "JPY", "value": "1200"}, Money(1200, "JPY")),
        ({"currency_code": "HUF", "value": "1200"}, Money(120000, "HUF")),
        (usd("25.001"), None),
        (usd("-25.00"), None),
        (usd("1e3"), None),
        (usd("NaN"), None),
        (usd("٢٥"), None),
        (usd("9" * 32), None),
        (usd(25.0), None),
        ({"currency_code": "???", "value": "25.00"}, None),
        ({"currency_code": ["USD"], "value": "25.00"}, None),
        ({"value": "25.00"}, None),
        ("25.00 USD", None),
        (None, None),
    ]
]
TOLD = [
    *UNCLEAR_LOOKUPS,
    *PAGES,
    *TURNED_AWAY,
    *ISSUES,
    *APPROVALS,
    *WORDS,
    *EMPTY,
    *DECLINES,
    TWICE,
    *FOUND,
    *LOOKUPS,
    *AMOUNTS,
]
UNDECIDED = [
    *(
        (Lookup("k9", kind, parent=RESERVED), among(name, payment(id="P4")))
        for kind, name in [(K.REFUND, "refunds"), (K.CAPTURE, "captures")]
    ),
    (LOOKUP, order("COMPLETED")),
]
LISTED = frozenset({*ORDERS, *CAPTURES, *REFUNDS, *VOIDS, *AUTHORIZATIONS})


def saying(word: str) -> list[GatewayResult]:
    said: list[tuple[Order, Any]] = [
        (LOOKUP, order(word)),
        (LOOKUP, order(captures=[payment(word)])),
        (CAPTURE, payment(word)),
        (REFUND, payment(word)),
        (VOID, payment(word)),
    ]
    return [answered(asked, 200, body) for asked, body in said]


def says_yes(asked: Order, status: int, body: Any) -> bool:
    """Then it says so itself, by name."""
    names = isinstance(body, dict) and [type(body.get(name)) for name in ("id", "status")]
    return status in (200, 201) and names == [str, str] and not isinstance(asked, Charge)
