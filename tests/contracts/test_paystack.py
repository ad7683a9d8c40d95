"""Paystack's translator, as tables: its own vectors, and every answer it can give."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.crypto.signatures import hmac_hex
from payments.errors import UnsupportedCurrency
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
from payments.gateways.paystack import API, Paystack
from payments.gateways.paystack_facts import STATUSES
from payments.gateways.wire import WireResponse
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome

KEY = "sk_test_TESTONLY_0001"
NOW = Evidence(datetime(2026, 1, 1, tzinfo=UTC))
VECTORS = json.loads(
    (Path(__file__).parent / "cases/paystack/vectors.json").read_text(encoding="utf-8")
)["vectors"]
CHARGE, AUTHORIZE = OperationKind.CHARGE, OperationKind.AUTHORIZE
CAPTURE, VOID, REFUND = OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND


def paystack(*secrets: str) -> Paystack:
    return Paystack(KEY, secrets or (KEY,), API, timedelta(seconds=30), timedelta(seconds=120))


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["id"]) for v in VECTORS])
def test_each_vector_gets_its_verdict(vector: dict[str, Any]) -> None:
    gateway, body = paystack(vector["secret"]), base64.b64decode(vector["body_base64"])
    try:
        gateway.verify(tuple((n, v) for n, v in vector["headers"]), body, NOW)
        gateway.events_in(body)
    except (SignatureInvalid, Unreadable):
        assert vector["expected"] == "reject"
    else:
        assert vector["expected"] == "accept"


def test_no_vector_is_left_out() -> None:
    assert len(VECTORS) == 9


def signed(body: bytes, key: str = KEY) -> str:
    return hmac_hex(key.encode(), body, "sha512")


BODY = b'{"event":"charge.success","data":{}}'
HEADER = "x-paystack-signature"


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((HEADER, ""),),
        ((HEADER, signed(BODY).upper()),),
        ((HEADER, signed(BODY)[:64]),),
        ((HEADER, hmac_hex(KEY.encode(), BODY)),),
        ((HEADER, signed(BODY)), ("X-Paystack-Signature", signed(BODY))),
        ((HEADER, signed(BODY)), (HEADER, "")),
        ((HEADER, f"{signed(BODY)}, {signed(BODY)}"),),
        ((HEADER, signed(BODY, "another key")),),
        ((HEADER, "ünï\udcff"),),
    ],
)
def test_a_signature_that_is_not_exactly_theirs_is_refused(headers: Any) -> None:
    with pytest.raises(SignatureInvalid):
        paystack().verify(headers, BODY, NOW)


@pytest.mark.parametrize("secrets", [("",), ("", "")])
def test_an_unset_secret_verifies_nothing(secrets: tuple[str, ...]) -> None:
    with pytest.raises(SignatureInvalid, match="no_secret"):
        paystack(*secrets).verify(((HEADER, signed(BODY, "")),), BODY, NOW)


@pytest.mark.parametrize("key", ["old", "new"])
def test_both_secrets_are_good_while_they_change(key: str) -> None:
    paystack("", "old", "new").verify((("X-PAYSTACK-SIGNATURE", signed(BODY, key)),), BODY, NOW)


@given(st.binary(max_size=200), st.data())
def test_no_altered_body_passes(body: bytes, data: st.DataObject) -> None:
    other = data.draw(st.binary(max_size=200).filter(lambda drawn: drawn != body))
    with pytest.raises(SignatureInvalid):
        paystack().verify(((HEADER, signed(body)),), other, NOW)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b"{}", b"[" * 9999, b'{"event":{}}',
     b'{"event":"\\u0000"}', b'{"event":' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_a_signed_body_that_is_no_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        paystack().events_in(body)


# --- orders


def charge(money: Money = Money(10000, "NGN"), **facts: Any) -> Charge:
    usual: dict[str, Any] = {
        "key": "k1",
        "kind": CHARGE,
        "description": "Order 1",
        "return_url": "https://us/return",
        "callback_url": "https://us/hook",
        "customer": {"email": "a@b.test"},
    }
    return Charge(money=money, **(usual | facts))


AUTHORIZED = Handle("auth1")
PAID = Handle("k1", {"transaction": "302961"})
CAPTURED = Money(5000, "ZAR")
ORDERS: dict[str, Order] = {
    "charge": charge(),
    "authorize": charge(Money(10000, "ZAR"), kind=AUTHORIZE),
    "capture": Capture("c1", CAPTURED, AUTHORIZED),
    "void": Void("v1", Money(10000, "ZAR"), AUTHORIZED),
    "refund": Refund("r1", Money(5000, "NGN"), PAID, reason="returned"),
}


def sent(order: Order) -> tuple[str, str, Any]:
    request = paystack().request_for(order)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    path = request.url.removeprefix("https://api.paystack.co")
    return request.method, path, json.loads(request.body) if request.body else None


def test_a_charge_asks_for_a_hosted_page() -> None:
    page = charge(payment_methods=("card", "ussd"))
    assert sent(page) == (
        "POST",
        "/transaction/initialize",
        {
            "email": "a@b.test",
            "amount": 10000,
            "currency": "NGN",
            "reference": "k1",
            "callback_url": "https://us/return",
            "metadata": {"description": "Order 1", "cancel_action": "https://us/return"},
            "channels": ["card", "ussd"],
        },
    )


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("capture", "/preauthorization/capture",
         {"reference": "auth1", "amount": 5000, "currency": "ZAR"}),
        ("void", "/preauthorization/release", {"reference": "auth1"}),
        ("refund", "/refund", {"transaction": "302961", "amount": 5000, "currency": "NGN",
                               "merchant_note": "#r1 returned"}),
    ],
)  # fmt: skip
def test_a_later_order_names_what_it_follows(name: str, path: str, body: Any) -> None:
    assert sent(ORDERS[name]) == ("POST", path, body)


def test_an_authorisation_is_a_page_of_its_own_and_in_rand_only() -> None:
    assert sent(ORDERS["authorize"])[1] == "/preauthorization/initialize"
    with pytest.raises(UnsupportedCurrency):
        paystack().request_for(charge(kind=AUTHORIZE))


def test_a_refund_without_an_id_names_the_reference() -> None:
    body = sent(Refund("r1", Money(1, "NGN"), Handle("k1")))[2]
    assert (body["transaction"], body["merchant_note"]) == ("k1", "#r1")


@pytest.mark.parametrize(
    ("lookup", "path"),
    [
        (Lookup("k/1", CHARGE), "/transaction/verify/k%2F1"),
        (Lookup("k1", AUTHORIZE), "/preauthorization/k1"),
        (Lookup("c1", CAPTURE, parent=AUTHORIZED), "/preauthorization/auth1"),
        (Lookup("v1", VOID, parent=AUTHORIZED), "/preauthorization/auth1"),
        (Lookup("r1", REFUND, Handle("77"), PAID), "/refund/77"),
        (Lookup("r1", REFUND, parent=PAID), "/refund?transaction=302961&perPage=100"),
        (Lookup("r1", REFUND), "/refund?perPage=100"),
    ],
)
def test_a_lookup_asks_where_the_answer_is_kept(lookup: Lookup, path: str) -> None:
    assert sent(lookup) == ("GET", path, None)


@pytest.mark.parametrize("currency", ["AED", "KWD", "JPY"])
def test_a_currency_that_paystack_does_not_take_is_refused(currency: str) -> None:
    with pytest.raises(UnsupportedCurrency):
        paystack().request_for(charge(Money(100, currency)))


@given(st.integers(1, 10**15), st.sampled_from(sorted(paystack().currencies)))
def test_an_amount_survives_the_way_there_and_back(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    written = sent(charge(money))[2]
    assert written["amount"] == amount * (100 if currency == "XOF" else 1)
    told = transaction(amount=written["amount"], currency=currency, requested_amount=None)
    assert answered(Lookup("k1", CHARGE), 200, ok(told)).money == money


def test_it_can_do_everything() -> None:
    assert paystack().capabilities == frozenset(Capability)


def test_no_repr_shows_a_secret() -> None:
    shown = repr([paystack("whsec"), paystack().request_for(charge()), charge()])
    for secret in (KEY, "whsec", "a@b.test"):
        assert secret not in shown


# --- answers


def ok(data: Any) -> dict[str, Any]:
    return {"status": True, "message": "fine", "data": data}


def no(message: str = "no", code: str = "invalid_params", kind: str = "validation_error") -> Any:
    return {"status": False, "message": message, "type": kind, "code": code, "meta": {}}


def answered(order: Order, status: int, body: Any) -> GatewayResult:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return paystack().result_of(order, WireResponse(status, {}, raw))


def transaction(**facts: Any) -> dict[str, Any]:
    return {
        "id": 302961,
        "status": "success",
        "reference": "k1",
        "amount": 10000,
        "requested_amount": 10000,
        "currency": "NGN",
        "channel": "card",
        "gateway_response": "said so",
        "metadata": "",
    } | facts


def reservation(**facts: Any) -> dict[str, Any]:
    return {
        "id": 3099,
        "status": "authorized",
        "reference": "auth1",
        "amount": 10000,
        "captured_amount": None,
        "transaction_id": None,
        "currency": "ZAR",
        "authorization": {"channel": "card"},
    } | facts


def refund(**facts: Any) -> dict[str, Any]:
    return {
        "id": 77,
        "status": "pending",
        "amount": 5000,
        "currency": "NGN",
        "merchant_note": "#r1 returned",
        "transaction": {"id": 302961, "reference": "k1"},
    } | facts


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
    assert (result.failure is not None) is (outcome is Outcome.DECLINED)


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


# --- notifications


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
