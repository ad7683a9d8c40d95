"""What PayPal's notifications tell."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.contract import Unreadable
from payments.gateways.messages import DisputeLookup, DisputeStatus, Family, GatewayEvent, Handle
from payments.gateways.paypal.words import DISPUTES
from payments.gateways.wire import WireResponse
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.contracts.paypal_words import NAMES, ODD, SANDBOX, error, order, payment, paypal


def event(word: str, resource: Any, **facts: Any) -> GatewayEvent:
    news = {"id": "WH-1", "event_type": word, "resource": resource} | facts
    (found,) = paypal().events_in(json.dumps(news).encode())
    return found


def related(**ids: str) -> dict[str, Any]:
    return {"supplementary_data": {"related_ids": ids}}


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
        b'{"id":"WH-1"}',
        b'{"id":1,"event_type":"X","resource":{"id":"1"}}',
        b'{"id":"WH-1","event_type":"X","resource":[]}',
        b'{"id":"WH-1","event_type":"X","resource":{}}',
        b'{"id":"","event_type":"X","resource":{"id":"1"}}',
    ],
)
def test_a_signed_body_that_is_no_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        paypal().events_in(body)


def test_an_approved_order_is_news_that_asks_for_its_capture() -> None:
    found = event("CHECKOUT.ORDER.APPROVED", order("APPROVED"))
    assert (found.id, found.type, found.key) == ("WH-1", "checkout.order.approved", "k1")
    assert found.family is Family.PAYMENT
    assert found.result is not None
    assert found.result.outcome is Outcome.PENDING
    assert found.result.ids == {"order": "O1", "needs": "capture", "intent": "capture"}
    assert found.references == ("O1",)


def test_an_approval_that_nobody_used_is_over() -> None:
    resource = {"order_id": "O1", "purchase_units": [{"custom_id": "k1"}]}
    found = event("CHECKOUT.PAYMENT-APPROVAL.REVERSED", resource)
    assert (found.key, found.references) == ("k1", ("O1",))
    assert found.result is not None
    assert found.result.outcome is Outcome.DECLINED
    assert found.result.failure is not None
    assert found.result.failure.code is FailureCode.EXPIRED


@pytest.mark.parametrize(
    ("word", "status", "outcome"),
    [
        ("PAYMENT.CAPTURE.COMPLETED", "COMPLETED", Outcome.SUCCEEDED),
        ("PAYMENT.CAPTURE.PENDING", "PENDING", Outcome.PENDING),
        ("PAYMENT.CAPTURE.DECLINED", "DECLINED", Outcome.DECLINED),
        ("PAYMENT.CAPTURE.DENIED", "DECLINED", Outcome.DECLINED),
    ],
)
def test_a_capture_of_an_order_is_news_of_the_charge(
    word: str, status: str, outcome: Outcome
) -> None:
    found = event(word, payment(status, custom_id="k1", **related(order_id="O1")))
    assert (found.key, found.family) == ("k1", Family.PAYMENT)
    assert found.references == ("O1", "P1")
    assert found.result is not None
    assert (found.result.outcome, found.result.kind) == (outcome, OperationKind.CHARGE)
    assert (found.result.reference, found.result.money) == ("O1", Money(2500, "USD"))
    assert found.result.ids == {"order": "O1", "capture": "P1"}


def test_a_capture_of_a_reservation_bears_its_own_key_as_invoice_number() -> None:
    ids = related(order_id="O1", authorization_id="A1")
    found = event("PAYMENT.CAPTURE.COMPLETED", payment(custom_id="k1", invoice_id="k2", **ids))
    assert found.key == "k2"
    assert found.result is not None
    assert found.result.kind is OperationKind.CAPTURE
    assert (found.result.reference, found.result.parent_reference) == ("P1", "A1")
    assert found.result.ids == {"order": "O1", "authorization": "A1", "capture": "P1"}
    by_hand = event("PAYMENT.CAPTURE.COMPLETED", payment(custom_id="k1", **ids))
    assert by_hand.key == "k1"


@pytest.mark.parametrize(
    ("word", "status", "outcome"),
    [
        ("PAYMENT.AUTHORIZATION.CREATED", "CREATED", Outcome.SUCCEEDED),
        ("PAYMENT.AUTHORIZATION.VOIDED", "VOIDED", Outcome.DECLINED),
    ],
)
def test_a_reservation_is_news_of_the_authorisation(
    word: str, status: str, outcome: Outcome
) -> None:
    found = event(word, payment(status, custom_id="k1", **related(order_id="O1")))
    assert found.key == "k1"
    assert found.result is not None
    assert (found.result.outcome, found.result.kind) == (outcome, OperationKind.AUTHORIZE)
    assert (found.result.reference, found.result.takes_back) == ("O1", status == "VOIDED")
    assert found.result.ids == {"order": "O1", "authorization": "P1"}


@pytest.mark.parametrize(
    ("word", "status", "outcome"),
    [
        ("PAYMENT.CAPTURE.REFUNDED", "COMPLETED", Outcome.SUCCEEDED),
        ("PAYMENT.REFUND.PENDING", "PENDING", Outcome.PENDING),
        ("PAYMENT.REFUND.FAILED", "FAILED", Outcome.DECLINED),
    ],
)
def test_a_refund_is_news_of_its_own(word: str, status: str, outcome: Outcome) -> None:
    up = [{"rel": "up", "href": "https://api/v2/payments/captures/C1"}]
    found = event(word, payment(status, id="R1", custom_id="k4", links=up))
    assert (found.key, found.family) == ("k4", Family.REFUND)
    assert found.references == ("R1", "C1")
    assert found.result is not None
    assert (found.result.outcome, found.result.kind) == (outcome, OperationKind.REFUND)
    assert (found.result.reference, found.result.parent_reference) == ("R1", "C1")


def test_a_reversed_capture_takes_the_success_back() -> None:
    up = [{"rel": "up", "href": "https://api/v2/payments/captures/C1"}]
    found = event("PAYMENT.CAPTURE.REVERSED", payment(id="R1", custom_id="k1", links=up))
    assert (found.key, found.family) == ("k1", Family.PAYMENT)
    assert found.result is not None
    assert (found.result.outcome, found.result.takes_back) == (Outcome.DECLINED, True)
    assert (found.result.parent_reference, found.result.unlisted_word) == ("C1", "")


def dispute(status: str = "WAITING_FOR_SELLER_RESPONSE", code: str = "") -> dict[str, Any]:
    return {
        "dispute_id": "PP-D-1",
        "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "status": status,
        "dispute_amount": {"currency_code": "USD", "value": "25.00"},
        "seller_response_due_date": "2026-01-11T00:00:00.000Z",
        "disputed_transactions": [{"seller_transaction_id": "C1", "custom": "k1"}],
        "dispute_outcome": {"outcome_code": code},
    }


def test_a_dispute_is_told_with_its_payment_amount_and_deadline() -> None:
    found = event("CUSTOMER.DISPUTE.CREATED", dispute())
    assert (found.family, found.key, found.references) == (Family.DISPUTE, "k1", ("C1",))
    assert found.result is None
    assert found.dispute is not None
    assert found.dispute.reference == "PP-D-1"
    assert found.dispute.status is DisputeStatus.OPEN
    assert found.dispute.money == Money(2500, "USD")
    assert found.dispute.reason == "merchandise_or_service_not_received"
    assert found.dispute.deadline == datetime(2026, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "code", "standing"),
    [("RESOLVED", code, standing) for code, standing in DISPUTES.items()]
    + [
        ("RESOLVED", "RESOLVED_WITH_PAYOUT", DisputeStatus.OPEN),
        ("RESOLVED", "", DisputeStatus.OPEN),
        ("UNDER_REVIEW", "RESOLVED_BUYER_FAVOUR", DisputeStatus.OPEN),
        ("OTHER", "", DisputeStatus.OPEN),
    ],
)
def test_a_dispute_stands_open_until_somebody_is_told_to_have_won(
    status: str, code: str, standing: DisputeStatus
) -> None:
    found = event("CUSTOMER.DISPUTE.RESOLVED", dispute(status, code))
    assert found.dispute is not None
    assert found.dispute.status is standing


def of_dispute(reference: str = "PP-D-1", key: str = "k1", **ids: str) -> DisputeLookup:
    return DisputeLookup(reference, key, Handle("O1", ids), Money(2500, "USD"))


def test_a_dispute_is_asked_about_by_its_own_id() -> None:
    request = paypal().dispute_request(of_dispute("PP-D/1"), "token")
    assert request is not None
    assert (request.method, request.url) == ("GET", f"{SANDBOX}/v1/customer/disputes/PP-D%2F1")
    assert request.headers["Authorization"] == "Bearer token"
    assert paypal().dispute_request(of_dispute("")) is None


@pytest.mark.parametrize(
    ("asked", "status", "answer", "is_told"),
    [
        (of_dispute(), 200, dispute("RESOLVED", "RESOLVED_BUYER_FAVOUR"), True),
        (of_dispute(key="other", capture="C1"), 200, dispute("RESOLVED", "ACCEPTED"), True),
        (of_dispute(key="other", capture="C2"), 200, dispute("RESOLVED", "ACCEPTED"), False),
        (of_dispute("PP-D-2"), 200, dispute("RESOLVED", "ACCEPTED"), False),
        (of_dispute(), 404, error("RESOURCE_NOT_FOUND"), False),
        (of_dispute(), 500, dispute("RESOLVED", "ACCEPTED"), False),
        (of_dispute(), 200, [], False),
        (of_dispute(), 200, {"dispute_id": "PP-D-1"}, False),
        (of_dispute(key=""), 200, dispute() | {"disputed_transactions": [{"custom": ""}]}, False),
    ],
)
def test_only_its_own_dispute_confirms_a_charge(
    asked: DisputeLookup, status: int, answer: Any, is_told: bool
) -> None:
    told = paypal().dispute_of(asked, WireResponse(status, {}, json.dumps(answer).encode()))
    assert (told is not None) is is_told
    if told:
        assert (told.status, told.money) == (DisputeStatus.LOST, Money(2500, "USD"))


def test_a_dispute_may_be_all_but_empty() -> None:
    found = event("CUSTOMER.DISPUTE.UPDATED", {"dispute_id": "PP-D-1", "dispute_outcome": 7})
    assert found.dispute is not None
    assert (found.dispute.money, found.dispute.deadline) == (None, None)


@pytest.mark.parametrize(
    ("word", "family"),
    [
        ("BILLING.SUBSCRIPTION.PAYMENT.FAILED", Family.SUBSCRIPTION),
        ("PAYMENT.SALE.COMPLETED", Family.SUBSCRIPTION),
        ("PAYMENT.SALE.REFUNDED", Family.SUBSCRIPTION),
        ("INVOICING.INVOICE.PAID", Family.INVOICE),
        ("PAYMENT.PAYOUTSBATCH.SUCCESS", Family.TRANSFER),
        ("PAYMENT.PAYOUTS-ITEM.UNCLAIMED", Family.TRANSFER),
        ("VAULT.PAYMENT-TOKEN.CREATED", Family.OTHER),
        ("SOMETHING.NEW", Family.OTHER),
    ],
)
def test_news_that_is_not_ours_has_its_family_and_no_result(word: str, family: Family) -> None:
    found = event(word, payment(custom_id="k1"))
    assert (found.family, found.result, found.dispute) == (family, None, None)


def test_an_event_keeps_its_id_over_all_tries_and_it_fits() -> None:
    assert event("X", {"id": "1"}, id="WH-2").id == "WH-2"
    long = event("X", {"id": "1"}, id="W" * 5000).id
    assert len(long) < 150
    assert long != event("X", {"id": "1"}, id="W" * 5001).id


def test_nothing_that_no_database_holds_survives() -> None:
    news = rb'{"id":"W\u0000H\ud800","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":'
    news += rb'{"id":"C\u0000\udfff","status":"COMPLETED","custom_id":"k\u0000\ud800"}}'
    (found,) = paypal().events_in(news)
    assert (found.id, found.key) == ("WH?", "k?")
    assert found.result is not None
    for text in (found.id, found.key, *found.references, *found.result.ids.values()):
        assert "\x00" not in text
        text.encode()


TYPES = [
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.REVERSED",
    "PAYMENT.AUTHORIZATION.VOIDED",
    "PAYMENT.REFUND.FAILED",
    "CUSTOMER.DISPUTE.CREATED",
    "VAULT.X",
]


@given(
    st.dictionaries(
        st.sampled_from([*NAMES, *dispute(), "supplementary_data"]), ODD, min_size=1, max_size=8
    ),
    st.sampled_from(TYPES),
)
def test_odd_news_never_raises_and_never_invents_a_success(resource: Any, word: str) -> None:
    found = event(word, resource)
    if found.result and found.result.outcome is Outcome.SUCCEEDED:
        assert isinstance(resource.get("status"), str)
