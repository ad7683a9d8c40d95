"""What Stripe is asked, as tables: every order, every lookup, every currency."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.currencies import EXPONENTS
from payments.errors import InvalidAmount, NotSupported, UnsupportedCurrency
from payments.gateways import stripe_words
from payments.gateways.contract import Capability
from payments.gateways.messages import (
    Capture,
    Handle,
    Lookup,
    Order,
    Refund,
    Void,
)
from payments.gateways.stripe_words import CURRENCIES
from payments.money import Money
from tests.contracts.stripe_words import (
    CAPTURE,
    KEY,
    MONEY,
    NOW,
    OURS,
    PAGE,
    PAID,
    REFUND,
    SECONDS,
    SECRET,
    VOID,
    K,
    answered,
    charge,
    refund,
    sent,
    stripe,
)


def test_a_charge_asks_for_a_hosted_page() -> None:
    order = charge(
        language="fr-CA", customer={"email": "a@b.test", "id": "7"}, payment_methods=("card",)
    )
    assert sent(order) == (
        "POST",
        "/v1/checkout/sessions",
        {
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
            "locale": "fr",
            "customer_email": "a@b.test",
            "payment_method_types[0]": "card",
        },
    )


def test_a_page_is_told_when_it_ends() -> None:
    assert sent(charge(expires_at=NOW + timedelta(hours=1)))[2]["expires_at"] == f"{SECONDS + 3600}"
    assert "expires_at" not in sent(charge())[2]


@pytest.mark.parametrize(
    ("wanted", "lives"),
    [
        (timedelta(0), timedelta(minutes=35)),
        (timedelta(minutes=30), timedelta(minutes=35)),
        (timedelta(hours=2), timedelta(hours=2)),
        (timedelta(hours=24), timedelta(hours=23, minutes=55)),
        (timedelta(days=9), timedelta(hours=23, minutes=55)),
    ],
)
def test_a_page_lives_as_long_as_stripe_allows_with_room_for_late_requests(
    wanted: timedelta, lives: timedelta
) -> None:
    assert stripe().page_lifetime(wanted) == lives


def test_an_authorisation_is_captured_by_hand() -> None:
    assert sent(charge(kind=K.AUTHORIZE))[2]["payment_intent_data[capture_method]"] == "manual"
    assert "payment_intent_data[capture_method]" not in sent(charge())[2]


@pytest.mark.parametrize("language", ["", "ar", "ar-AE", "klingon", "-"])
def test_a_language_that_stripe_has_no_page_in_is_left_out(language: str) -> None:
    assert "locale" not in sent(charge(language=language))[2]


def test_a_description_is_never_empty_nor_too_long() -> None:
    name = "line_items[0][price_data][product_data][name]"
    assert sent(charge(description=""))[2][name] == OURS
    assert len(sent(charge(description="x" * 500))[2][name]) == 250


def test_a_capture_a_void_and_a_refund_name_what_they_follow() -> None:
    capture = {"amount_to_capture": "12550", "metadata[ballast_capture]": OURS}
    assert sent(CAPTURE) == ("POST", "/v1/payment_intents/pi_1/capture", capture)
    reason = {"cancellation_reason": "requested_by_customer"}
    assert sent(VOID) == ("POST", "/v1/payment_intents/pi_1/cancel", reason)
    refund = {"payment_intent": "pi_1", "amount": "12550", "metadata[ballast_operation]": OURS}
    assert sent(REFUND) == ("POST", "/v1/refunds", refund)


def test_a_page_that_nobody_paid_is_closed() -> None:
    assert sent(Void(OURS, MONEY, PAGE)) == ("POST", "/v1/checkout/sessions/cs_1/expire", {})


def test_a_reason_that_is_not_theirs_is_a_note() -> None:
    assert sent(Refund(OURS, MONEY, PAID, "duplicate"))[2]["reason"] == "duplicate"
    noted = sent(Refund(OURS, MONEY, PAID, "too small"))[2]
    assert noted["metadata[reason]"] == "too small"
    assert "reason" not in noted


@pytest.mark.parametrize("parent", [Handle(), PAGE, Handle("pi_1/../../x"), Handle("ch_1")])
def test_money_that_stripe_has_not_named_cannot_be_followed(parent: Handle) -> None:
    for order in (Capture(OURS, MONEY, parent), Refund(OURS, MONEY, parent)):
        with pytest.raises(NotSupported):
            stripe().request_for(order)


def test_the_capture_that_a_refund_follows_is_known_by_its_reference() -> None:
    assert sent(Refund(OURS, MONEY, Handle("pi_9")))[2]["payment_intent"] == "pi_9"


def test_every_try_of_an_order_has_one_key_and_no_other_order_has_it() -> None:
    orders: list[Order] = [charge(), charge(kind=K.AUTHORIZE), CAPTURE, VOID, REFUND]
    keys = [stripe().request_for(order).headers["Idempotency-Key"] for order in orders * 2]
    assert keys[:5] == keys[5:]
    assert len({*keys}) == 5
    assert all(OURS in key and len(key) < 255 for key in keys)


LIST = "/v1/payment_intents"
BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
SINCE = f"{BEGAN.timestamp() - 600:.0f}"
OVER = BEGAN + timedelta(minutes=35)
UNTIL = f"{OVER.timestamp() + 600:.0f}"


@pytest.mark.parametrize(
    ("lookup", "path", "query"),
    [
        (
            Lookup("k", K.CHARGE, PAGE),
            "/v1/checkout/sessions/cs_1",
            {"expand[]": ["payment_intent.latest_charge"]},
        ),
        (
            Lookup("k", K.CHARGE, PAID),
            "/v1/checkout/sessions/cs_1",
            {"expand[]": ["payment_intent.latest_charge"]},
        ),
        (
            Lookup("k", K.CHARGE, Handle("pi_1")),
            "/v1/payment_intents/pi_1",
            {"expand[]": ["latest_charge"]},
        ),
        (Lookup("k", K.CHARGE), LIST, {"limit": ["100"]}),
        (
            Lookup("k", K.CHARGE, began_at=BEGAN, over_at=OVER),
            LIST,
            {"limit": ["100"], "created[gte]": [SINCE], "created[lte]": [UNTIL]},
        ),
        (
            Lookup("k", K.CAPTURE, page="pi_9"),
            LIST,
            {"limit": ["100"], "starting_after": ["pi_9"]},
        ),
        (
            Lookup("k", K.CAPTURE, parent=PAID),
            "/v1/payment_intents/pi_1",
            {"expand[]": ["latest_charge"]},
        ),
        (
            Lookup("k", K.VOID, parent=PAGE),
            "/v1/checkout/sessions/cs_1",
            {"expand[]": ["payment_intent.latest_charge"]},
        ),
        (Lookup("k", K.REFUND, Handle("re_1"), PAID), "/v1/refunds/re_1", {}),
        (
            Lookup("k", K.REFUND, parent=PAID),
            "/v1/refunds",
            {"payment_intent": ["pi_1"], "limit": ["100"]},
        ),
        (Lookup("k", K.REFUND), "/v1/refunds", {"limit": ["100"]}),
        (
            Lookup("k", K.REFUND, parent=PAID, began_at=BEGAN, page="re_9"),
            "/v1/refunds",
            {
                "payment_intent": ["pi_1"],
                "limit": ["100"],
                "created[gte]": [SINCE],
                "starting_after": ["re_9"],
            },
        ),
    ],
)
def test_a_lookup_asks_by_what_is_known(
    lookup: Lookup, path: str, query: dict[str, list[str]]
) -> None:
    method, url, body = sent(lookup)
    assert (method, body) == ("GET", {})
    assert urlsplit(url).path == path
    assert parse_qs(urlsplit(url).query) == query
    assert "Idempotency-Key" not in stripe().request_for(lookup).headers


def test_no_repr_shows_a_secret() -> None:
    order = charge(customer={"email": "a@b.test"})
    shown = repr(stripe()) + repr(stripe().request_for(order)) + repr(order)
    for secret in (KEY, SECRET, "a@b.test"):
        assert secret not in shown


def test_it_can_do_everything_that_there_is() -> None:
    assert stripe().capabilities == frozenset(Capability)
    assert stripe().key_memory == timedelta(hours=24)


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(1099, "USD"), "1099"),
        (Money(500, "JPY"), "500"),
        (Money(500, "XAF"), "500"),
        (Money(500, "ISK"), "50000"),
        (Money(500, "UGX"), "50000"),
        (Money(500, "MGA"), "5"),
        (Money(5120, "KWD"), "5120"),
        (Money(1050, "HUF"), "1050"),
        (Money(1050, "TWD"), "1050"),
    ],
)
def test_an_amount_is_counted_the_way_stripe_counts(money: Money, written: str) -> None:
    name = "line_items[0][price_data][unit_amount]"
    assert sent(charge(money))[2][name] == written
    assert sent(Refund(OURS, money, PAID))[2]["amount"] == written
    assert sent(Capture(OURS, money, PAID))[2]["amount_to_capture"] == written


@pytest.mark.parametrize(
    ("money", "error"),
    [
        (Money(5125, "KWD"), InvalidAmount),
        (Money(1, "TND"), InvalidAmount),
        (Money(550, "MGA"), InvalidAmount),
        (Money(0, "USD"), InvalidAmount),
        (Money(-5, "USD"), InvalidAmount),
        (Money(1000, "IQD"), UnsupportedCurrency),
        (Money(1000, "CLF"), UnsupportedCurrency),
    ],
)
def test_what_stripe_cannot_count_is_refused(money: Money, error: type[Exception]) -> None:
    for order in (charge(money), Refund(OURS, money, PAID), Capture(OURS, money, PAID)):
        with pytest.raises(error):
            stripe().request_for(order)


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(1, 10**15))
def test_an_amount_comes_back_as_it_went(currency: str, amount: int) -> None:
    step = 100 if currency == "MGA" else 10 if EXPONENTS[currency] == 3 else 1
    money = Money(amount * step, currency)
    units = int(sent(Refund(OURS, money, PAID))[2]["amount"])
    body = refund(amount=units, currency=currency.lower())
    assert answered(REFUND, 200, body).money == money


@pytest.mark.parametrize(
    ("currency", "amount", "money"),
    [
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
    ],
)
def test_an_amount_that_cannot_be_read_is_none(
    currency: Any, amount: Any, money: Money | None
) -> None:
    body = refund(amount=amount, currency=currency)
    assert answered(REFUND, 200, body).money == money


def test_every_currency_is_one_that_money_can_be_made_of() -> None:
    assert {*EXPONENTS} >= CURRENCIES
    assert {*stripe_words.UNITS} <= CURRENCIES
    assert {"BHD", "JOD", "KWD", "OMR", "TND"} == stripe_words.ROUNDED
