"""What every answer of Flutterwave's means."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.flutterwave_facts import STATUSES
from payments.gateways.messages import Lookup
from payments.money import Money
from payments.statuses import FailureCode, Outcome
from tests.contracts.flutterwave_words import (
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

PAGE = {"link": "https://pay/x"}


def test_a_page_is_an_action_for_the_payer_and_has_no_id_yet() -> None:
    result = answered(charge(), 200, ok(PAGE))
    assert result.outcome is Outcome.ACTION_REQUIRED
    assert (result.reference, result.redirect_url, result.ids) == ("k1", "https://pay/x", {})


@pytest.mark.parametrize("name", list(ORDERS))
@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, no(), Outcome.DECLINED),
        (404, no(), Outcome.DECLINED),
        (422, no(), Outcome.DECLINED),
        (401, no("Invalid authorization key"), Outcome.NOT_SENT),
        (403, no(), Outcome.NOT_SENT),
        (429, no("slow down"), Outcome.NOT_SENT),
        (403, b"<html>Forbidden</html>", Outcome.UNKNOWN),
        (400, {"message": "no"}, Outcome.UNKNOWN),
        (409, no(), Outcome.UNKNOWN),
        (500, no(), Outcome.UNKNOWN),
        (200, no(), Outcome.UNKNOWN),
        (502, b"<html>Bad gateway</html>", Outcome.UNKNOWN),
        (200, b"<html>Login</html>", Outcome.UNKNOWN),
        (200, b'{"status": "success", "da', Outcome.UNKNOWN),
        (200, b"", Outcome.UNKNOWN),
        (200, [], Outcome.UNKNOWN),
        (200, ok(None), Outcome.UNKNOWN),
        (200, ok({}), Outcome.UNKNOWN),
        (200, ok({"link": "javascript:alert(1)"}), Outcome.UNKNOWN),
        (200, {"status": True, "data": PAGE}, Outcome.UNKNOWN),
    ],
)
def test_what_is_not_clearly_yes_or_no_is_unknown(
    name: str, status: int, body: Any, outcome: Outcome
) -> None:
    assert answered(ORDERS[name], status, body).outcome is outcome


@pytest.mark.parametrize(("word", "outcome"), STATUSES[CHARGE].items())
def test_each_word_of_a_charge_has_one_meaning(word: str, outcome: Outcome) -> None:
    result = answered(Lookup("k1", CHARGE), 200, listed(transaction(status=word)))
    assert (result.outcome, result.kind, result.unlisted_word) == (outcome, CHARGE, "")
    said_no = outcome is Outcome.DECLINED or word == "failed"
    assert (result.failure is not None) is said_no


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        *STATUSES[REFUND].items(),
        ("completed-mpgs", Outcome.SUCCEEDED),
        ("completed-bank-transfer", Outcome.SUCCEEDED),
        ("Completed-Momo", Outcome.SUCCEEDED),
        ("uncompleted", Outcome.PENDING),
    ],
)
def test_each_word_of_a_refund_has_one_meaning(word: str, outcome: Outcome) -> None:
    result = answered(ORDERS["refund"], 200, ok(refund(status=word)))
    assert (result.outcome, result.kind, result.money) == (outcome, REFUND, REFUNDED)
    assert (result.reference, result.parent_reference) == ("8612", "8415006")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=9))
def test_a_word_that_is_not_listed_is_pending_and_an_alarm(word: str) -> None:
    result = answered(Lookup("k1", CHARGE), 200, listed(transaction(status=word)))
    if word.lower() not in STATUSES[CHARGE]:
        assert (result.outcome, result.unlisted_word) == (Outcome.PENDING, word.lower())


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Declined", FailureCode.CARD_DECLINED),
        ("Insufficient Funds", FailureCode.INSUFFICIENT_FUNDS),
        ("Incorrect PIN", FailureCode.AUTHENTICATION_FAILED),
        (None, FailureCode.CARD_DECLINED),
    ],
)
def test_a_decline_says_why(said: Any, code: FailureCode) -> None:
    told = listed(transaction(status="failed", processor_response=said))
    failure = answered(Lookup("k1", CHARGE), 200, told).failure
    assert failure is not None
    assert failure.code is code


@pytest.mark.parametrize(
    ("facts", "money"),
    [
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
        ({"amount": [1]}, None),
        ({"currency": "???"}, None),
        ({"currency": None}, None),
    ],
)
def test_the_amount_is_what_was_paid_without_the_fee_on_top(
    facts: dict[str, Any], money: Money | None
) -> None:
    result = answered(Lookup("k1", CHARGE), 200, listed(transaction(**facts)))
    assert (result.outcome, result.money) == (Outcome.SUCCEEDED, money)


FAILED = transaction(id=1, status="failed")


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, listed(transaction()), Outcome.SUCCEEDED),
        (200, listed(FAILED, transaction()), Outcome.SUCCEEDED),
        (200, listed(transaction(), FAILED), Outcome.SUCCEEDED),
        (200, listed(FAILED, transaction(status="pending")), Outcome.PENDING),
        (200, listed(FAILED), Outcome.PENDING),
        (200, listed(FAILED, transaction(status="voided")), Outcome.DECLINED),
        (200, listed(), Outcome.NOT_SENT),
        (200, listed(pages=0), Outcome.NOT_SENT),
        (200, ok([]), Outcome.UNKNOWN),
        (200, listed(transaction(tx_ref="somebody else's"), 7, None), Outcome.NOT_SENT),
        (200, listed(transaction(tx_ref="somebody else's"), pages=9), Outcome.UNKNOWN),
        (200, listed(transaction(status=None)), Outcome.UNKNOWN),
        (200, ok(None), Outcome.UNKNOWN),
        (200, no(), Outcome.UNKNOWN),
        (400, no("No transaction was found for this id"), Outcome.UNKNOWN),
        (401, no(), Outcome.UNKNOWN),
        (429, no(), Outcome.UNKNOWN),
        (500, listed(transaction()), Outcome.UNKNOWN),
        (200, b"<html>", Outcome.UNKNOWN),
        (200, b'{"status": "success", "data": [{"id', Outcome.UNKNOWN),
    ],
)
def test_a_lookup_tells_what_became_of_a_page(status: int, body: Any, outcome: Outcome) -> None:
    assert answered(Lookup("k1", CHARGE), status, body).outcome is outcome


def test_a_card_that_was_declined_leaves_its_page_open_for_another() -> None:
    poor = transaction(id=2, status="failed", processor_response="Insufficient Funds")
    result = answered(Lookup("k1", CHARGE), 200, listed(FAILED, poor))
    assert result.outcome is Outcome.PENDING
    assert result.failure is not None
    assert result.failure.code is FailureCode.INSUFFICIENT_FUNDS
    busy = listed(FAILED, transaction(id=2, status="pending"), transaction(id=3, status="failed"))
    assert answered(Lookup("k1", CHARGE), 200, busy).failure is None


def test_a_page_that_was_paid_twice_names_every_further_transaction() -> None:
    paid = [transaction(id=number) for number in (11, 9, 10)]
    result = answered(Lookup("k1", CHARGE), 200, listed(*paid))
    assert (result.reference, result.ids["transaction"]) == ("k1", "9")
    assert result.also_taken == ("10", "11")


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (ok(refund()), Outcome.SUCCEEDED),
        (listed(refund(comments="#r2"), refund(status="pending")), Outcome.PENDING),
        (listed(refund(comments="by hand")), Outcome.NOT_SENT),
        (listed(refund(comments=None)), Outcome.UNKNOWN),
        (listed(refund(comments=None, tx_id=None)), Outcome.UNKNOWN),
        (listed(refund(comments=None, amount_refunded="?")), Outcome.UNKNOWN),
        (listed(refund(comments=None, tx_id=8415007)), Outcome.NOT_SENT),
        (listed(refund(comments=None, amount_refunded=1000)), Outcome.NOT_SENT),
        (listed(refund(comments=None), refund()), Outcome.SUCCEEDED),
        (listed(refund(comments="by hand"), pages=2), Outcome.UNKNOWN),
        (listed(), Outcome.NOT_SENT),
        (ok([]), Outcome.UNKNOWN),
        (ok([refund(comments="by hand")]), Outcome.UNKNOWN),
    ],
)
def test_a_refund_is_found_by_the_comment_that_bears_our_key(body: Any, outcome: Outcome) -> None:
    lookup = Lookup("r1", REFUND, parent=PAID, money=REFUNDED)
    result = answered(lookup, 200, body)
    assert result.outcome is outcome
    assert result.money in (None, REFUNDED)


def page(number: Any, pages: Any, *entries: Any) -> dict[str, Any]:
    return ok(list(entries)) | {
        "meta": {"page_info": {"current_page": number, "total_pages": pages}}
    }


OTHER = refund(comments="by hand")


@pytest.mark.parametrize(
    ("asked", "body", "outcome", "next_page"),
    [
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
    ],
)
def test_refunds_are_read_page_by_page_until_the_last(
    asked: str, body: Any, outcome: Outcome, next_page: str
) -> None:
    lookup = Lookup("r1", REFUND, parent=PAID, money=REFUNDED, page=asked)
    result = answered(lookup, 200, body)
    assert (result.outcome, result.next_page) == (outcome, next_page)
