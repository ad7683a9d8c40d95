"""What Flutterwave's notifications tell."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import NotSupported
from payments.gateways.contract import Unreadable
from payments.gateways.flutterwave import API
from payments.gateways.flutterwave_facts import STATUSES
from payments.gateways.messages import (
    DisputeLookup,
    DisputeStatus,
    Family,
    GatewayEvent,
    Handle,
    Lookup,
    Refund,
)
from payments.gateways.wire import WireResponse
from payments.money import Money
from payments.statuses import Outcome
from tests.contracts.flutterwave_words import (
    CHARGE,
    HASH,
    KEY,
    ORDERS,
    REFUND,
    REFUNDED,
    answered,
    flutterwave,
    listed,
    no,
    ok,
    refund,
    transaction,
)


def heard(event: str, data: Any, **facts: Any) -> GatewayEvent:
    return flutterwave().events_in(json.dumps({"event": event, "data": data} | facts).encode())[0]


@pytest.mark.parametrize("status", ["successful", "failed"])
def test_a_charge_is_news_of_our_own_key_and_completed_may_mean_failed(status: str) -> None:
    event = heard("charge.completed", transaction(status=status))
    assert (event.key, event.family) == ("k1", Family.PAYMENT)
    assert event.id == f"charge.completed:8415006:{status}"
    assert event.references == ("8415006",)
    assert event.result is not None
    assert event.result.outcome is STATUSES[CHARGE][status]
    assert event.result.ids == {"transaction": "8415006", "flw_ref": "FLW-MOCK-1"}


def test_news_of_v4_has_an_id_and_other_words() -> None:
    data = {"id": "chg_1", "amount": 2500, "currency": "NGN", "reference": "k1",
            "status": "succeeded", "payment_method": {"type": "card"}}  # fmt: skip
    body = {"webhook_id": "wbk_1", "timestamp": 1, "type": "charge.completed", "data": data}
    event = flutterwave().events_in(json.dumps(body).encode())[0]
    assert (event.id, event.key) == ("charge.completed:wbk_1", "k1")
    assert event.result is not None
    assert (event.result.outcome, event.result.ids) == (Outcome.SUCCEEDED, {"transaction": "chg_1"})
    assert event.result.payment_method == "card"
    with pytest.raises(NotSupported):
        flutterwave().request_for(Refund("r1", REFUNDED, Handle("k1", event.result.ids)))


def test_the_bare_transaction_of_an_old_account_is_news_too() -> None:
    body = {"id": 5, "txRef": "k1", "status": "successful", "event.type": "CARD_TRANSACTION"}
    event = flutterwave().events_in(json.dumps(body).encode())[0]
    assert (event.key, event.type) == ("k1", "charge.completed")


def test_a_refund_is_known_by_our_key_or_by_its_own_id() -> None:
    event = heard("refund.completed", refund())
    assert (event.family, event.key) == (Family.REFUND, "r1")
    assert event.references == ("8612", "URF_1")
    assert event.result is not None
    assert (event.result.kind, event.result.parent_reference) == (REFUND, "8415006")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("initiated", DisputeStatus.OPEN),
        ("declined", DisputeStatus.OPEN),
        ("new word", DisputeStatus.OPEN),
        ("won", DisputeStatus.WON),
        ("lost", DisputeStatus.LOST),
        ("accepted", DisputeStatus.LOST),
    ],
)
def test_a_chargeback_is_a_dispute(word: str, status: DisputeStatus) -> None:
    data = {"id": 7, "amount": 2500, "currency": "NGN", "status": word, "tx_ref": "k1",
            "flw_ref": "FLW-MOCK-1", "transaction_id": 8415006, "comment": "fraud",
            "due_date": "2026-02-01T00:00:00Z"}  # fmt: skip
    event = heard("chargeback.updated", data)
    assert (event.family, event.key, event.result) == (Family.DISPUTE, "k1", None)
    assert event.references == ("FLW-MOCK-1", "8415006")
    assert event.dispute is not None
    assert (event.dispute.reference, event.dispute.status) == ("7", status)
    assert (event.dispute.money, event.dispute.reason) == (Money(250000, "NGN"), "fraud")
    assert event.dispute.deadline == datetime(2026, 2, 1, tzinfo=UTC)


def chargeback(**facts: Any) -> dict[str, Any]:
    """As v3 lists it: in the currency of its charge, which it does not name."""
    usual = {"id": 7, "amount": 2500, "status": "lost", "flw_ref": "FLW-MOCK-1"}
    return usual | {"tx_ref": "k1", "transaction_id": 8415006} | facts


CONTESTED = Handle("k1", {"transaction": "8415006", "flw_ref": "FLW-MOCK-1"})


def dispute(reference: str = "7", charge: Handle = CONTESTED) -> DisputeLookup:
    return DisputeLookup(reference, "k1", charge, Money(250000, "NGN"))


@pytest.mark.parametrize(
    ("order", "path"),
    [
        (dispute(), "/chargebacks?flw_ref=FLW-MOCK-1"),
        (dispute(charge=Handle("k1")), "/chargebacks"),
    ],
)
def test_a_dispute_is_asked_about_by_its_charge(order: DisputeLookup, path: str) -> None:
    request = flutterwave().dispute_request(order)
    assert request is not None
    assert (request.method, request.url) == ("GET", f"{API}/v3{path}")
    assert request.headers["Authorization"] == f"Bearer {KEY}"


def test_a_dispute_without_a_name_cannot_be_asked_about() -> None:
    assert flutterwave().dispute_request(dispute("")) is None


@pytest.mark.parametrize(
    ("listed_ones", "is_told"),
    [
        ([chargeback()], True),
        ([chargeback(id=6), 7, chargeback(id="7")], True),
        ([chargeback(tx_ref=None, transaction_id=None)], True),
        ([chargeback(tx_ref="k1", flw_ref="", transaction_id="")], True),
        ([chargeback(id=6)], False),
        ([chargeback(tx_ref="k2", flw_ref="FLW-MOCK-2", transaction_id=1)], False),
        ([], False),
    ],
)
def test_only_its_own_dispute_confirms_a_charge(listed_ones: list[Any], is_told: bool) -> None:
    response = WireResponse(200, {}, json.dumps(listed(*listed_ones)).encode())
    told = flutterwave().dispute_of(dispute(), response)
    assert (told is not None) is is_told
    if told:
        assert (told.status, told.money) == (DisputeStatus.LOST, Money(250000, "NGN"))


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, no()), (500, listed(chargeback())), (200, no()), (200, b"<html>"), (200, ok({}))],
)
def test_what_is_no_answer_confirms_no_dispute(status: int, body: Any) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert flutterwave().dispute_of(dispute(), WireResponse(status, {}, raw)) is None


@pytest.mark.parametrize(
    ("event", "family"),
    [
        ("transfer.completed", Family.TRANSFER),
        ("subscription.cancelled", Family.SUBSCRIPTION),
        ("something.new", Family.OTHER),
    ],
)
def test_news_that_does_not_concern_us_has_its_family_and_no_result(
    event: str, family: Family
) -> None:
    bodies: list[Any] = [*({"id": 1}, {}, None, [], "x")]
    for data in bodies:
        news = heard(event, data)
        assert (news.family, news.result, news.key) == (family, None, "")
        assert news.id


def test_what_is_endless_still_makes_an_id_that_fits() -> None:
    assert len(heard("charge.completed", transaction(id="9" * 5000)).id) < 191
    assert len(heard("charge.completed", {}, webhook_id="w" * 5000).id) < 191


def test_what_no_database_takes_does_not_survive() -> None:
    data = transaction(tx_ref="k\x00\ud800", payment_type="c\x00")
    event = heard("charge.completed\x00", data)
    assert event.result is not None
    for text in (event.type, event.id, event.key, event.result.payment_method):
        assert "\x00" not in text
        assert text.encode()


NAMES = ["event", "type", "data", "status", "message", "meta", "link", *transaction(), *refund()]
ODD = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9)
    | st.sampled_from(["success", "successful", "completed", "k1", "NGN", "charge.completed"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    | st.dictionaries(st.just("data"), inner),
)  # fmt: skip


@given(ODD, st.sampled_from([200, 400, 404, 500]), st.sampled_from(sorted(ORDERS)))
def test_no_answer_however_odd_is_taken_for_a_success(body: Any, status: int, name: str) -> None:
    results = [answered(ORDERS[name], status, body)]
    results += [answered(Lookup("k1", kind), status, body) for kind in STATUSES]
    if status != 200 or not isinstance(body, dict) or body.get("status") != "success":
        assert all(result.outcome is not Outcome.SUCCEEDED for result in results)


@given(ODD)
def test_no_notification_however_odd_raises_anything_else(body: Any) -> None:
    try:
        flutterwave().events_in(json.dumps(body).encode())
    except Unreadable:
        return


def test_nothing_secret_or_personal_is_kept_of_the_conversation() -> None:
    told = transaction(customer={"email": "a@b.test", "name": "Amal"}, card={"token": "flw-t1"})
    event = heard("charge.completed", told)
    assert event.result is not None
    found = answered(Lookup("k1", CHARGE), 200, listed(told))
    kept = json.dumps([found.exchange, event.result.exchange])
    for secret in ("a@b.test", "Amal", "flw-t1", KEY, HASH):
        assert secret not in kept
