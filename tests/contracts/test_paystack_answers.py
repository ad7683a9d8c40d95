"""What every answer of Paystack's means."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.messages import Handle, Lookup, Order
from payments.gateways.paystack_facts import STATUSES
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.contracts.paystack_words import (
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
    ok,
    refund,
    reservation,
    transaction,
)


def no(message: str = "no", code: str = "invalid_params", kind: str = "validation_error") -> Any:
    return {"status": False, "message": message, "type": kind, "code": code, "meta": {}}


PAGE = {"authorization_url": "https://pay/x", "access_code": "x", "reference": "k1"}


@pytest.mark.parametrize("name", ["charge", "authorize"])
def test_a_page_is_an_action_for_the_payer(name: str) -> None:
    result = answered(ORDERS[name], 200, ok(PAGE))
    assert result.outcome is Outcome.ACTION_REQUIRED
    assert (result.reference, result.redirect_url) == ("k1", "https://pay/x")


@pytest.mark.parametrize("name", list(ORDERS))
@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, no(), Outcome.DECLINED),
        (404, no(code="not_found"), Outcome.DECLINED),
        (422, {"status": False, "message": "no"}, Outcome.DECLINED),
        (400, no("Duplicate Transaction Reference", "duplicate_reference"), Outcome.UNKNOWN),
        (400, no(kind="processor_error"), Outcome.UNKNOWN),
        (400, no(kind="api_error"), Outcome.UNKNOWN),
        (401, no(code="invalid_Key"), Outcome.NOT_SENT),
        (400, no(code="invalid_Key"), Outcome.NOT_SENT),
        (429, {"status": False, "message": "slow down"}, Outcome.NOT_SENT),
        (403, no(), Outcome.UNKNOWN),
        (500, no(), Outcome.UNKNOWN),
        (200, no(), Outcome.UNKNOWN),
        (502, b"<html>Bad gateway</html>", Outcome.UNKNOWN),
        (400, b"<html>Who are you?</html>", Outcome.UNKNOWN),
        (200, b"<html>Login</html>", Outcome.UNKNOWN),
        (200, b'{"status": true, "da', Outcome.UNKNOWN),
        (200, b"", Outcome.UNKNOWN),
        (200, [], Outcome.UNKNOWN),
        (200, ok(None), Outcome.UNKNOWN),
        (200, ok({}), Outcome.UNKNOWN),
        (200, ok([]), Outcome.UNKNOWN),
        (200, {"status": "true", "data": PAGE}, Outcome.UNKNOWN),
    ],
)
def test_what_is_not_clearly_yes_or_no_is_unknown(
    name: str, status: int, body: Any, outcome: Outcome
) -> None:
    assert answered(ORDERS[name], status, body).outcome is outcome


@pytest.mark.parametrize(
    "page",
    [
        PAGE | {"authorization_url": "javascript:alert(1)"},
        PAGE | {"authorization_url": None},
        PAGE | {"reference": "somebody else's"},
    ],
)
def test_a_page_that_is_not_ours_or_no_page_is_unknown(page: Any) -> None:
    assert answered(charge(), 200, ok(page)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("success", Outcome.SUCCEEDED),
        ("failed", Outcome.DECLINED),
        ("pending", Outcome.PENDING),
        ("ongoing", Outcome.PENDING),
        ("authorized", Outcome.UNKNOWN),
        ("dancing", Outcome.PENDING),
    ],
)
def test_a_capture_tells_what_was_taken(word: str, outcome: Outcome) -> None:
    told = transaction(status=word, reference="auth1", amount=5000, currency="ZAR")
    result = answered(ORDERS["capture"], 200, ok(told))
    assert (result.outcome, result.kind, result.money) == (outcome, CAPTURE, CAPTURED)
    assert (result.reference, result.parent_reference) == ("302961", "auth1")
    assert result.ids == {"transaction": "302961"}


def test_a_release_gives_back_the_whole() -> None:
    result = answered(
        ORDERS["void"], 200, ok({"id": 507, "status": "released", "reference": "auth1"})
    )
    assert (result.outcome, result.kind, result.money) == (
        Outcome.SUCCEEDED, VOID, Money(10000, "ZAR"),
    )  # fmt: skip
    assert (result.reference, result.parent_reference) == ("507", "auth1")


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("pending", Outcome.PENDING),
        ("processing", Outcome.PENDING),
        ("needs-attention", Outcome.PENDING),
        ("processed", Outcome.SUCCEEDED),
        ("failed", Outcome.DECLINED),
    ],
)
def test_a_refund_is_done_when_it_is_processed(word: str, outcome: Outcome) -> None:
    result = answered(ORDERS["refund"], 200, ok(refund(status=word)))
    assert (result.outcome, result.kind, result.money) == (outcome, REFUND, Money(5000, "NGN"))
    assert (result.reference, result.parent_reference) == ("77", "k1")
    assert result.takes_back is (word == "failed")


WORDS = [(kind, word, told) for kind, table in STATUSES.items() for word, told in table.items()]


@pytest.mark.parametrize(("kind", "word", "outcome"), WORDS)
def test_each_word_of_theirs_has_one_meaning(
    kind: OperationKind, word: str, outcome: Outcome
) -> None:
    data = {
        CHARGE: transaction(status=word),
        REFUND: refund(status=word),
    }.get(kind, reservation(status=word))
    lookup = Lookup("auth1" if kind is AUTHORIZE else "k1", kind, Handle("77"), AUTHORIZED)
    result = answered(lookup, 200, ok(data))
    assert (result.outcome, result.kind, result.unlisted_word) == (outcome, kind, "")
    said_no = outcome is Outcome.DECLINED or word == "failed"
    assert (result.failure is not None) is said_no


@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=9))
def test_a_word_that_is_not_listed_is_pending_and_an_alarm(word: str) -> None:
    result = answered(Lookup("k1", CHARGE), 200, ok(transaction(status=word)))
    if word.lower() not in STATUSES[CHARGE]:
        assert (result.outcome, result.unlisted_word) == (Outcome.PENDING, word.lower())


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Declined", FailureCode.CARD_DECLINED),
        ("Insufficient Funds", FailureCode.INSUFFICIENT_FUNDS),
        ("3DS Authentication failed", FailureCode.AUTHENTICATION_FAILED),
        ("Incorrect PIN", FailureCode.AUTHENTICATION_FAILED),
        (None, FailureCode.CARD_DECLINED),
    ],
)
def test_a_decline_says_why(said: Any, code: FailureCode) -> None:
    told = transaction(status="failed", gateway_response=said)
    failure = answered(Lookup("k1", CHARGE), 200, ok(told)).failure
    assert failure is not None
    assert failure.code is code


@pytest.mark.parametrize(
    ("order", "data"),
    [
        (Lookup("k1", CHARGE), transaction(status="reversed")),
        (Lookup("auth1", AUTHORIZE), reservation(status="released")),
    ],
)
def test_what_went_back_takes_back_a_success(order: Order, data: Any) -> None:
    result = answered(order, 200, ok(data))
    assert (result.outcome, result.takes_back) == (Outcome.DECLINED, True)


@pytest.mark.parametrize(
    ("facts", "money"),
    [
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
        ({"amount": [1]}, None),
        ({"currency": "???"}, None),
        ({"currency": None}, None),
    ],
)
def test_the_amount_is_what_was_paid_without_the_fee_on_top(
    facts: dict[str, Any], money: Money | None
) -> None:
    result = answered(Lookup("k1", CHARGE), 200, ok(transaction(**facts)))
    assert (result.outcome, result.money) == (Outcome.SUCCEEDED, money)


NOT_FOUND = no("Transaction reference not found.", "transaction_not_found")


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, ok(transaction()), Outcome.SUCCEEDED),
        (200, ok(transaction(status="abandoned")), Outcome.ACTION_REQUIRED),
        (200, ok(transaction(status="ongoing")), Outcome.ACTION_REQUIRED),
        (400, NOT_FOUND, Outcome.NOT_SENT),
        (404, {"status": False, "message": "Transaction reference not found"}, Outcome.NOT_SENT),
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
    ],
)
def test_a_lookup_tells_what_became_of_a_charge(status: int, body: Any, outcome: Outcome) -> None:
    assert answered(Lookup("k1", CHARGE), status, body).outcome is outcome


def test_a_charge_that_is_found_brings_what_later_orders_need() -> None:
    result = answered(Lookup("k1", CHARGE), 200, ok(transaction()))
    assert (result.reference, result.payment_method) == ("k1", "card")
    assert result.ids == {"transaction": "302961"}


def test_a_capture_is_found_at_its_reservation() -> None:
    found = reservation(status="captured", captured_amount="5000", transaction_id="1504264401")
    result = answered(Lookup("c1", CAPTURE, parent=AUTHORIZED), 200, ok(found))
    assert (result.outcome, result.money, result.reference) == (
        Outcome.SUCCEEDED, CAPTURED, "1504264401",
    )  # fmt: skip


@pytest.mark.parametrize("kind", [CAPTURE, VOID, REFUND])
def test_a_parent_that_is_not_found_says_nothing_of_its_child(kind: OperationKind) -> None:
    lookup = Lookup("x1", kind, Handle("77"), AUTHORIZED)
    assert answered(lookup, 400, NOT_FOUND).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("listed", "outcome"),
    [
        ([refund(status="processed")], Outcome.SUCCEEDED),
        ([refund(merchant_note="#r2"), refund()], Outcome.PENDING),
        ([refund(merchant_note="Refund for transaction k1 by a@b.test")], Outcome.NOT_SENT),
        ([refund(merchant_note=None), 7, None], Outcome.UNKNOWN),
        ([], Outcome.NOT_SENT),
        ([refund(merchant_note="#other")] * 100, Outcome.UNKNOWN),
    ],
)
def test_a_refund_is_found_by_the_note_that_bears_our_key(
    listed: list[Any], outcome: Outcome
) -> None:
    assert answered(Lookup("r1", REFUND, parent=PAID), 200, ok(listed)).outcome is outcome
