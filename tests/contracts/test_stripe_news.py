"""What Stripe tells unasked, as tables; and that nothing odd is ever taken for a success."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.contract import Unreadable
from payments.gateways.messages import (
    DisputeStatus,
    Family,
    Lookup,
    Void,
)
from payments.gateways.stripe_words import STATUSES
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.contracts.stripe_words import (
    EFFECTS,
    KEY,
    MONEY,
    NOW,
    OURS,
    PAGE,
    PAID,
    SECONDS,
    SECRET,
    K,
    O,
    answered,
    captured,
    charge,
    declined,
    event,
    held,
    intent,
    paid_page,
    refund,
    session,
    stripe,
)


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
