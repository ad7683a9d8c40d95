"""What Stripe answers, as tables: every order, status and word; what a lookup finds."""

import json
from typing import Any

import pytest

from payments.gateways.messages import (
    Lookup,
    Order,
)
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.contracts.stripe_words import (
    CAPTURE,
    EFFECTS,
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
    held,
    intent,
    paid_page,
    refund,
    session,
)


def test_a_page_is_an_action_for_the_payer() -> None:
    result = answered(charge(), 200, session())
    assert result.outcome is O.ACTION_REQUIRED
    assert (result.reference, result.redirect_url) == ("cs_1", "https://checkout/c/cs_1")
    assert result.ids == {"session": "cs_1"}


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


ASKED = Lookup(OURS, K.CHARGE, PAGE)
ASKED_HELD = Lookup(OURS, K.AUTHORIZE, PAGE)


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
    return {"object": "list", "data": list(entries), "has_more": False} | facts


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
def test_a_lookup_without_a_reference_finds_our_key_in_a_list(
    body: Any, outcome: Outcome, also: tuple[str, ...]
) -> None:
    result = answered(Lookup(OURS, K.CHARGE), 200, body)
    assert (result.outcome, result.also_taken) == (outcome, also)
    if outcome is O.SUCCEEDED:
        assert result.reference == "pi_1"


@pytest.mark.parametrize(
    ("entries", "has_more", "outcome", "next_page"),
    [
        ((intent(id="pi_8", metadata={}), intent(id="pi_7", metadata={})), True, O.UNKNOWN, "pi_7"),
        ((intent("processing"), intent(id="pi_7", metadata={})), True, O.PENDING, "pi_7"),
        ((intent(), intent(id="pi_7", metadata={})), True, O.SUCCEEDED, ""),
        ((intent(id="pi_7", metadata={}),), False, O.NOT_SENT, ""),
        ((intent(id="../x", metadata={}),), True, O.UNKNOWN, ""),
    ],
)
def test_a_list_is_read_on_until_money_is_found(
    entries: Any, has_more: bool, outcome: Outcome, next_page: str
) -> None:
    result = answered(Lookup(OURS, K.CHARGE), 200, found(*entries, has_more=has_more))
    assert (result.outcome, result.next_page) == (outcome, next_page)


def test_a_capture_is_found_in_a_list_by_its_own_name_alone() -> None:
    others = held("canceled", id="pi_8"), captured("b" * 32, id="pi_9")
    asked = Lookup(OURS, K.CAPTURE)
    assert answered(asked, 200, found(*others)).outcome is O.NOT_SENT
    assert answered(asked, 200, found(*others, captured())).outcome is O.SUCCEEDED


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
        (K.REFUND, found(refund()), O.SUCCEEDED),
        (K.REFUND, found(refund(metadata={}), refund("pending")), O.PENDING),
        (K.REFUND, found(refund(metadata={})), O.NOT_SENT),
        (K.REFUND, found(refund(metadata={}), has_more=True), O.UNKNOWN),
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
