"""What every answer of PayPal's means."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.messages import GatewayResult, Handle, Lookup, Order
from payments.gateways.paypal.words import AUTHORIZATIONS, CAPTURES, ORDERS, REFUNDS, VOIDS
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.contracts.paypal_words import (
    APPROVED,
    AUTHORIZE_ORDER,
    CAPTURE,
    CAPTURE_ORDER,
    EFFECTS,
    ODD,
    ORDER,
    REFUND,
    RESERVED,
    SECRET,
    TAKEN,
    VOID,
    answered,
    charge,
    error,
    order,
    payment,
)

LOOKUP = Lookup("k1", OperationKind.CHARGE, ORDER)


@pytest.mark.parametrize("rel", ["payer-action", "approve"])
@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("word", ["CREATED", "PAYER_ACTION_REQUIRED"])
def test_a_page_is_an_action_for_the_payer(rel: str, status: int, word: str) -> None:
    links = [{"href": "https://pay/O1", "rel": rel}]
    result = answered(charge(), status, order(word) | {"links": links})
    assert result.outcome is Outcome.ACTION_REQUIRED
    assert (result.reference, result.redirect_url) == ("O1", "https://pay/O1")
    assert result.ids == {"order": "O1"}


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


@pytest.mark.parametrize("asked", [*EFFECTS, LOOKUP], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(("status", "body"), UNCLEAR)
def test_what_is_not_clearly_yes_or_no_is_unknown(asked: Order, status: int, body: Any) -> None:
    assert answered(asked, status, body).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "links", [[], None, {}, ["x"], [{"rel": "payer-action", "href": "javascript:alert(1)"}]]
)
def test_a_page_without_an_address_is_unknown(links: Any) -> None:
    result = answered(charge(), 201, order("CREATED") | {"links": links})
    assert (result.outcome, result.redirect_url) == (Outcome.UNKNOWN, "")
    assert answered(LOOKUP, 200, order("CREATED") | {"links": links}).outcome is (
        Outcome.ACTION_REQUIRED
    )


@pytest.mark.parametrize("asked", EFFECTS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, error("RATE_LIMIT_REACHED")),
        (429, b"<html>slow down</html>"),
        (401, error("AUTHENTICATION_FAILURE")),
        (401, {"error": "invalid_token", "error_description": "Token signature failed"}),
        (403, error("NOT_AUTHORIZED", "PERMISSION_DENIED")),
    ],
)
def test_too_many_calls_or_a_wrong_key_did_nothing(asked: Order, status: int, body: Any) -> None:
    assert answered(asked, status, body).outcome is Outcome.NOT_SENT


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, error("RATE_LIMIT_REACHED")),
        (401, error("AUTHENTICATION_FAILURE")),
        (403, error("NOT_AUTHORIZED")),
        (400, error("INVALID_REQUEST")),
    ],
)
def test_a_lookup_that_was_turned_away_tells_nothing(status: int, body: Any) -> None:
    assert answered(LOOKUP, status, body).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, error("INVALID_REQUEST", "INVALID_STRING_LENGTH"), FailureCode.PROVIDER_ERROR),
        (404, error("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"), FailureCode.PROVIDER_ERROR),
        (422, error("UNPROCESSABLE_ENTITY", "CURRENCY_NOT_SUPPORTED"), FailureCode.PROVIDER_ERROR),
        (422, error("UNPROCESSABLE_ENTITY", "TRANSACTION_REFUSED"), FailureCode.CARD_DECLINED),
        (422, error("UNPROCESSABLE_ENTITY", "AUTHORIZATION_EXPIRED"), FailureCode.EXPIRED),
        (422, error("UNPROCESSABLE_ENTITY", "REFUND_AMOUNT_EXCEEDED"), FailureCode.PROVIDER_ERROR),
        (422, error("UNPROCESSABLE_ENTITY"), FailureCode.PROVIDER_ERROR),
    ],
)
@pytest.mark.parametrize("asked", EFFECTS, ids=lambda each: type(each).__name__)
def test_a_definite_refusal_is_a_decline_with_its_reason(
    asked: Order, status: int, body: Any, code: FailureCode
) -> None:
    result = answered(asked, status, body)
    assert result.outcome is Outcome.DECLINED
    assert result.failure is not None
    assert result.failure.code is code
    assert result.failure.message == ("said so" if body["details"] else "It failed")


@pytest.mark.parametrize(
    ("asked", "issue"),
    [
        (CAPTURE_ORDER, "ORDER_ALREADY_CAPTURED"),
        (AUTHORIZE_ORDER, "ORDER_ALREADY_AUTHORIZED"),
        (CAPTURE, "AUTHORIZATION_ALREADY_CAPTURED"),
        (CAPTURE, "DUPLICATE_INVOICE_ID"),
        (VOID, "PREVIOUSLY_VOIDED"),
        (REFUND, "CAPTURE_FULLY_REFUNDED"),
    ],
)
def test_what_an_earlier_try_may_have_done_is_looked_up(asked: Order, issue: str) -> None:
    assert answered(asked, 422, error("UNPROCESSABLE_ENTITY", issue)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("asked", [CAPTURE_ORDER, AUTHORIZE_ORDER])
@pytest.mark.parametrize("issue", ["INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED"])
def test_a_card_that_is_refused_sends_the_payer_back_to_the_page(asked: Order, issue: str) -> None:
    links = [{"href": "https://pay/O1", "rel": "payer-action"}]
    result = answered(asked, 422, error("UNPROCESSABLE_ENTITY", issue, links=links))
    assert result.outcome is Outcome.PENDING
    assert result.redirect_url == "https://pay/O1"
    assert result.failure is not None


@pytest.mark.parametrize("asked", [CAPTURE_ORDER, AUTHORIZE_ORDER])
def test_an_order_that_nobody_approved_waits_and_nothing_failed(asked: Order) -> None:
    result = answered(asked, 422, error("UNPROCESSABLE_ENTITY", "ORDER_NOT_APPROVED"))
    assert (result.outcome, result.failure) == (Outcome.ACTION_REQUIRED, None)


def test_a_reservation_has_no_page_to_go_back_to() -> None:
    result = answered(CAPTURE, 422, error("UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED"))
    assert result.outcome is Outcome.DECLINED


@pytest.mark.parametrize(
    ("intent", "kind"),
    [("CAPTURE", OperationKind.CHARGE), ("AUTHORIZE", OperationKind.AUTHORIZE)],
)
def test_an_approved_order_is_not_paid_but_needs_its_next_step(
    intent: str, kind: OperationKind
) -> None:
    result = answered(Lookup("k1", kind, ORDER), 200, order("APPROVED", intent))
    assert (result.outcome, result.kind) == (Outcome.PENDING, kind)
    assert result.ids == {"order": "O1", "needs": "capture", "intent": intent.lower()}
    assert (result.redirect_url, result.unlisted_word) == ("", "")


CAPTURE_WORDS = [
    ("COMPLETED", Outcome.SUCCEEDED),
    ("PARTIALLY_REFUNDED", Outcome.SUCCEEDED),
    ("REFUNDED", Outcome.SUCCEEDED),
    ("PENDING", Outcome.PENDING),
    ("DECLINED", Outcome.DECLINED),
    ("FAILED", Outcome.DECLINED),
]
AUTHORIZATION_WORDS = [
    ("CREATED", Outcome.SUCCEEDED),
    ("CAPTURED", Outcome.SUCCEEDED),
    ("PARTIALLY_CAPTURED", Outcome.SUCCEEDED),
    ("PENDING", Outcome.PENDING),
    ("DENIED", Outcome.DECLINED),
    ("VOIDED", Outcome.DECLINED),
]
REFUND_WORDS = [
    ("COMPLETED", Outcome.SUCCEEDED),
    ("PENDING", Outcome.PENDING),
    ("FAILED", Outcome.DECLINED),
    ("CANCELLED", Outcome.DECLINED),
]
VOID_WORDS = [
    ("VOIDED", Outcome.SUCCEEDED),
    ("CREATED", Outcome.NOT_SENT),
    ("PENDING", Outcome.NOT_SENT),
    ("PARTIALLY_CAPTURED", Outcome.NOT_SENT),
    ("CAPTURED", Outcome.DECLINED),
    ("DENIED", Outcome.DECLINED),
]
ORDER_WORDS = [
    ("CREATED", Outcome.ACTION_REQUIRED),
    ("SAVED", Outcome.ACTION_REQUIRED),
    ("PAYER_ACTION_REQUIRED", Outcome.ACTION_REQUIRED),
    ("APPROVED", Outcome.PENDING),
    ("COMPLETED", Outcome.UNKNOWN),
    ("VOIDED", Outcome.DECLINED),
]


def test_every_word_of_the_tables_is_tried_below() -> None:
    for tried, table in [
        (CAPTURE_WORDS, CAPTURES),
        (AUTHORIZATION_WORDS, AUTHORIZATIONS),
        (REFUND_WORDS, REFUNDS),
        (VOID_WORDS, VOIDS),
        (ORDER_WORDS, ORDERS),
    ]:
        assert dict(tried) == table


@pytest.mark.parametrize(("word", "outcome"), CAPTURE_WORDS)
@pytest.mark.parametrize("asked", [CAPTURE_ORDER, LOOKUP])
def test_a_completed_order_is_what_its_capture_is(
    asked: Order, word: str, outcome: Outcome
) -> None:
    status = 201 if asked is CAPTURE_ORDER else 200
    result = answered(asked, status, order(captures=[payment(word)]))
    assert (result.outcome, result.reference) == (outcome, "O1")
    assert result.money == Money(2500, "USD")
    assert result.ids == {"order": "O1", "capture": "P1"}
    assert result.payment_method == "paypal"
    assert (result.failure is not None) is (outcome is Outcome.DECLINED)
    assert result.kind is (OperationKind.CHARGE if asked is LOOKUP else None)


@pytest.mark.parametrize(("word", "outcome"), AUTHORIZATION_WORDS)
@pytest.mark.parametrize("asked", [AUTHORIZE_ORDER, Lookup("k1", OperationKind.AUTHORIZE, ORDER)])
def test_an_authorised_order_is_what_its_authorisation_is(
    asked: Order, word: str, outcome: Outcome
) -> None:
    captures = [payment(id="C7")]
    body = order("COMPLETED", "AUTHORIZE", authorizations=[payment(word)], captures=captures)
    result = answered(asked, 200, body)
    assert (result.outcome, result.reference) == (outcome, "O1")
    assert result.money == Money(2500, "USD")
    assert result.ids == {"order": "O1", "authorization": "P1"}
    assert result.takes_back is (word == "VOIDED")


@pytest.mark.parametrize(("word", "outcome"), ORDER_WORDS)
def test_an_order_without_payments_is_what_its_own_word_says(word: str, outcome: Outcome) -> None:
    assert answered(LOOKUP, 200, order(word)).outcome is outcome


@pytest.mark.parametrize(("word", "outcome"), CAPTURE_WORDS)
def test_a_capture_of_a_reservation_has_its_own_reference(word: str, outcome: Outcome) -> None:
    up = [{"rel": "up", "href": "https://api/v2/payments/authorizations/A1"}]
    result = answered(CAPTURE, 201, payment(word, id="C2", links=up))
    assert (result.outcome, result.kind) == (outcome, OperationKind.CAPTURE)
    assert (result.reference, result.parent_reference) == ("C2", "A1")
    assert result.ids == {"authorization": "A1", "capture": "C2"}
    assert result.money == Money(2500, "USD")


@pytest.mark.parametrize(("word", "outcome"), REFUND_WORDS)
@pytest.mark.parametrize("asked", [REFUND, Lookup("k4", OperationKind.REFUND, Handle("R1"), TAKEN)])
def test_a_refund_is_told_with_its_capture(asked: Order, word: str, outcome: Outcome) -> None:
    up = [{"rel": "up", "href": "https://api/v2/payments/captures/C1"}]
    result = answered(asked, 200, payment(word, id="R1", links=up))
    assert (result.outcome, result.kind) == (outcome, OperationKind.REFUND)
    assert (result.reference, result.parent_reference) == ("R1", "C1")
    assert result.ids == {"refund": "R1", "capture": "C1"}
    assert result.money == Money(2500, "USD")


@pytest.mark.parametrize(("word", "outcome"), VOID_WORDS)
def test_a_void_happened_when_the_reservation_is_void(word: str, outcome: Outcome) -> None:
    lookup = Lookup("k3", OperationKind.VOID, parent=RESERVED)
    result = answered(lookup, 200, payment(word, id="A1"))
    assert (result.outcome, result.kind) == (outcome, OperationKind.VOID)


def test_an_empty_answer_to_a_void_is_its_success() -> None:
    result = answered(VOID, 204, b"")
    assert (result.outcome, result.money) == (Outcome.SUCCEEDED, Money(2500, "USD"))
    assert result.reference == "A1"
    assert answered(VOID, 200, payment("VOIDED", id="A1")).outcome is Outcome.SUCCEEDED
    assert answered(REFUND, 204, b"").outcome is Outcome.UNKNOWN


LISTED = {*ORDERS, *CAPTURES, *REFUNDS, *VOIDS}
WORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=5
).filter(lambda word: word.upper() not in LISTED)


@given(WORDS)
def test_a_word_that_is_not_listed_is_pending_and_an_alarm(word: str) -> None:
    said: list[tuple[Order, Any]] = [
        (LOOKUP, order(word)),
        (LOOKUP, order(captures=[payment(word)])),
        (CAPTURE, payment(word)),
        (REFUND, payment(word)),
        (VOID, payment(word)),
    ]
    for asked, body in said:
        result = answered(asked, 200, body)
        assert result.outcome is Outcome.PENDING
        assert result.unlisted_word == word.upper()


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("5120", FailureCode.INSUFFICIENT_FUNDS),
        ("0500", FailureCode.CARD_DECLINED),
        ("", FailureCode.CARD_DECLINED),
        (5120, FailureCode.CARD_DECLINED),
    ],
)
def test_a_declined_capture_says_why(code: Any, failure: FailureCode) -> None:
    declined = payment("DECLINED", processor_response={"response_code": code})
    result = answered(LOOKUP, 200, order(captures=[declined]))
    assert result.failure is not None
    assert result.failure.code is failure


def test_an_order_that_was_captured_twice_names_the_second() -> None:
    captures = [payment("DECLINED", id="C0"), payment(id="C1"), payment(id="C2")]
    result = answered(LOOKUP, 200, order(captures=captures))
    assert (result.reference, result.also_taken) == ("O1", ("C2",))
    assert result.ids["capture"] == "C1"


@pytest.mark.parametrize(
    ("kind", "name"), [(OperationKind.REFUND, "refunds"), (OperationKind.CAPTURE, "captures")]
)
def test_a_follow_up_whose_answer_was_lost_is_found_by_our_key(
    kind: OperationKind, name: str
) -> None:
    ours = payment(id="P2", custom_id="k1", invoice_id="k9")
    others = payment(id="P1", custom_id="k1", invoice_id="k8")
    lookup = Lookup("k9", kind, parent=RESERVED)

    def looked_up(*entries: Any) -> GatewayResult:
        payments = {"authorizations": [payment("PARTIALLY_CAPTURED")], name: list(entries)}
        return answered(lookup, 200, order("COMPLETED", "AUTHORIZE", **payments))

    found = looked_up(others, ours)
    assert (found.outcome, found.reference) == (Outcome.SUCCEEDED, "P2")
    assert found.kind is kind
    assert looked_up(ours, payment(id="P3", invoice_id="k9")).also_taken == ("P3",)
    assert looked_up(others).outcome is Outcome.NOT_SENT
    assert looked_up().outcome is Outcome.NOT_SENT
    assert looked_up(payment(id="P4")).outcome is Outcome.UNKNOWN


def test_the_capture_of_an_order_is_found_in_it() -> None:
    lookup = Lookup("k1", OperationKind.CAPTURE, parent=APPROVED)
    assert answered(lookup, 200, order(captures=[payment()])).outcome is Outcome.SUCCEEDED
    assert answered(lookup, 200, order("APPROVED")).ids["needs"] == "capture"


def test_an_order_that_paypal_never_heard_of_was_not_sent() -> None:
    missing = error("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
    assert answered(LOOKUP, 404, missing).outcome is Outcome.NOT_SENT
    for kind in (OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND):
        lookup = Lookup("k", kind, parent=Handle("O1", {"order": "O1", "authorization": "A1"}))
        assert answered(lookup, 404, missing).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("amount", "money"),
    [
        ({"currency_code": "USD", "value": "25.00"}, Money(2500, "USD")),
        ({"currency_code": "USD", "value": "25"}, Money(2500, "USD")),
        ({"currency_code": "USD", "value": "25.000"}, Money(2500, "USD")),
        ({"currency_code": "JPY", "value": "1200"}, Money(1200, "JPY")),
        ({"currency_code": "HUF", "value": "1200"}, Money(120000, "HUF")),
        ({"currency_code": "USD", "value": "25.001"}, None),
        ({"currency_code": "USD", "value": "-25.00"}, None),
        ({"currency_code": "USD", "value": "1e3"}, None),
        ({"currency_code": "USD", "value": "NaN"}, None),
        ({"currency_code": "USD", "value": "٢٥"}, None),
        ({"currency_code": "USD", "value": "9" * 32}, None),
        ({"currency_code": "USD", "value": 25.0}, None),
        ({"currency_code": "???", "value": "25.00"}, None),
        ({"currency_code": ["USD"], "value": "25.00"}, None),
        ({"value": "25.00"}, None),
        ("25.00 USD", None),
        (None, None),
    ],
)
def test_the_amount_is_what_really_moved(amount: Any, money: Money | None) -> None:
    assert answered(REFUND, 201, payment(amount=amount)).money == money


@given(ODD, st.sampled_from([200, 201, 400, 404, 409, 422, 500]))
def test_no_answer_however_odd_is_taken_for_a_success(body: Any, status: int) -> None:
    for asked in [*EFFECTS, LOOKUP, Lookup("k", OperationKind.REFUND, parent=TAKEN)]:
        result = answered(asked, status, body)
        if result.outcome is Outcome.SUCCEEDED:
            # Then it says so itself, by name.
            assert status in (200, 201)
            assert isinstance(body.get("id"), str)
            assert isinstance(body.get("status"), str)


def test_nothing_secret_or_personal_is_kept_of_the_conversation() -> None:
    body = order(captures=[payment()])
    body["purchase_units"][0]["shipping"] = {"name": {"full_name": "Amal Haddad"}}
    kept = json.dumps(answered(LOOKUP, 200, body).exchange)
    for secret in ("Amal", "Haddad", "a@b.test", SECRET):
        assert secret not in kept
    assert "COMPLETED" in kept
