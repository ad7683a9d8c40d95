"""What Paystack's notifications tell."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways.contract import Unreadable
from payments.gateways.messages import DisputeStatus, Family, GatewayEvent, Lookup
from payments.gateways.paystack_facts import STATUSES
from payments.money import Money
from payments.statuses import OperationKind, Outcome
from tests.contracts.paystack_words import (
    AUTHORIZE,
    AUTHORIZED,
    CAPTURE,
    CHARGE,
    KEY,
    ORDERS,
    REFUND,
    VOID,
    answered,
    ok,
    paystack,
    refund,
    reservation,
    transaction,
)


def heard(event: str, data: Any) -> GatewayEvent:
    return paystack().events_in(json.dumps({"event": event, "data": data}).encode())[0]


def test_a_charge_is_news_of_our_own_key() -> None:
    event = heard("charge.success", transaction())
    assert (event.key, event.family, event.id) == ("k1", Family.PAYMENT, "charge.success:302961")
    assert event.result is not None
    assert (event.result.outcome, event.result.kind) == (Outcome.SUCCEEDED, CHARGE)


@pytest.mark.parametrize(
    ("event", "data", "kind", "outcome", "key"),
    [
        ("preauthorization.reserve.success", reservation(), AUTHORIZE, Outcome.SUCCEEDED, "auth1"),
        ("preauthorization.capture.success", reservation(status="captured", transaction_id="15"),
         CAPTURE, Outcome.SUCCEEDED, ""),
        ("preauthorization.capture.failed", reservation(status="capture_failed"),
         CAPTURE, Outcome.DECLINED, ""),
        ("preauthorization.release.success", reservation(status="released"),
         VOID, Outcome.SUCCEEDED, ""),
        ("preauthorization.release.failed", reservation(status="release_failed"),
         VOID, Outcome.DECLINED, ""),
        ("charge.success", transaction(channel="preauth", reference="auth1"),
         CAPTURE, Outcome.SUCCEEDED, ""),
    ],
)  # fmt: skip
def test_news_of_a_reservation_names_what_was_done_with_it(
    event: str, data: Any, kind: OperationKind, outcome: Outcome, key: str
) -> None:
    news = heard(event, data)
    assert news.result is not None
    assert (news.result.kind, news.result.outcome, news.key) == (kind, outcome, key)
    assert "auth1" in (news.key, news.result.parent_reference)
    assert news.result.reference in news.references or not news.result.reference


def test_a_refund_names_its_charge_and_has_no_id() -> None:
    data = {"status": "processed", "transaction_reference": "k1", "refund_reference": "1320",
            "amount": "5000", "currency": "NGN"}  # fmt: skip
    event = heard("refund.processed", data)
    assert (event.family, event.key, event.references) == (Family.REFUND, "", ("1320",))
    assert event.id == "refund.processed:k1:1320:5000"
    assert event.result is not None
    assert (event.result.kind, event.result.outcome) == (REFUND, Outcome.SUCCEEDED)
    assert (event.result.reference, event.result.parent_reference) == ("", "k1")
    assert event.result.money == Money(5000, "NGN")


def test_a_refund_whose_note_comes_back_is_known_by_our_key() -> None:
    event = heard("refund.needs-attention", refund(status="needs-attention"))
    assert (event.key, event.references) == ("r1", ("77",))


def dispute(**facts: Any) -> dict[str, Any]:
    return {
        "id": 358950,
        "refund_amount": 5800,
        "currency": "NGN",
        "status": "awaiting-merchant-feedback",
        "resolution": None,
        "transaction": transaction(),
        "category": "chargeback",
        "dueAt": "2020-11-25T18:00:00.000Z",
    } | facts


@pytest.mark.parametrize(
    ("event", "facts", "status"),
    [
        ("charge.dispute.create", {}, DisputeStatus.OPEN),
        ("charge.dispute.remind", {"status": "pending"}, DisputeStatus.OPEN),
        ("charge.dispute.resolve", {"status": "resolved", "resolution": "merchant-accepted"},
         DisputeStatus.LOST),
        ("charge.dispute.resolve", {"status": "resolved", "resolution": "auto-accepted"},
         DisputeStatus.LOST),
        ("charge.dispute.resolve", {"status": "resolved", "resolution": "declined"},
         DisputeStatus.WON),
        ("charge.dispute.resolve",
         {"status": "resolved", "transaction": transaction(status="reversed")},
         DisputeStatus.LOST),
        ("charge.dispute.resolve", {"status": "resolved", "resolution": "moon"},
         DisputeStatus.OPEN),
    ],
)  # fmt: skip
def test_a_dispute_says_how_much_why_and_until_when(
    event: str, facts: dict[str, Any], status: DisputeStatus
) -> None:
    news = heard(event, dispute(**facts))
    assert (news.family, news.key, news.result) == (Family.DISPUTE, "k1", None)
    assert news.references == ("302961",)
    assert news.dispute is not None
    assert (news.dispute.reference, news.dispute.status) == ("358950", status)
    assert (news.dispute.money, news.dispute.reason) == (Money(5800, "NGN"), "chargeback")
    assert news.dispute.deadline == datetime(2020, 11, 25, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "family"),
    [
        ("transfer.success", Family.TRANSFER),
        ("subscription.create", Family.SUBSCRIPTION),
        ("invoice.payment_failed", Family.INVOICE),
        ("paymentrequest.success", Family.INVOICE),
        ("customeridentification.failed", Family.OTHER),
        ("dedicatedaccount.assign.success", Family.OTHER),
        ("preauthorization.unheard.of", Family.PAYMENT),
        ("something.new", Family.OTHER),
    ],
)
def test_news_that_does_not_concern_us_has_its_family_and_no_result(
    event: str, family: Family
) -> None:
    bodies: list[Any] = [*({"transfer_code": "TRF_1"}, {}, None, [], "x")]
    for data in bodies:
        news = heard(event, data)
        assert (news.family, news.result, news.key) == (family, None, "")
        assert news.id


def test_the_same_news_sent_again_has_the_same_name_and_other_news_another() -> None:
    bodies = [b'{"event":"x.y","data":1}', b'{"event":"x.y","data":1}', b'{"event":"x.y"}']
    first, again, other = (paystack().events_in(body)[0].id for body in bodies)
    assert first == again != other


def test_an_endless_reference_still_makes_an_id_that_fits() -> None:
    assert len(heard("charge.success", transaction(id="9" * 5000)).id) < 191


def test_what_no_database_takes_does_not_survive() -> None:
    event = heard("charge.success\x00", transaction(reference="k\x00\ud800", channel="c\x00"))
    assert event.result is not None
    for text in (event.type, event.id, event.key, event.result.payment_method):
        assert "\x00" not in text
        assert text.encode()


NAMES = ["event", "data", "status", "message", "code", "authorization_url", *transaction(),
         *reservation(), *refund(), *dispute()]  # fmt: skip
VALUES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9)
ODD = st.recursive(
    VALUES | st.sampled_from(["success", "captured", "processed", "k1", "NGN", "charge.success"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
        | st.dictionaries(st.just("data"), inner)
    ),
)


@given(ODD, st.sampled_from([200, 400, 404, 500]), st.sampled_from(sorted(ORDERS)))
def test_no_answer_however_odd_is_taken_for_a_success(body: Any, status: int, name: str) -> None:
    order = ORDERS[name]
    results = [answered(order, status, body)]
    results += [answered(Lookup("k1", kind, parent=AUTHORIZED), status, body) for kind in STATUSES]
    if status != 200 or not isinstance(body, dict) or body.get("status") is not True:
        assert all(result.outcome is not Outcome.SUCCEEDED for result in results)


@given(ODD)
def test_no_notification_however_odd_raises_anything_else(body: Any) -> None:
    try:
        paystack().events_in(json.dumps(body).encode())
    except Unreadable:
        return


def test_nothing_secret_or_personal_is_kept_of_the_conversation() -> None:
    told = transaction(customer={"email": "a@b.test", "phone": "0801"}, authorization={"bin": "4"})
    event = heard("charge.success", told)
    assert event.result is not None
    kept = json.dumps(
        [answered(Lookup("k1", CHARGE), 200, ok(told)).exchange, event.result.exchange]
    )
    for secret in ("a@b.test", "0801", KEY):
        assert secret not in kept
