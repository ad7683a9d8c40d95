"""What Stripe is asked: every order, every lookup, every amount."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from payments.currencies import EXPONENTS
from payments.errors import InvalidAmount, NotSupported, UnsupportedCurrency
from payments.gateways.messages import Capture, Handle, Lookup, Order, Refund, Void
from payments.gateways.stripe import API_VERSION
from payments.gateways.wire import WireRequest
from payments.money import Money
from payments.statuses import OperationKind
from tests.contracts.cases.stripe.words import (
    CAPTURE,
    MONEY,
    NOW,
    OURS,
    PAGE,
    PAID,
    REFUND,
    SECONDS,
    VOID,
    K,
    charge,
    refund,
)
from tests.contracts.shape import Asked

EFFECTS: dict[str, Order] = {
    "charge": charge(),
    "authorize": charge(kind=K.AUTHORIZE),
    "capture": CAPTURE,
    "void": VOID,
    "refund": REFUND,
}
LOOKUPS = [Lookup(OURS, kind, PAGE, PAID) for kind in OperationKind]


def read(request: WireRequest) -> Any:
    """The fields of the form, and of the query; the version and the key that go with all."""
    assert request.headers["Stripe-Version"] == API_VERSION
    is_effect = request.method == "POST"
    assert ("Idempotency-Key" in request.headers) is is_effect
    given = request.body.decode() if is_effect else urlsplit(request.url).query
    return dict(parse_qsl(given))


FORM = {
    "mode": "payment",
    "client_reference_id": OURS,
    "success_url": "https://us/return?payment=1",
    "cancel_url": "https://us/return?payment=1",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "aed",
    "line_items[0][price_data][unit_amount]": "12550",
    "line_items[0][price_data][product_data][name]": "Order 1",
    "metadata[ballast_operation]": OURS,
    "payment_intent_data[metadata][ballast_operation]": OURS,
}
NAME = "line_items[0][price_data][product_data][name]"


def page(order: Order, **changes: str) -> Asked:
    return Asked(order, "POST /v1/checkout/sessions", FORM | changes)


def back(order: Order, **fields: str) -> Asked:
    form = {"payment_intent": "pi_1", "amount": "12550", "metadata[ballast_operation]": OURS}
    return Asked(order, "POST /v1/refunds", form | fields)


SESSION = "GET /v1/checkout/sessions/cs_1"
INTENT = "GET /v1/payment_intents/pi_1"
LIST = "GET /v1/payment_intents"
PAID_PAGE = {"expand[]": "payment_intent.latest_charge"}
PAID_INTENT = {"expand[]": "latest_charge"}
HUNDRED = {"limit": "100"}
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
OVER = BEGAN + timedelta(minutes=35)
SINCE = {"created[gte]": f"{BEGAN.timestamp() - 600:.0f}"}
UNTIL = {"created[lte]": f"{OVER.timestamp() + 600:.0f}"}
OF_INTENT = {"payment_intent": "pi_1"}
REQUESTS = [
    page(
        charge(
            language="fr-CA", customer={"email": "a@b.test", "id": "7"}, payment_methods=("card",)
        ),
        **{"locale": "fr", "customer_email": "a@b.test", "payment_method_types[0]": "card"},
    ),
    page(charge(expires_at=NOW + timedelta(hours=1)), expires_at=f"{SECONDS + 3600}"),
    page(charge(kind=K.AUTHORIZE), **{"payment_intent_data[capture_method]": "manual"}),
    *(page(charge(language=each)) for each in ("", "ar", "ar-AE", "klingon", "-")),
    page(charge(description=""), **{NAME: OURS}),
    page(charge(description="x" * 500), **{NAME: "x" * 250}),
    Asked(
        CAPTURE,
        "POST /v1/payment_intents/pi_1/capture",
        {"amount_to_capture": "12550", "metadata[ballast_capture]": OURS},
    ),
    Asked(
        VOID,
        "POST /v1/payment_intents/pi_1/cancel",
        {"cancellation_reason": "requested_by_customer"},
    ),
    # A page that nobody paid is closed.
    Asked(Void(OURS, MONEY, PAGE), "POST /v1/checkout/sessions/cs_1/expire", {}),
    back(REFUND),
    back(Refund(OURS, MONEY, PAID, "duplicate"), reason="duplicate"),
    back(Refund(OURS, MONEY, PAID, "too small"), **{"metadata[reason]": "too small"}),
    # The capture that a refund follows is known by its reference.
    back(Refund(OURS, MONEY, Handle("pi_9")), payment_intent="pi_9"),
    Asked(Lookup("k", K.CHARGE, PAGE), SESSION, PAID_PAGE),
    Asked(Lookup("k", K.CHARGE, PAID), SESSION, PAID_PAGE),
    Asked(Lookup("k", K.CHARGE, Handle("pi_1")), INTENT, PAID_INTENT),
    Asked(Lookup("k", K.CHARGE), LIST, HUNDRED),
    Asked(
        Lookup("k", K.CHARGE, began_at=BEGAN, over_at=OVER),
        LIST,
        HUNDRED | SINCE | UNTIL,
    ),
    Asked(Lookup("k", K.CAPTURE, page="pi_9"), LIST, HUNDRED | {"starting_after": "pi_9"}),
    Asked(Lookup("k", K.CAPTURE, parent=PAID), INTENT, PAID_INTENT),
    Asked(Lookup("k", K.VOID, parent=PAGE), SESSION, PAID_PAGE),
    Asked(Lookup("k", K.REFUND, Handle("re_1"), PAID), "GET /v1/refunds/re_1", {}),
    Asked(Lookup("k", K.REFUND, parent=PAID), "GET /v1/refunds", OF_INTENT | HUNDRED),
    Asked(Lookup("k", K.REFUND), "GET /v1/refunds", HUNDRED),
    Asked(
        Lookup("k", K.REFUND, parent=PAID, began_at=BEGAN, page="re_9"),
        "GET /v1/refunds",
        OF_INTENT | HUNDRED | SINCE | {"starting_after": "re_9"},
    ),
]
REFUSED: list[tuple[Order, type[Exception]]] = [
    (order, NotSupported)
    for parent in (Handle(), PAGE, Handle("pi_1/../../x"), Handle("ch_1"))
    for order in (Capture(OURS, MONEY, parent), Refund(OURS, MONEY, parent))
]
AMOUNTS = ("line_items[0][price_data][unit_amount]", "amount", "amount_to_capture")
WRITTEN = [
    (Money(1099, "USD"), "1099"),
    (Money(500, "JPY"), "500"),
    (Money(500, "XAF"), "500"),
    (Money(500, "ISK"), "50000"),
    (Money(500, "UGX"), "50000"),
    (Money(500, "MGA"), "5"),
    (Money(5120, "KWD"), "5120"),
    (Money(1050, "HUF"), "1050"),
    (Money(1050, "TWD"), "1050"),
]
TOO_FINE: list[tuple[Money, type[Exception]]] = [
    (Money(5125, "KWD"), InvalidAmount),
    (Money(1, "TND"), InvalidAmount),
    (Money(550, "MGA"), InvalidAmount),
    (Money(0, "USD"), InvalidAmount),
    (Money(-5, "USD"), InvalidAmount),
    (Money(1000, "IQD"), UnsupportedCurrency),
    (Money(1000, "CLF"), UnsupportedCurrency),
]


def orders_of(money: Money) -> list[Order]:
    return [charge(money), Refund(OURS, money, PAID), Capture(OURS, money, PAID)]


def amount_in(request: WireRequest) -> str:
    fields: dict[str, str] = read(request)
    return next(fields[name] for name in AMOUNTS if name in fields)


def repeating(money: Money, text: str) -> tuple[Order, Any]:
    return REFUND, refund(amount=int(text), currency=money.currency.lower())


def step(currency: str) -> int:
    return 100 if currency == "MGA" else 10 if EXPONENTS[currency] == 3 else 1
