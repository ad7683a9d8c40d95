"""Flutterwave's translator, as tables: its own vectors, and every answer it can give."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.crypto.signatures import hmac_hex
from payments.errors import NotSupported, UnsupportedCurrency
from payments.gateways.contract import Capability, Evidence, SignatureInvalid, Unreadable
from payments.gateways.flutterwave import API, STATUSES, Flutterwave
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
from payments.gateways.wire import WireResponse
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome

KEY = "FLWSECK_TEST-0001-X"
HASH = "flw-secret-hash-TESTONLY"
NOW = Evidence(datetime(2026, 1, 1, tzinfo=UTC))
VECTORS = json.loads(
    (Path(__file__).parent / "cases/flutterwave/vectors.json").read_text(encoding="utf-8")
)["vectors"]
CHARGE, REFUND = OperationKind.CHARGE, OperationKind.REFUND


def flutterwave(*secrets: str) -> Flutterwave:
    return Flutterwave(KEY, secrets or (HASH,), API, timedelta(seconds=30), timedelta(seconds=120))


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["id"]) for v in VECTORS])
def test_each_vector_gets_its_verdict(vector: dict[str, Any]) -> None:
    gateway, body = flutterwave(vector["secret"]), base64.b64decode(vector["body_base64"])
    try:
        gateway.verify(tuple((n, v) for n, v in vector["headers"]), body, NOW)
        gateway.events_in(body)
    except (SignatureInvalid, Unreadable):
        assert vector["expected"] == "reject"
    else:
        assert vector["expected"] == "accept"


def test_no_vector_is_left_out() -> None:
    assert len(VECTORS) == 9


def signed(body: bytes, key: str = HASH) -> str:
    return base64.b64encode(bytes.fromhex(hmac_hex(key.encode(), body))).decode()


BODY = b'{"event":"charge.completed","data":{}}'
OLD, NEW = "verif-hash", "flutterwave-signature"


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((OLD, ""),),
        ((OLD, HASH.upper()),),
        ((OLD, HASH + " "),),
        ((OLD, "another"),),
        ((OLD, HASH), ("Verif-Hash", HASH)),
        ((OLD, f"{HASH}, {HASH}"),),
        ((OLD, "ünï\udcff"),),
        ((OLD, signed(BODY)),),
        ((NEW, ""),),
        ((NEW, HASH),),
        ((NEW, signed(BODY, "another")),),
        ((NEW, hmac_hex(HASH.encode(), BODY)),),
        ((NEW, signed(BODY)), (NEW, signed(BODY))),
        ((NEW, "wrong"), (OLD, HASH)),
        ((OLD, HASH), (NEW, "")),
        ((OLD, HASH), (NEW, signed(b"{}"))),
    ],
)
def test_what_is_not_exactly_theirs_is_refused(headers: Any) -> None:
    with pytest.raises(SignatureInvalid):
        flutterwave().verify(headers, BODY, NOW)


@pytest.mark.parametrize(
    "headers",
    [((OLD, HASH),), (("VERIF-HASH", "next"),), ((NEW, signed(BODY, "next")),),
     ((OLD, "wrong"), (NEW, signed(BODY))), ((OLD, HASH), (NEW, signed(BODY)))],
)  # fmt: skip
def test_the_stronger_proof_decides_and_each_of_the_secrets_is_good(headers: Any) -> None:
    flutterwave("", HASH, "next").verify(headers, BODY, NOW)


@pytest.mark.parametrize("headers", [((OLD, ""),), ((OLD, "x"),), ((NEW, signed(BODY, "")),)])
def test_an_unset_secret_verifies_nothing(headers: Any) -> None:
    with pytest.raises(SignatureInvalid, match="no_secret"):
        flutterwave("").verify(headers, BODY, NOW)


@pytest.mark.parametrize("name", ["event", "type"])
def test_a_dispute_that_no_lookup_could_confirm_needs_the_stronger_proof(name: str) -> None:
    body = json.dumps({name: "chargeback.created", "data": {}}).encode()
    flutterwave().verify(((NEW, signed(body)),), body, NOW)
    with pytest.raises(SignatureInvalid, match="unproven"):
        flutterwave().verify(((OLD, HASH),), body, NOW)


def test_a_notification_is_a_hint() -> None:
    assert flutterwave().proves_body is False


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b"{}", b"[" * 9999, b'{"event":{}}',
     b'{"Id":1,"Amount":5}'],
)  # fmt: skip
def test_an_authentic_body_that_is_no_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        flutterwave().events_in(body)


# --- orders


def charge(money: Money = Money(250000, "NGN"), **facts: Any) -> Charge:
    usual: dict[str, Any] = {
        "key": "k1",
        "kind": CHARGE,
        "description": "Order 1",
        "return_url": "https://us/return",
        "callback_url": "https://us/hook",
        "customer": {"email": "a@b.test", "phone": "0801", "id": "7"},
    }
    return Charge(money=money, **(usual | facts))


PAID = Handle("k1", {"transaction": "8415006"})
REFUNDED = Money(100050, "NGN")
ORDERS: dict[str, Order] = {
    "charge": charge(),
    "refund": Refund("r1", REFUNDED, PAID, reason="returned"),
}


def sent(order: Order) -> tuple[str, str, Any]:
    request = flutterwave().request_for(order)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    body = json.loads(request.body, parse_float=str, parse_int=str) if request.body else None
    return request.method, request.url.removeprefix("https://api.flutterwave.com/v3"), body


def test_a_charge_asks_for_a_hosted_page() -> None:
    assert sent(charge(payment_methods=("card", "ussd"))) == (
        "POST",
        "/payments",
        {
            "tx_ref": "k1",
            "amount": "2500.00",
            "currency": "NGN",
            "redirect_url": "https://us/return",
            "customer": {"email": "a@b.test", "phonenumber": "0801"},
            "customizations": {"title": "Order 1"},
            "payment_options": "card, ussd",
        },
    )


def test_a_refund_names_the_transaction_by_its_number() -> None:
    path = "/transactions/8415006/refund"
    body = {"comments": "#r1 returned", "amount": "1000.50"}
    assert sent(ORDERS["refund"]) == ("POST", path, body)
    with pytest.raises(NotSupported):
        flutterwave().request_for(Refund("r1", REFUNDED, Handle("k1")))


@pytest.mark.parametrize(
    "order",
    [
        charge(kind=OperationKind.AUTHORIZE),
        Capture("c1", REFUNDED, PAID),
        Void("v1", REFUNDED, PAID),
    ],
)
def test_what_it_cannot_do_is_absent_and_refused(order: Order) -> None:
    assert flutterwave().capabilities == {
        Capability.CHARGE,
        Capability.REFUND,
        Capability.PARTIAL_REFUND,
    }
    with pytest.raises(NotSupported):
        flutterwave().request_for(order)


@pytest.mark.parametrize(
    ("lookup", "path"),
    [
        (Lookup("k 1", CHARGE, PAID), "/transactions?tx_ref=k+1"),
        (Lookup("r1", REFUND, Handle("8612"), PAID), "/refunds/8612"),
        (Lookup("r1", REFUND, parent=PAID), "/refunds"),
    ],
)
def test_a_lookup_asks_where_the_answer_is_kept(lookup: Lookup, path: str) -> None:
    assert sent(lookup) == ("GET", path, None)


@pytest.mark.parametrize("currency", ["AED", "KWD", "JPY"])
def test_a_currency_that_flutterwave_does_not_take_is_refused(currency: str) -> None:
    with pytest.raises(UnsupportedCurrency):
        flutterwave().request_for(charge(Money(100, currency)))


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(1999, "USD"), "19.99"),
        (Money(2500, "UGX"), "2500"),
        (Money(2500, "XOF"), "2500"),
        (Money(99_999_999_999_999_999, "NGN"), "999999999999999.99"),
    ],
)
def test_an_amount_is_a_json_number_written_digit_by_digit(money: Money, written: str) -> None:
    body = flutterwave().request_for(charge(money)).body
    assert f'"amount": {written}}}'.encode() in body


@given(st.integers(1, 10**17), st.sampled_from(sorted(flutterwave().currencies)))
def test_an_amount_survives_the_way_there_and_back(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    body = flutterwave().request_for(charge(money)).body.decode()
    written = body.rsplit('"amount": ', 1)[1].rstrip("}")
    told = json.dumps(listed(transaction(currency=currency, amount="HERE")))
    found = answered(Lookup("k1", CHARGE), 200, told.replace('"HERE"', written).encode())
    assert found.money == money


def test_no_repr_shows_a_secret() -> None:
    shown = repr([flutterwave(), flutterwave().request_for(charge()), charge()])
    for secret in (KEY, HASH, "a@b.test"):
        assert secret not in shown


# --- answers


def ok(data: Any) -> dict[str, Any]:
    return {"status": "success", "message": "fine", "data": data}


def listed(*entries: Any, pages: int = 1) -> dict[str, Any]:
    return ok(list(entries)) | {"meta": {"page_info": {"total_pages": pages}}}


def no(message: str = "no") -> dict[str, Any]:
    return {"status": "error", "message": message, "data": None}


def answered(order: Order, status: int, body: Any) -> GatewayResult:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return flutterwave().result_of(order, WireResponse(status, {}, raw))


def transaction(**facts: Any) -> dict[str, Any]:
    return {
        "id": 8415006,
        "tx_ref": "k1",
        "flw_ref": "FLW-MOCK-1",
        "amount": 2500,
        "charged_amount": 2535,
        "currency": "NGN",
        "processor_response": "said so",
        "status": "successful",
        "payment_type": "card",
    } | facts


def refund(**facts: Any) -> dict[str, Any]:
    return {
        "id": 8612,
        "tx_id": 8415006,
        "flw_ref": "URF_1",
        "amount_refunded": 1000.5,
        "status": "completed",
        "comments": "#r1 returned",
    } | facts


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
    assert (result.failure is not None) is (outcome is Outcome.DECLINED)


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
        (200, listed(FAILED), Outcome.DECLINED),
        (200, listed(), Outcome.NOT_SENT),
        (200, listed(pages=0), Outcome.NOT_SENT),
        (200, ok([]), Outcome.NOT_SENT),
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


def test_a_page_that_was_paid_twice_names_every_further_transaction() -> None:
    paid = [transaction(id=number) for number in (11, 9, 10)]
    result = answered(Lookup("k1", CHARGE), 200, listed(*paid))
    assert (result.reference, result.ids) == ("k1", {"transaction": "9"})
    assert result.also_taken == ("10", "11")


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (ok(refund()), Outcome.SUCCEEDED),
        (listed(refund(comments="#r2"), refund(status="pending")), Outcome.PENDING),
        (listed(refund(comments="by hand")), Outcome.NOT_SENT),
        (listed(refund(comments=None)), Outcome.UNKNOWN),
        (listed(refund(comments="by hand"), pages=2), Outcome.UNKNOWN),
        (listed(), Outcome.NOT_SENT),
    ],
)
def test_a_refund_is_found_by_the_comment_that_bears_our_key(body: Any, outcome: Outcome) -> None:
    lookup = Lookup("r1", REFUND, parent=PAID, money=REFUNDED)
    result = answered(lookup, 200, body)
    assert result.outcome is outcome
    assert result.money in (None, REFUNDED)


# --- notifications


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
    assert event.result.ids == {"transaction": "8415006"}


def test_news_of_v4_has_an_id_and_other_words() -> None:
    data = {"id": "chg_1", "amount": 2500, "currency": "NGN", "reference": "k1",
            "status": "succeeded", "payment_method": {"type": "card"}}  # fmt: skip
    body = {"webhook_id": "wbk_1", "timestamp": 1, "type": "charge.completed", "data": data}
    event = flutterwave().events_in(json.dumps(body).encode())[0]
    assert (event.id, event.key) == ("charge.completed:wbk_1", "k1")
    assert event.result is not None
    assert (event.result.outcome, event.result.ids) == (Outcome.SUCCEEDED, {})
    assert event.result.payment_method == "card"


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
