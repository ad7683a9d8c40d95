"""Stripe's translator, as tables: its own vectors, every order, answer, word and event."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.crypto.signatures import hmac_hex
from payments.currencies import EXPONENTS
from payments.errors import InvalidAmount, NotSupported, UnsupportedCurrency
from payments.gateways import stripe_objects
from payments.gateways.contract import Capability, Evidence, SignatureInvalid, Unreadable
from payments.gateways.messages import (
    Capture,
    Charge,
    DisputeStatus,
    Family,
    GatewayEvent,
    GatewayResult,
    Handle,
    Lookup,
    Order,
    Refund,
    Void,
)
from payments.gateways.stripe import API_VERSION, BASE, Stripe
from payments.gateways.stripe_objects import CURRENCIES, STATUSES
from payments.gateways.wire import WireResponse
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome

KEY = "sk_test_TESTONLY"
SECRET = "whsec_TESTONLY"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
VECTORS = json.loads(
    (Path(__file__).parent / "cases/stripe/vectors.json").read_text(encoding="utf-8")
)["vectors"]
K = OperationKind
O = Outcome  # noqa: E741 - many rows of tables below
OURS = "k" * 32


def stripe(*secrets: str) -> Stripe:
    return Stripe(KEY, secrets or (SECRET,), BASE, timedelta(seconds=30), timedelta(seconds=120))


# --- signatures


def verdict(vector: dict[str, Any]) -> str:
    gateway = stripe(vector["secret"])
    body = base64.b64decode(vector["body_base64"])
    try:
        now = datetime.fromtimestamp(vector["now"], UTC)
        gateway.verify(tuple((n, v) for n, v in vector["headers"]), body, Evidence(now))
        gateway.events_in(body)
    except (SignatureInvalid, Unreadable):
        return "reject"
    return "accept"


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["id"]) for v in VECTORS])
def test_each_vector_gets_its_verdict(vector: dict[str, Any]) -> None:
    assert verdict(vector) == vector["expected"]


def test_no_vector_is_left_out() -> None:
    assert len(VECTORS) == 12


def signature(body: bytes, at: int = SECONDS, secret: str = SECRET) -> str:
    return hmac_hex(secret.encode(), f"{at}.".encode() + body)


def header(body: bytes, at: int = SECONDS, secret: str = SECRET) -> str:
    return f"t={at},v1={signature(body, at, secret)}"


def verify(given: Any, body: bytes, gateway: Stripe | None = None, now: datetime = NOW) -> None:
    headers = given if isinstance(given, tuple) else (("Stripe-Signature", given),)
    (gateway or stripe()).verify(headers, body, Evidence(now))


BODY = b'{"id":"evt_1","object":"event"}'
SIGNED = signature(BODY)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ((), "missing_header"),
        ("", "missing_header"),
        ((("Stripe-Signature", header(BODY)), ("stripe-signature", "x")), "repeated_header"),
        (f"{header(BODY)},{header(BODY)}", "malformed_header"),
        (f"v1={SIGNED}", "malformed_header"),
        (f"t=,v1={SIGNED}", "malformed_header"),
        (f"t=-{SECONDS},v1={SIGNED}", "malformed_header"),
        (f"t=0{SECONDS},v1={SIGNED}", "malformed_header"),
        (f"t={SECONDS}.0,v1={SIGNED}", "malformed_header"),
        (f"t={'9' * 40},v1={SIGNED}", "malformed_header"),
        (f"t=١٧٦٧٢٢٥٦٠٠,v1={SIGNED}", "malformed_header"),
        (f"t={SECONDS},v0={SIGNED}", "no_v1_signature"),
        (f"t={SECONDS},v1=", "no_v1_signature"),
        (f"t={SECONDS},v1={SIGNED.upper()}", "no_v1_signature"),
        (f"t={SECONDS},V1={SIGNED}", "no_v1_signature"),
        (f"t={SECONDS},v1={SIGNED[:-1]}", "no_v1_signature"),
        (f"t={SECONDS},v1=\ud800{SIGNED}", "no_v1_signature"),
        (f"t={SECONDS + 1},v1={SIGNED}", "signature_mismatch"),
        (header(BODY, secret=KEY), "signature_mismatch"),
        (header(BODY, secret=SECRET.removeprefix("whsec_")), "signature_mismatch"),
    ],
)
def test_a_signature_that_is_not_exactly_theirs_is_refused(given: Any, reason: str) -> None:
    with pytest.raises(SignatureInvalid, match=reason):
        verify(given, BODY)


def test_any_of_several_signatures_and_of_several_secrets_is_enough() -> None:
    old = signature(BODY, secret="whsec_OLD")
    verify(f"t={SECONDS},v1={old},v0=x,v1={SIGNED}", BODY)
    verify(header(BODY), BODY, stripe("whsec_OLD", SECRET))
    with pytest.raises(SignatureInvalid):
        verify(f"t={SECONDS},v1={old}", BODY)


@pytest.mark.parametrize("secrets", [("",), ("", "")])
def test_an_unset_secret_verifies_nothing(secrets: tuple[str, ...]) -> None:
    with pytest.raises(SignatureInvalid, match="no_secret"):
        verify(header(BODY, secret=""), BODY, stripe(*secrets))
    with pytest.raises(SignatureInvalid, match="mismatch"):
        verify(header(BODY, secret=""), BODY, stripe(*secrets, SECRET))


@pytest.mark.parametrize(("age", "passes"), [(0, True), (300, True), (301, False), (-900, True)])
def test_what_is_old_is_a_replay_and_what_is_early_is_a_clock(age: int, passes: bool) -> None:
    given, now = header(BODY), NOW + timedelta(seconds=age)
    if passes:
        verify(given, BODY, now=now)
    else:
        with pytest.raises(SignatureInvalid, match="tolerance"):
            verify(given, BODY, now=now)


@given(st.binary(max_size=200), st.data())
def test_no_altered_body_passes(body: bytes, data: st.DataObject) -> None:
    other = data.draw(st.binary(max_size=200).filter(lambda drawn: drawn != body))
    verify((("STRIPE-SIGNATURE", header(body)),), body)
    with pytest.raises(SignatureInvalid):
        verify(header(body), other)


@given(st.text(max_size=120))
def test_no_odd_header_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify(text, BODY)


# --- what is asked


def charge(money: Money = Money(12550, "AED"), **facts: Any) -> Charge:
    usual: dict[str, Any] = {
        "key": OURS,
        "kind": K.CHARGE,
        "description": "Order 1",
        "return_url": "https://us/return?payment=1",
        "callback_url": "https://us/hook",
    }
    return Charge(money=money, **(usual | facts))


PAID = Handle("cs_1", {"session": "cs_1", "payment_intent": "pi_1", "charge": "ch_1"})
PAGE = Handle("cs_1", {"session": "cs_1"})
MONEY = Money(12550, "AED")
CAPTURE = Capture(OURS, MONEY, PAID)
VOID = Void(OURS, MONEY, PAID)
REFUND = Refund(OURS, MONEY, PAID)


def sent(order: Order) -> tuple[str, str, dict[str, str]]:
    request = stripe().request_for(order)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Stripe-Version"] == API_VERSION
    return request.method, request.url.removeprefix(BASE), dict(parse_qsl(request.body.decode()))


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


SEARCH = "/v1/payment_intents/search"


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
        (Lookup("k", K.CHARGE), SEARCH, {"query": ["metadata['ballast_operation']:'k'"]}),
        (Lookup("k'\\", K.CHARGE), SEARCH, {"query": ["metadata['ballast_operation']:'k'"]}),
        (Lookup("k", K.CAPTURE), SEARCH, {"query": ["metadata['ballast_capture']:'k'"]}),
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


# --- amounts


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


# --- what is answered


def answered(order: Order, status: int, body: Any) -> GatewayResult:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return stripe().result_of(order, WireResponse(status, {}, raw))


def session(**facts: Any) -> dict[str, Any]:
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "mode": "payment",
        "client_reference_id": OURS,
        "metadata": {"ballast_operation": OURS},
        "amount_total": 12550,
        "currency": "aed",
        "status": "open",
        "payment_status": "unpaid",
        "payment_intent": None,
        "url": "https://checkout/c/cs_1",
    } | facts


def intent(status: str = "succeeded", **facts: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 12550,
        "amount_capturable": 12550 if status == "requires_capture" else 0,
        "amount_received": 12550 if status == "succeeded" else 0,
        "capture_method": "automatic_async",
        "currency": "aed",
        "status": status,
        "latest_charge": "ch_1",
        "last_payment_error": None,
        "payment_method_types": ["card"],
        "metadata": {"ballast_operation": OURS},
    } | facts


def held(status: str = "requires_capture", **facts: Any) -> dict[str, Any]:
    return intent(status, **({"capture_method": "manual"} | facts))


def captured(key: str = OURS, **facts: Any) -> dict[str, Any]:
    metadata = {"ballast_operation": "a" * 32, "ballast_capture": key}
    return held("succeeded", **({"metadata": metadata} | facts))


def refund(status: str = "succeeded", **facts: Any) -> dict[str, Any]:
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 12550,
        "currency": "aed",
        "status": status,
        "payment_intent": "pi_1",
        "charge": "ch_1",
        "metadata": {"ballast_operation": OURS},
    } | facts


def error(kind: str = "invalid_request_error", **facts: Any) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "said so"} | facts}


def declined(code: str = "card_declined", decline: str = "generic_decline") -> dict[str, Any]:
    card = {"type": "card_error", "code": code, "decline_code": decline, "message": "No."}
    return {"last_payment_error": card}


def test_a_page_is_an_action_for_the_payer() -> None:
    result = answered(charge(), 200, session())
    assert result.outcome is O.ACTION_REQUIRED
    assert (result.reference, result.redirect_url) == ("cs_1", "https://checkout/c/cs_1")
    assert result.ids == {"session": "cs_1"}


EFFECTS: list[Any] = [charge(), charge(kind=K.AUTHORIZE), CAPTURE, VOID, REFUND]


@pytest.mark.parametrize("order", EFFECTS, ids=["charge", "authorize", "capture", "void", "refund"])
@pytest.mark.parametrize(
    ("status", "body", "outcome", "failure"),
    [
        (400, error(code="amount_too_small"), O.DECLINED, FailureCode.PROVIDER_ERROR),
        (402, error("card_error", code="card_declined"), O.DECLINED, FailureCode.CARD_DECLINED),
        (
            402,
            error("card_error", code="card_declined", decline_code="insufficient_funds"),
            O.DECLINED,
            FailureCode.INSUFFICIENT_FUNDS,
        ),
        (
            402,
            error("card_error", code="authentication_required"),
            O.DECLINED,
            FailureCode.AUTHENTICATION_FAILED,
        ),
        (404, error(code="resource_missing"), O.DECLINED, FailureCode.PROVIDER_ERROR),
        (401, error(), O.NOT_SENT, FailureCode.PROVIDER_ERROR),
        (403, error(), O.NOT_SENT, FailureCode.PROVIDER_ERROR),
        (429, error(code="rate_limit"), O.NOT_SENT, FailureCode.PROVIDER_ERROR),
        (429, b"<html>slow down</html>", O.NOT_SENT, FailureCode.PROVIDER_ERROR),
        (400, error("idempotency_error"), O.UNKNOWN, None),
        (409, error("idempotency_error", code="idempotency_key_in_use"), O.UNKNOWN, None),
        (409, error(), O.UNKNOWN, None),
        (400, error("api_error"), O.UNKNOWN, None),
        (400, {"error": "odd"}, O.UNKNOWN, None),
        (403, b"<html>firewall</html>", O.UNKNOWN, None),
        (404, b"<html>not here</html>", O.UNKNOWN, None),
        (500, error("api_error"), O.UNKNOWN, None),
        (500, error(), O.UNKNOWN, None),
        (502, b"<html>Bad gateway</html>", O.UNKNOWN, None),
        (503, b"", O.UNKNOWN, None),
        (302, b"", O.UNKNOWN, None),
        (200, b"<html>Login</html>", O.UNKNOWN, None),
        (200, b'{"id": "cs_', O.UNKNOWN, None),
        (200, b"", O.UNKNOWN, None),
        (200, b"\xff\xfe\x00", O.UNKNOWN, None),
        (200, b"[" * 9999, O.UNKNOWN, None),
        (200, [], O.UNKNOWN, None),
        (200, {}, O.UNKNOWN, None),
        (200, {"id": "xx_1", "object": "customer", "status": "succeeded"}, O.UNKNOWN, None),
    ],
)
def test_what_is_not_clearly_yes_or_no_is_unknown(
    order: Order, status: int, body: Any, outcome: Outcome, failure: FailureCode | None
) -> None:
    result = answered(order, status, body)
    assert result.outcome is outcome
    assert (result.failure.code if result.failure else None) is failure


@pytest.mark.parametrize(
    "facts",
    [
        {"url": None},
        {"url": "javascript:alert(1)"},
        {"url": "https://" + "x" * 3000},
        {"id": None},
        {"id": "../x"},
        {"status": "expired"},
        {"status": "complete", "payment_status": "paid"},
        {"object": "payment_link"},
    ],
)
def test_an_answer_without_a_page_to_go_to_is_unknown(facts: dict[str, Any]) -> None:
    assert answered(charge(), 200, session(**facts)).outcome is O.UNKNOWN


@pytest.mark.parametrize(
    ("body", "outcome", "money"),
    [
        (captured(), O.SUCCEEDED, Money(12550, "AED")),
        (captured(amount_received=5000), O.SUCCEEDED, Money(5000, "AED")),
        (held("processing"), O.PENDING, Money(0, "AED")),
        (held(), O.UNKNOWN, None),
        (captured("b" * 32), O.DECLINED, Money(12550, "AED")),
        (held("canceled"), O.DECLINED, Money(0, "AED")),
        (held("levitating"), O.PENDING, Money(0, "AED")),
        (held(""), O.UNKNOWN, None),
        (refund(), O.UNKNOWN, None),
        (session(status="complete"), O.UNKNOWN, None),
    ],
)
def test_what_a_capture_took(body: Any, outcome: Outcome, money: Money | None) -> None:
    result = answered(CAPTURE, 200, body)
    assert (result.outcome, result.money) == (outcome, money)
    if outcome is O.SUCCEEDED:
        assert (result.kind, result.reference) == (K.CAPTURE, "pi_1")
        assert result.ids == {"payment_intent": "pi_1", "charge": "ch_1"}


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (held("canceled"), O.SUCCEEDED),
        (captured(), O.DECLINED),
        (held("processing"), O.PENDING),
        (held(), O.UNKNOWN),
        (session(status="expired"), O.SUCCEEDED),
        (session(), O.UNKNOWN),
        (session(status="complete", payment_intent="pi_1"), O.UNKNOWN),
        (held("levitating"), O.PENDING),
    ],
)
def test_what_a_void_released(body: Any, outcome: Outcome) -> None:
    result = answered(VOID, 200, body)
    assert result.outcome is outcome
    if outcome is O.SUCCEEDED:
        assert (result.kind, result.money) == (K.VOID, MONEY)


@pytest.mark.parametrize(
    ("status", "outcome", "takes_back"),
    [
        ("succeeded", O.SUCCEEDED, False),
        ("pending", O.PENDING, False),
        ("requires_action", O.PENDING, False),
        ("failed", O.DECLINED, True),
        ("canceled", O.DECLINED, True),
        ("levitating", O.PENDING, False),
    ],
)
def test_what_a_refund_gave_back(status: str, outcome: Outcome, takes_back: bool) -> None:
    result = answered(REFUND, 200, refund(status))
    assert (result.outcome, result.takes_back) == (outcome, takes_back)
    assert (result.kind, result.reference, result.parent_reference) == (K.REFUND, "re_1", "pi_1")
    assert result.ids == {"refund": "re_1", "payment_intent": "pi_1", "charge": "ch_1"}
    assert result.money == MONEY
    assert result.unlisted_word == ("levitating" if status == "levitating" else "")
    assert bool(result.failure) is takes_back


# --- what a lookup finds

ASKED = Lookup(OURS, K.CHARGE, PAGE)
ASKED_HELD = Lookup(OURS, K.AUTHORIZE, PAGE)


def paid_page(body: dict[str, Any], **facts: Any) -> dict[str, Any]:
    usual = {"status": "complete", "payment_status": "paid", "url": None}
    return session(**(usual | {"payment_intent": body} | facts))


@pytest.mark.parametrize(
    ("body", "outcome", "failure"),
    [
        (session(), O.ACTION_REQUIRED, None),
        (
            session(payment_intent=intent("requires_payment_method")),
            O.ACTION_REQUIRED,
            None,
        ),
        (
            session(payment_intent=intent("requires_payment_method", **declined())),
            O.ACTION_REQUIRED,
            FailureCode.CARD_DECLINED,
        ),
        (session(payment_intent=intent("requires_action")), O.ACTION_REQUIRED, None),
        (session(payment_intent=intent("processing")), O.PENDING, None),
        (session(payment_intent=intent()), O.SUCCEEDED, None),
        (session(status="expired"), O.DECLINED, FailureCode.EXPIRED),
        (
            session(status="expired", payment_intent=intent("canceled")),
            O.DECLINED,
            FailureCode.EXPIRED,
        ),
        (session(status="levitating"), O.PENDING, None),
        (session(status=None), O.UNKNOWN, None),
        (paid_page(intent()), O.SUCCEEDED, None),
        (paid_page({}, payment_intent="pi_1"), O.SUCCEEDED, None),
        (paid_page({}, payment_intent="pi_1", payment_status="unpaid"), O.PENDING, None),
        (paid_page({}, payment_intent="pi_1", payment_status="levitating"), O.PENDING, None),
        (paid_page(intent("processing"), payment_status="unpaid"), O.PENDING, None),
        (paid_page(intent("requires_action"), payment_status="unpaid"), O.PENDING, None),
        (
            paid_page(intent("requires_payment_method", **declined())),
            O.DECLINED,
            FailureCode.CARD_DECLINED,
        ),
        (paid_page(intent("canceled")), O.DECLINED, FailureCode.CANCELLED_BY_PAYER),
        (paid_page(intent("levitating")), O.PENDING, None),
        (session(client_reference_id="other", metadata={}), O.UNKNOWN, None),
        (session(metadata="odd", client_reference_id=7), O.UNKNOWN, None),
    ],
)
def test_a_lookup_tells_what_became_of_the_page(
    body: Any, outcome: Outcome, failure: FailureCode | None
) -> None:
    result = answered(ASKED, 200, body)
    assert result.outcome is outcome
    assert (result.failure.code if result.failure else None) is failure
    assert "levitating" not in json.dumps(body) or result.unlisted_word == "levitating"
    if outcome is O.SUCCEEDED:
        assert result.money == MONEY
        assert (result.reference, result.parent_reference) == ("cs_1", "pi_1")
        assert result.ids["payment_intent"] == "pi_1"
    if outcome is O.ACTION_REQUIRED:
        assert result.redirect_url == "https://checkout/c/cs_1"


def test_money_that_is_reserved_was_authorised_and_stays_so_after_its_capture() -> None:
    now = answered(ASKED_HELD, 200, paid_page(held(), payment_status="unpaid"))
    assert (now.outcome, now.kind, now.money) == (O.SUCCEEDED, K.AUTHORIZE, MONEY)
    taken = captured(amount_received=5000)
    later = answered(ASKED_HELD, 200, paid_page(taken))
    assert (later.outcome, later.kind, later.money) == (O.SUCCEEDED, K.AUTHORIZE, MONEY)


def test_a_reservation_that_ended_takes_the_success_back() -> None:
    gone = held("canceled", cancellation_reason="automatic")
    result = answered(ASKED_HELD, 200, paid_page(gone, payment_status="unpaid"))
    assert (result.outcome, result.takes_back) == (O.DECLINED, True)
    assert result.failure
    assert result.failure.code is FailureCode.EXPIRED


def found(*entries: Any, **facts: Any) -> dict[str, Any]:
    return {"object": "search_result", "data": list(entries), "has_more": False} | facts


@pytest.mark.parametrize(
    ("body", "outcome", "also"),
    [
        (found(), O.NOT_SENT, ()),
        (found(has_more=True), O.UNKNOWN, ()),
        (found(has_more=None), O.UNKNOWN, ()),
        (found(data=None), O.UNKNOWN, ()),
        (found(intent()), O.SUCCEEDED, ()),
        (found(intent("requires_payment_method"), intent()), O.SUCCEEDED, ()),
        (found(intent(), intent(id="pi_2")), O.SUCCEEDED, ("pi_2",)),
        (found(intent("processing")), O.PENDING, ()),
        (found(intent(metadata={})), O.NOT_SENT, ()),
        (found(None, 1, "x"), O.NOT_SENT, ()),
    ],
)
def test_a_lookup_without_a_reference_searches_by_our_key(
    body: Any, outcome: Outcome, also: tuple[str, ...]
) -> None:
    result = answered(Lookup(OURS, K.CHARGE), 200, body)
    assert (result.outcome, result.also_taken) == (outcome, also)
    if outcome is O.SUCCEEDED:
        assert result.reference == "pi_1"


@pytest.mark.parametrize(
    ("kind", "body", "outcome"),
    [
        (K.CAPTURE, captured(), O.SUCCEEDED),
        (K.CAPTURE, held(), O.NOT_SENT),
        (K.CAPTURE, captured("b" * 32), O.DECLINED),
        (K.CAPTURE, held("canceled"), O.DECLINED),
        (K.CAPTURE, paid_page(captured()), O.SUCCEEDED),
        (K.CAPTURE, paid_page({}, payment_intent="pi_1"), O.UNKNOWN),
        (K.CAPTURE, found(), O.NOT_SENT),
        (K.VOID, held("canceled"), O.SUCCEEDED),
        (K.VOID, held(), O.NOT_SENT),
        (K.VOID, captured(), O.DECLINED),
        (K.VOID, session(), O.NOT_SENT),
        (K.VOID, session(status="expired"), O.SUCCEEDED),
        (K.VOID, paid_page(held("canceled")), O.SUCCEEDED),
        (K.REFUND, found(object="list"), O.NOT_SENT),
        (K.REFUND, found(refund(), object="list"), O.SUCCEEDED),
        (K.REFUND, found(refund(metadata={}), refund("pending"), object="list"), O.PENDING),
        (K.REFUND, found(refund(metadata={}), object="list"), O.NOT_SENT),
        (K.REFUND, found(refund(metadata={}), object="list", has_more=True), O.UNKNOWN),
        (K.REFUND, refund("failed"), O.DECLINED),
        (K.REFUND, refund(metadata={}), O.UNKNOWN),
    ],
)
def test_a_lookup_tells_what_became_of_a_follow_up(
    kind: OperationKind, body: Any, outcome: Outcome
) -> None:
    result = answered(Lookup(OURS, kind, parent=PAID), 200, body)
    assert result.outcome is outcome
    if outcome is O.SUCCEEDED:
        assert (result.kind, result.money) == (kind, MONEY)


@pytest.mark.parametrize("kind", list(K))
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, error(code="resource_missing")),
        (401, error()),
        (429, error()),
        (400, error()),
        (500, paid_page(intent())),
        (200, b"<html>"),
        (200, []),
        (200, None),
        (200, {"object": "checkout.session"}),
    ],
)
def test_a_lookup_that_fails_tells_nothing(kind: OperationKind, status: int, body: Any) -> None:
    assert answered(Lookup(OURS, kind, PAGE, PAID), status, body).outcome is O.UNKNOWN


# --- what is told


def event(name: str, thing: Any, **facts: Any) -> GatewayEvent:
    news = {"id": "evt_1", "object": "event", "type": name, "data": {"object": thing}} | facts
    (only,) = stripe().events_in(json.dumps(news).encode())
    return only


@pytest.mark.parametrize(
    ("name", "thing", "outcome", "kind"),
    [
        ("checkout.session.completed", paid_page({}, payment_intent="pi_1"), O.SUCCEEDED, None),
        (
            "checkout.session.completed",
            paid_page({}, payment_intent="pi_1", payment_status="unpaid"),
            O.PENDING,
            None,
        ),
        (
            "checkout.session.async_payment_succeeded",
            paid_page({}, payment_intent="pi_1"),
            O.SUCCEEDED,
            None,
        ),
        (
            "checkout.session.async_payment_failed",
            paid_page({}, payment_intent="pi_1", payment_status="unpaid"),
            O.DECLINED,
            None,
        ),
        ("checkout.session.expired", session(status="expired"), O.DECLINED, None),
        ("payment_intent.succeeded", intent(), O.SUCCEEDED, K.CHARGE),
        ("payment_intent.amount_capturable_updated", held(), O.SUCCEEDED, K.AUTHORIZE),
        ("payment_intent.processing", intent("processing"), O.PENDING, None),
        ("payment_intent.requires_action", intent("requires_action"), O.ACTION_REQUIRED, None),
        (
            "payment_intent.payment_failed",
            intent("requires_payment_method", **declined()),
            O.PENDING,
            None,
        ),
        ("payment_intent.canceled", held("canceled"), O.DECLINED, None),
        ("payment_intent.canceled", intent("canceled"), O.DECLINED, None),
    ],
)
def test_news_of_a_payment(
    name: str, thing: Any, outcome: Outcome, kind: OperationKind | None
) -> None:
    told = event(name, thing)
    assert (told.id, told.type, told.key, told.family) == ("evt_1", name, OURS, Family.PAYMENT)
    assert told.result
    assert (told.result.outcome, told.result.kind) == (outcome, kind)
    assert "pi_1" in told.references or name.endswith("expired")
    if outcome is O.SUCCEEDED:
        assert told.result.money == MONEY
        assert told.result.ids["payment_intent"] == "pi_1"


def test_news_of_an_intent_never_contradicts_the_page_that_we_know_it_by() -> None:
    told = event("payment_intent.succeeded", intent()).result
    assert told
    assert (told.reference, told.payment_method) == ("", "card")


@pytest.mark.parametrize(
    ("facts", "failure"),
    [
        (declined(), FailureCode.CARD_DECLINED),
        (declined(decline="insufficient_funds"), FailureCode.INSUFFICIENT_FUNDS),
        (declined("expired_card", ""), FailureCode.CARD_DECLINED),
        (declined("processing_error", ""), FailureCode.PROVIDER_ERROR),
        (declined("authentication_required", ""), FailureCode.AUTHENTICATION_FAILED),
        (
            declined("payment_intent_authentication_failure", ""),
            FailureCode.AUTHENTICATION_FAILED,
        ),
    ],
)
def test_a_declined_card_leaves_the_page_to_be_paid(
    facts: dict[str, Any], failure: FailureCode
) -> None:
    told = event("payment_intent.payment_failed", intent("requires_payment_method", **facts))
    assert told.result
    assert told.result.outcome is O.PENDING
    assert told.result.failure
    assert told.result.failure.code is failure


def test_every_word_of_an_intent_has_a_meaning() -> None:
    for word, outcome in STATUSES.items():
        told = event("payment_intent.something", intent(word)).result
        assert told
        assert (told.outcome, told.unlisted_word) == (outcome, "")


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=9)


@given(WORDS.filter(lambda word: word not in STATUSES))
def test_a_word_that_is_not_listed_is_pending_and_an_alarm(word: str) -> None:
    told = event("payment_intent.something", intent(word)).result
    assert told
    assert (told.outcome, told.unlisted_word) == (O.PENDING, word)


def test_a_capture_of_ours_is_told_under_its_own_key() -> None:
    told = event("payment_intent.succeeded", captured(amount_received=5000))
    assert told.key == OURS
    assert told.result
    assert (told.result.kind, told.result.money) == (K.CAPTURE, Money(5000, "AED"))
    assert told.result.reference == "pi_1"


def test_a_capture_in_the_dashboard_is_told_under_the_reservations_key() -> None:
    told = event("payment_intent.succeeded", held("succeeded"))
    assert (told.key, told.result and told.result.kind) == (OURS, K.CAPTURE)


def test_a_void_of_ours_is_told_as_what_it_is() -> None:
    asked = stripe().request_for(Void("v" * 32, MONEY, PAID)).headers["Idempotency-Key"]
    cause = {"id": "req_1", "idempotency_key": asked}
    told = event("payment_intent.canceled", held("canceled"), request=cause)
    assert told.key == "v" * 32
    assert told.result
    assert (told.result.outcome, told.result.kind) == (O.SUCCEEDED, K.VOID)


@pytest.mark.parametrize("cause", [None, "req_1", {"id": None}, {"idempotency_key": "theirs"}])
def test_a_reservation_that_somebody_else_ended_takes_the_success_back(cause: Any) -> None:
    told = event("payment_intent.canceled", held("canceled"), request=cause)
    assert told.key == OURS
    assert told.result
    assert told.result.takes_back


@pytest.mark.parametrize(
    "name", ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"]
)
def test_news_of_a_refund(name: str) -> None:
    told = event(name, refund("failed" if "failed" in name else "succeeded"))
    assert (told.family, told.key) == (Family.REFUND, OURS)
    assert told.references == ("re_1", "pi_1", "ch_1")
    assert told.result
    assert (told.result.kind, told.result.parent_reference) == (K.REFUND, "pi_1")
    assert told.result.takes_back is ("failed" in name)


def test_a_refund_in_the_dashboard_is_known_by_its_references() -> None:
    told = event("refund.created", refund(metadata={}))
    assert (told.key, told.references) == ("", ("re_1", "pi_1", "ch_1"))


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("warning_needs_response", DisputeStatus.OPEN),
        ("warning_under_review", DisputeStatus.OPEN),
        ("warning_closed", DisputeStatus.WON),
        ("needs_response", DisputeStatus.OPEN),
        ("under_review", DisputeStatus.OPEN),
        ("won", DisputeStatus.WON),
        ("lost", DisputeStatus.LOST),
        ("prevented", DisputeStatus.WON),
        ("levitating", DisputeStatus.OPEN),
    ],
)
def test_news_of_a_dispute(status: str, meaning: DisputeStatus) -> None:
    thing = {
        "id": "du_1",
        "object": "dispute",
        "amount": 12550,
        "currency": "aed",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "reason": "fraudulent",
        "status": status,
        "evidence_details": {"due_by": SECONDS},
    }
    told = event("charge.dispute.created", thing)
    assert (told.family, told.result) == (Family.DISPUTE, None)
    assert told.references == ("pi_1", "ch_1")
    assert told.dispute
    assert (told.dispute.reference, told.dispute.status) == ("du_1", meaning)
    assert (told.dispute.money, told.dispute.reason) == (MONEY, "fraudulent")
    assert told.dispute.deadline == NOW


@pytest.mark.parametrize("due", [None, "soon", 10**30, -1, 0, 1.5, True, []])
def test_a_deadline_that_cannot_be_read_is_none(due: Any) -> None:
    thing = {"id": "du_1", "object": "dispute", "evidence_details": {"due_by": due}}
    told = event("charge.dispute.created", thing)
    assert told.dispute
    assert told.dispute.deadline is None


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("payment_intent.created", Family.PAYMENT),
        ("charge.succeeded", Family.PAYMENT),
        ("charge.captured", Family.PAYMENT),
        ("charge.refunded", Family.REFUND),
        ("customer.subscription.created", Family.SUBSCRIPTION),
        ("invoice.paid", Family.INVOICE),
        ("payout.paid", Family.TRANSFER),
        ("transfer.created", Family.TRANSFER),
        ("customer.created", Family.OTHER),
        ("radar.early_fraud_warning.created", Family.OTHER),
    ],
)
def test_what_does_not_concern_us_has_no_result(name: str, family: Family) -> None:
    thing = intent() if name.startswith("payment_intent") else {"object": "x", "id": "x_1"}
    told = event(name, thing)
    assert (told.family, told.result, told.dispute) == (family, None, None)
    assert (told.key, told.references) == ("", ())


def test_a_page_for_a_subscription_is_not_ours() -> None:
    told = event("checkout.session.completed", paid_page({}, mode="subscription"))
    assert told.result is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b"{}",
        b"[" * 9999,
        b'{"id": ' + b"9" * 5000 + b"}",
        b'{"id": "evt_1", "object": "v2.core.event", "type": "x", "data": {"object": {}}}',
        b'{"id": "evt_1", "object": "event", "type": "x"}',
        b'{"id": "evt_1", "object": "event", "type": "x", "data": {"object": "pi_1"}}',
        b'{"id": 7, "object": "event", "data": {"object": {}}}',
        b'{"id": "", "object": "event", "data": {"object": {}}}',
        b'{"id": "evt_\\u0000", "object": "event", "data": {"object": {}}}',
    ],
)
def test_a_signed_body_that_is_no_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        stripe().events_in(body)


def test_what_no_database_can_hold_is_left_out() -> None:
    half = "\ud800\x00"
    card = {"type": "card_error", "message": f"no{half}", "code": half}
    odd = intent(
        "requires_payment_method",
        metadata={"ballast_operation": half + "k"},
        latest_charge=half,
        last_payment_error=card,
    )
    shown = repr(event("payment_intent" + half, odd))
    assert "\x00" not in shown
    assert "\\x00" not in shown
    assert "\\ud800" not in shown


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.sampled_from(
        ["payment_intent", "checkout.session", "refund", "dispute", "succeeded", "complete", "paid"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([*session(), *intent(), *refund(), "error", "data", "evidence_details"]),
        inner, max_size=6),
)  # fmt: skip


def says_yes(body: Any) -> bool:
    return isinstance(body, dict) and body.get("status") == "succeeded"


@given(ODD, st.sampled_from([200, 400, 402, 409, 500]))
def test_no_answer_however_odd_is_taken_for_a_success(body: Any, status: int) -> None:
    for order in EFFECTS:
        result = answered(order, status, body)
        assert result.outcome is not O.SUCCEEDED or (status == 200 and order.kind is not K.CHARGE)
    for kind in K:
        result = answered(Lookup(OURS, kind, PAGE, PAID), status, body)
        assert result.outcome is not O.SUCCEEDED or kind is K.VOID or OURS in json.dumps(body)


@given(st.dictionaries(st.sampled_from([*session(), *intent(), *refund(), "x"]), ODD), ODD)
def test_no_news_however_odd_breaks_anything(thing: dict[str, Any], other: Any) -> None:
    for kind in ("payment_intent", "checkout.session", "refund", "dispute", "x"):
        told = event("x.y", thing | {"object": kind}, request=other, type=other)
        assert len(told.type) <= 80
        assert told.result is None or told.result.outcome is not O.SUCCEEDED or says_paid(thing)


def says_paid(thing: dict[str, Any]) -> bool:
    inner = thing.get("payment_intent")
    return says_yes(thing) or says_yes(inner) or thing.get("payment_status") == "paid"


def test_nothing_secret_or_personal_is_kept_of_the_conversation() -> None:
    body = session(
        customer_details={"name": "Amal", "email": "a@b.test"}, client_secret="cs_1_secret_x"
    )
    kept = json.dumps(answered(charge(), 200, body).exchange)
    told = event("checkout.session.completed", body).result
    assert told
    for secret in ("Amal", "a@b.test", "cs_1_secret_x", KEY, SECRET):
        assert secret not in kept + json.dumps(told.exchange)


def test_every_currency_is_one_that_money_can_be_made_of() -> None:
    assert {*EXPONENTS} >= CURRENCIES
    assert {*stripe_objects.UNITS} <= CURRENCIES
    assert {"BHD", "JOD", "KWD", "OMR", "TND"} == stripe_objects.ROUNDED
