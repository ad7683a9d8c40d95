"""What Stripe answers: every order, status and word; what a lookup finds."""

from typing import Any

from hypothesis import strategies as st

from payments.gateways.messages import Charge, GatewayResult, Lookup, Order
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.contracts.cases.stripe.words import (
    CAPTURE,
    MONEY,
    OURS,
    PAGE,
    PAID,
    REFUND,
    VOID,
    K,
    O,
    answered,
    captured,
    charge,
    declined,
    error,
    event,
    held,
    intent,
    paid_page,
    refund,
    session,
)
from tests.contracts.shape import General, Told

PROVIDER_ERROR = {"failure": FailureCode.PROVIDER_ERROR}
DECLINED = {"failure": FailureCode.CARD_DECLINED}
NO_FUNDS = {"failure": FailureCode.INSUFFICIENT_FUNDS}
UNPROVEN = {"failure": FailureCode.AUTHENTICATION_FAILED}
EXPIRED = {"failure": FailureCode.EXPIRED}
NO_FAILURE = {"failure": None}
NEW_WORD = {"unlisted_word": "levitating"}


def card(**codes: str) -> dict[str, Any]:
    return error("card_error", **codes)


GENERAL = [
    General(400, error(code="amount_too_small"), O.DECLINED, PROVIDER_ERROR),
    General(402, card(code="card_declined"), O.DECLINED, DECLINED),
    General(
        402, card(code="card_declined", decline_code="insufficient_funds"), O.DECLINED, NO_FUNDS
    ),
    General(402, card(code="authentication_required"), O.DECLINED, UNPROVEN),
    General(404, error(code="resource_missing"), O.DECLINED, PROVIDER_ERROR),
    General(401, error(), O.NOT_SENT, PROVIDER_ERROR),
    General(403, error(), O.NOT_SENT, PROVIDER_ERROR),
    General(429, error(code="rate_limit"), O.NOT_SENT, PROVIDER_ERROR),
    General(429, b"<html>slow down</html>", O.NOT_SENT, PROVIDER_ERROR),
    *(
        General(status, body, O.UNKNOWN, NO_FAILURE)
        for status, body in [
            (400, error("idempotency_error")),
            (409, error("idempotency_error", code="idempotency_key_in_use")),
            (409, error()),
            (400, error("api_error")),
            (400, {"error": "odd"}),
            (403, b"<html>firewall</html>"),
            (404, b"<html>not here</html>"),
            (500, error("api_error")),
            (500, error()),
            (502, b"<html>Bad gateway</html>"),
            (503, b""),
            (302, b""),
            (200, b"<html>Login</html>"),
            (200, b'{"id": "cs_'),
            (200, b""),
            (200, b"\xff\xfe\x00"),
            (200, b"[" * 9999),
            (200, []),
            (200, {}),
            (200, {"id": "xx_1", "object": "customer", "status": "succeeded"}),
        ]
    ),
]
URL = "https://checkout/c/cs_1"
NO_PAGES: list[dict[str, Any]] = [
    {"url": None},
    {"url": "javascript:alert(1)"},
    {"url": "https://" + "x" * 3000},
    {"id": None},
    {"id": "../x"},
    {"status": "expired"},
    {"status": "complete", "payment_status": "paid"},
    {"object": "payment_link"},
]
EFFECTS = [
    Told(
        charge(),
        200,
        session(),
        O.ACTION_REQUIRED,
        {"reference": "cs_1", "redirect_url": URL, "ids": {"session": "cs_1"}},
    ),
    *(Told(charge(), 200, session(**facts), O.UNKNOWN) for facts in NO_PAGES),
]
NAMES = {"payment_intent": "pi_1", "charge": "ch_1"}
TAKEN = {"kind": K.CAPTURE, "reference": "pi_1", "ids": NAMES}
NOTHING, FIFTY = Money(0, "AED"), Money(5000, "AED")
ELSEWHERE = "b" * 32
CAPTURES = [
    Told(CAPTURE, 200, captured(), O.SUCCEEDED, TAKEN | {"money": MONEY}),
    Told(CAPTURE, 200, captured(amount_received=5000), O.SUCCEEDED, TAKEN | {"money": FIFTY}),
    Told(CAPTURE, 200, held("processing"), O.PENDING, {"money": NOTHING}),
    Told(CAPTURE, 200, held(), O.UNKNOWN, {"money": None}),
    Told(CAPTURE, 200, captured(ELSEWHERE), O.DECLINED, {"money": MONEY}),
    Told(CAPTURE, 200, held("canceled"), O.DECLINED, {"money": NOTHING}),
    Told(CAPTURE, 200, held("levitating"), O.PENDING, {"money": NOTHING} | NEW_WORD),
    Told(CAPTURE, 200, held(""), O.UNKNOWN, {"money": None}),
    Told(CAPTURE, 200, refund(), O.UNKNOWN, {"money": None}),
    Told(CAPTURE, 200, session(status="complete"), O.UNKNOWN, {"money": None}),
]
RELEASED = {"kind": K.VOID, "money": MONEY}
VOIDS = [
    Told(VOID, 200, held("canceled"), O.SUCCEEDED, RELEASED),
    Told(VOID, 200, captured(), O.DECLINED),
    Told(VOID, 200, held("processing"), O.PENDING),
    Told(VOID, 200, held(), O.UNKNOWN),
    Told(VOID, 200, session(status="expired"), O.SUCCEEDED, RELEASED),
    Told(VOID, 200, session(), O.UNKNOWN),
    Told(VOID, 200, session(status="complete", payment_intent="pi_1"), O.UNKNOWN),
    Told(VOID, 200, held("levitating"), O.PENDING, NEW_WORD),
]
GIVEN_BACK = {"kind": K.REFUND, "reference": "re_1", "parent_reference": "pi_1", "money": MONEY}
GIVEN_BACK |= {"ids": {"refund": "re_1"} | NAMES}
GIVING = GIVEN_BACK | {"takes_back": False, "failure": None, "unlisted_word": ""}
NOT_GIVEN = GIVING | {"takes_back": True} | PROVIDER_ERROR
REFUNDS = [
    Told(REFUND, 200, refund("succeeded"), O.SUCCEEDED, GIVING),
    Told(REFUND, 200, refund("pending"), O.PENDING, GIVING),
    Told(REFUND, 200, refund("requires_action"), O.PENDING, GIVING),
    Told(REFUND, 200, refund("failed"), O.DECLINED, NOT_GIVEN),
    Told(REFUND, 200, refund("canceled"), O.DECLINED, NOT_GIVEN),
    Told(REFUND, 200, refund("levitating"), O.PENDING, GIVING | NEW_WORD),
]
ASKED = Lookup(OURS, K.CHARGE, PAGE)
ASKED_HELD = Lookup(OURS, K.AUTHORIZE, PAGE)
OPEN = {"redirect_url": URL} | NO_FAILURE
DONE = {"money": MONEY, "reference": "cs_1", "parent_reference": "pi_1"} | NO_FAILURE
BY_NAME: dict[str, Any] = {"payment_intent": "pi_1", "payment_status": "unpaid"}
UNPAID = intent("requires_payment_method")
REFUSED = intent("requires_payment_method", **declined())
PAGES = [
    Told(ASKED, 200, session(), O.ACTION_REQUIRED, OPEN),
    Told(ASKED, 200, session(payment_intent=UNPAID), O.ACTION_REQUIRED, OPEN),
    Told(ASKED, 200, session(payment_intent=REFUSED), O.ACTION_REQUIRED, OPEN | DECLINED),
    Told(ASKED, 200, session(payment_intent=intent("requires_action")), O.ACTION_REQUIRED, OPEN),
    Told(ASKED, 200, session(payment_intent=intent("processing")), O.PENDING, NO_FAILURE),
    Told(
        ASKED,
        200,
        session(payment_intent=intent()),
        O.SUCCEEDED,
        DONE | {"ids": NAMES | {"session": "cs_1"}},
    ),
    Told(ASKED, 200, session(status="expired"), O.DECLINED, EXPIRED),
    Told(
        ASKED,
        200,
        session(status="expired", payment_intent=intent("canceled")),
        O.DECLINED,
        EXPIRED,
    ),
    Told(ASKED, 200, session(status="levitating"), O.PENDING, NO_FAILURE | NEW_WORD),
    Told(ASKED, 200, session(status=None), O.UNKNOWN, NO_FAILURE),
    Told(ASKED, 200, paid_page(intent()), O.SUCCEEDED, DONE | {"ids": NAMES | {"session": "cs_1"}}),
    Told(
        ASKED,
        200,
        paid_page({}, payment_intent="pi_1"),
        O.SUCCEEDED,
        DONE | {"ids": {"session": "cs_1", "payment_intent": "pi_1"}},
    ),
    Told(ASKED, 200, paid_page({}, **BY_NAME), O.PENDING, NO_FAILURE),
    Told(
        ASKED,
        200,
        paid_page({}, **(BY_NAME | {"payment_status": "levitating"})),
        O.PENDING,
        NO_FAILURE | NEW_WORD,
    ),
    *(
        Told(ASKED, 200, paid_page(intent(word), payment_status="unpaid"), O.PENDING, NO_FAILURE)
        for word in ("processing", "requires_action")
    ),
    Told(ASKED, 200, paid_page(REFUSED), O.DECLINED, DECLINED),
    Told(
        ASKED,
        200,
        paid_page(intent("canceled")),
        O.DECLINED,
        {"failure": FailureCode.CANCELLED_BY_PAYER},
    ),
    Told(ASKED, 200, paid_page(intent("levitating")), O.PENDING, NO_FAILURE | NEW_WORD),
    # Somebody else's.
    Told(ASKED, 200, session(client_reference_id="other", metadata={}), O.UNKNOWN, NO_FAILURE),
    Told(ASKED, 200, session(metadata="odd", client_reference_id=7), O.UNKNOWN, NO_FAILURE),
    # Money that is reserved was authorised, and stays so after its capture, perhaps of a part.
    Told(
        ASKED_HELD,
        200,
        paid_page(held(), payment_status="unpaid"),
        O.SUCCEEDED,
        {"kind": K.AUTHORIZE, "money": MONEY},
    ),
    Told(
        ASKED_HELD,
        200,
        paid_page(captured(amount_received=5000)),
        O.SUCCEEDED,
        {"kind": K.AUTHORIZE, "money": MONEY},
    ),
    # A reservation that ended takes the success back.
    Told(
        ASKED_HELD,
        200,
        paid_page(held("canceled", cancellation_reason="automatic"), payment_status="unpaid"),
        O.DECLINED,
        {"takes_back": True} | EXPIRED,
    ),
]


def found(*entries: Any, **facts: Any) -> dict[str, Any]:
    return {"object": "list", "data": list(entries), "has_more": False} | facts


def nameless(name: str = "pi_7") -> dict[str, Any]:
    return intent(id=name, metadata={})


BY_KEY, CAPTURE_BY_KEY = Lookup(OURS, K.CHARGE), Lookup(OURS, K.CAPTURE)
FIRST = {"reference": "pi_1", "also_taken": (), "next_page": ""}
NONE = {"reference": "", "also_taken": (), "next_page": ""}
OTHERS = held("canceled", id="pi_8"), captured(ELSEWHERE, id="pi_9")
LISTS = [
    Told(BY_KEY, 200, found(), O.NOT_SENT, NONE),
    Told(BY_KEY, 200, found(has_more=True), O.UNKNOWN, NONE),
    Told(BY_KEY, 200, found(has_more=None), O.UNKNOWN, NONE),
    Told(BY_KEY, 200, found(data=None), O.UNKNOWN, NONE),
    Told(BY_KEY, 200, found(intent()), O.SUCCEEDED, FIRST),
    Told(BY_KEY, 200, found(UNPAID, intent()), O.SUCCEEDED, FIRST),
    Told(
        BY_KEY,
        200,
        found(intent(), intent(id="pi_2")),
        O.SUCCEEDED,
        FIRST | {"also_taken": ("pi_2",)},
    ),
    Told(BY_KEY, 200, found(intent("processing")), O.PENDING, FIRST),
    Told(BY_KEY, 200, found(intent(metadata={})), O.NOT_SENT, NONE),
    Told(BY_KEY, 200, found(None, 1, "x"), O.NOT_SENT, NONE),
    # It is read on until money is found.
    Told(
        BY_KEY,
        200,
        found(nameless("pi_8"), nameless(), has_more=True),
        O.UNKNOWN,
        {"next_page": "pi_7"},
    ),
    Told(
        BY_KEY,
        200,
        found(intent("processing"), nameless(), has_more=True),
        O.PENDING,
        {"next_page": "pi_7"},
    ),
    Told(BY_KEY, 200, found(intent(), nameless(), has_more=True), O.SUCCEEDED, FIRST),
    Told(BY_KEY, 200, found(nameless()), O.NOT_SENT, NONE),
    Told(BY_KEY, 200, found(nameless("../x"), has_more=True), O.UNKNOWN, NONE),
    # A capture is found there by its own name alone.
    Told(CAPTURE_BY_KEY, 200, found(*OTHERS), O.NOT_SENT),
    Told(CAPTURE_BY_KEY, 200, found(*OTHERS, captured()), O.SUCCEEDED),
]


def later(kind: OperationKind, body: Any, outcome: Outcome) -> Told:
    facts = {"kind": kind, "money": MONEY} if outcome is O.SUCCEEDED else {}
    return Told(Lookup(OURS, kind, parent=PAID), 200, body, outcome, facts)


FOLLOW_UPS = [
    later(K.CAPTURE, captured(), O.SUCCEEDED),
    later(K.CAPTURE, held(), O.NOT_SENT),
    later(K.CAPTURE, captured(ELSEWHERE), O.DECLINED),
    later(K.CAPTURE, held("canceled"), O.DECLINED),
    later(K.CAPTURE, paid_page(captured()), O.SUCCEEDED),
    later(K.CAPTURE, paid_page({}, payment_intent="pi_1"), O.UNKNOWN),
    later(K.CAPTURE, found(), O.NOT_SENT),
    later(K.VOID, held("canceled"), O.SUCCEEDED),
    later(K.VOID, held(), O.NOT_SENT),
    later(K.VOID, captured(), O.DECLINED),
    later(K.VOID, session(), O.NOT_SENT),
    later(K.VOID, session(status="expired"), O.SUCCEEDED),
    later(K.VOID, paid_page(held("canceled")), O.SUCCEEDED),
    later(K.REFUND, found(object="list"), O.NOT_SENT),
    later(K.REFUND, found(refund()), O.SUCCEEDED),
    later(K.REFUND, found(refund(metadata={}), refund("pending")), O.PENDING),
    later(K.REFUND, found(refund(metadata={})), O.NOT_SENT),
    later(K.REFUND, found(refund(metadata={}), has_more=True), O.UNKNOWN),
    later(K.REFUND, refund("failed"), O.DECLINED),
    later(K.REFUND, refund(metadata={}), O.UNKNOWN),
]
FAILED = [
    Told(Lookup(OURS, kind, PAGE, PAID), status, body, O.UNKNOWN)
    for kind in K
    for status, body in [
        (404, error(code="resource_missing")),
        (401, error()),
        (429, error()),
        (400, error()),
        (500, paid_page(intent())),
        (200, b"<html>"),
        (200, []),
        (200, None),
        (200, {"object": "checkout.session"}),
    ]
]
READ_AMOUNTS = [
    Told(REFUND, 200, refund(currency=currency, amount=amount), O.SUCCEEDED, {"money": money})
    for currency, amount, money in [
        ("isk", 50000, Money(500, "ISK")),
        ("isk", 50001, None),
        ("mga", 5, Money(500, "MGA")),
        ("kwd", 5125, Money(5125, "KWD")),
        ("usd", 10.5, None),
        ("usd", "1099", None),
        ("usd", True, None),
        ("usd", None, None),
        ("usd", -1, None),
        ("usd", 10**30, None),
        ("xxx", 1099, None),
        ("", 1099, None),
        (None, 1099, None),
    ]
]
TOLD = [
    *EFFECTS,
    *CAPTURES,
    *VOIDS,
    *REFUNDS,
    *PAGES,
    *LISTS,
    *FOLLOW_UPS,
    *FAILED,
    *READ_AMOUNTS,
]
UNDECIDED = [
    (BY_KEY, found(nameless(), has_more=True)),
    (BY_KEY, found(has_more=None)),
    (Lookup(OURS, K.REFUND, parent=PAID), found(refund(metadata={}), has_more=True)),
]


def saying(word: str) -> list[GatewayResult]:
    told = event("payment_intent.something", intent(word)).result
    assert told
    return [told, answered(REFUND, 200, refund(word)), answered(VOID, 200, held(word))]


_WORDS = [
    "payment_intent",
    "checkout.session",
    "refund",
    "dispute",
    "succeeded",
    "complete",
    "paid",
]
_NAMES = [*session(), *intent(), *refund(), "error", "data", "evidence_details"]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.sampled_from(_WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6)
    ),
)  # fmt: skip


def says_yes(order: Order, status: int, body: Any) -> bool:
    """A page is never a success by itself; a void may be told by the word of a page alone."""
    if status != 200:
        return False
    is_named = order.kind is K.VOID or OURS in str(body)
    return is_named if isinstance(order, Lookup) else not isinstance(order, Charge)
