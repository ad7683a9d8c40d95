"""PayTabs' translator, as tables: its own vectors, and every answer it can give."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.crypto.signatures import hmac_hex
from payments.gateways.contract import Evidence, SignatureInvalid, Unreadable
from payments.gateways.messages import (
    Capture,
    Charge,
    GatewayResult,
    Handle,
    Lookup,
    Order,
    Refund,
    Void,
)
from payments.gateways.paytabs import REGIONS, PayTabs
from payments.gateways.paytabs_facts import STATUSES
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.contracts.vectors import body_of, name_of, result_of, vectors_of

KEY = "STESTONLY01-TESTONLYKEY02-TESTONLY03"
NOW = Evidence(datetime(2026, 1, 1, tzinfo=UTC))


def paytabs(key: str = KEY) -> PayTabs:
    return PayTabs(100001, key, REGIONS["ARE"], timedelta(seconds=30), timedelta(seconds=120))


RETURNS = [each for each in vectors_of("paytabs") if each["kind"].startswith("return")]


@pytest.mark.parametrize("vector", RETURNS, ids=name_of)
def test_each_return_of_the_vectors_gets_its_verdict(vector: dict[str, Any]) -> None:
    text, local = vector.get("query") or body_of(vector).decode(), vector.get("local_params", [])
    fields = dict(parse_qsl(text, keep_blank_values=True))
    given = {name: value for name, value in fields.items() if name not in local}
    if vector["expected"] == "accept":
        paytabs(vector["secret"]).verify_return(given)
    else:
        with pytest.raises(SignatureInvalid):
            paytabs(vector["secret"]).verify_return(given)


def signed(body: bytes, key: str = KEY) -> str:
    return hmac_hex(key.encode(), body)


BODY = b'{"tran_ref":"T","tran_type":"Sale"}'


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Signature", ""),),
        (("Signature", signed(BODY).upper()),),
        (("Signature", base64.b64encode(bytes.fromhex(signed(BODY))).decode()),),
        (("Signature", signed(BODY)), ("signature", signed(BODY))),
        (("Signature", f"{signed(BODY)}, {signed(BODY)}"),),
        (("Signature", signed(BODY, "another key")),),
        (("Signature", "ünï"),),
    ],
    ids=["missing", "empty", "upper case", "base64", "repeated", "joined", "other key", "unicode"],
)
def test_a_signature_that_is_not_exactly_theirs_is_refused(headers: Any) -> None:
    with pytest.raises(SignatureInvalid):
        paytabs().verify(headers, BODY, NOW)


def test_an_unset_key_verifies_nothing() -> None:
    with pytest.raises(SignatureInvalid, match="no_secret"):
        paytabs("").verify((("Signature", signed(BODY, "")),), BODY, NOW)


@given(st.binary(max_size=200), st.data())
def test_no_altered_body_passes(body: bytes, data: st.DataObject) -> None:
    other = data.draw(st.binary(max_size=200).filter(lambda drawn: drawn != body))
    paytabs().verify((("SIGNATURE", signed(body)),), body, NOW)
    with pytest.raises(SignatureInvalid):
        paytabs().verify((("Signature", signed(body)),), other, NOW)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b"{}", b"[" * 9999]
)
def test_a_signed_body_that_is_no_transaction_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        paytabs().events_in(body)


def charge(money: Money = Money(12550, "AED"), **facts: Any) -> Charge:
    usual: dict[str, Any] = {
        "key": "k" * 32,
        "kind": OperationKind.CHARGE,
        "description": "Order 1",
        "return_url": "https://us/return",
        "callback_url": "https://us/hook",
    }
    return Charge(money=money, **(usual | facts))


def sent(order: Order) -> tuple[str, dict[str, Any], str]:
    request = paytabs().request_for(order)
    assert request.headers["Authorization"] == KEY
    return request.url, json.loads(request.body, parse_float=str), request.body.decode()


def test_a_charge_asks_for_a_hosted_page() -> None:
    url, body, _ = sent(charge(language="ar-AE", customer={"email": "a@b.test", "id": "7"}))
    assert url == "https://secure.paytabs.com/payment/request"
    assert body == {
        "profile_id": 100001,
        "tran_type": "sale",
        "tran_class": "ecom",
        "cart_id": "k" * 32,
        "cart_currency": "AED",
        "cart_amount": "125.50",
        "cart_description": "Order 1",
        "callback": "https://us/hook",
        "return": "https://us/return",
        "hide_shipping": True,
        "paypage_lang": "ar",
        "customer_details": {"email": "a@b.test"},
    }


def test_an_authorisation_is_another_type_of_transaction() -> None:
    assert sent(charge(kind=OperationKind.AUTHORIZE))[1]["tran_type"] == "auth"


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(12550, "AED"), "125.50"),
        (Money(1200, "JPY"), "1200"),
        (Money(3125, "KWD"), "3.125"),
        (Money(99_999_999_999_999_999, "AED"), "999999999999999.99"),
    ],
)
def test_an_amount_is_a_json_number_written_digit_by_digit(money: Money, written: str) -> None:
    assert f'"cart_amount": {written}}}' in sent(charge(money))[2]


def test_a_description_is_never_empty_nor_too_long() -> None:
    assert sent(charge(description=""))[1]["cart_description"] == "k" * 32
    assert len(sent(charge(description="x" * 500))[1]["cart_description"]) == 128


def test_a_lookup_asks_by_our_own_key() -> None:
    url, body, _ = sent(Lookup("k1", OperationKind.CHARGE, Handle("TST1")))
    assert url.endswith("/payment/query")
    assert body == {"profile_id": 100001, "cart_id": "k1"}


def test_no_repr_shows_a_secret() -> None:
    request = paytabs().request_for(charge(customer={"email": "a@b.test"}))
    assert KEY not in repr(request) + repr(paytabs())
    assert "a@b.test" not in repr(request) + repr(charge(customer={"email": "a@b.test"}))


def answered(order: Order, status: int, body: Any) -> GatewayResult:
    return result_of(paytabs(), order, status, body)


def test_a_page_is_an_action_for_the_payer() -> None:
    result = answered(charge(), 200, {"tran_ref": "TST1", "redirect_url": "https://pay/x"})
    assert result.outcome is Outcome.ACTION_REQUIRED
    assert (result.reference, result.redirect_url) == ("TST1", "https://pay/x")


def test_code_zero_is_no_error() -> None:
    body = {"code": 0, "tran_ref": "TST1", "redirect_url": "https://pay/x"}
    assert answered(charge(), 200, body).outcome is Outcome.ACTION_REQUIRED


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, {"code": 206, "message": "Invalid currency code", "trace": "P"}, Outcome.DECLINED),
        (401, {"code": 1, "message": "Authentication failed", "trace": "P"}, Outcome.NOT_SENT),
        (409, {"code": 4, "message": "Duplicate Request", "trace": "P"}, Outcome.UNKNOWN),
        (500, {"message": "oops"}, Outcome.UNKNOWN),
        (429, {"message": "slow down"}, Outcome.NOT_SENT),
        (429, {"code": 2, "message": "slow down"}, Outcome.NOT_SENT),
        (400, {"code": 400, "message": "internal"}, Outcome.UNKNOWN),
        (400, {"code": 600, "message": "pending"}, Outcome.UNKNOWN),
        (403, {"code": 9, "message": "firewall"}, Outcome.UNKNOWN),
        (404, {"code": 9, "message": "moved"}, Outcome.UNKNOWN),
        (502, b"<html>Bad gateway</html>", Outcome.UNKNOWN),
        (200, b"<html>Login</html>", Outcome.UNKNOWN),
        (200, b'{"tran_ref": "TST', Outcome.UNKNOWN),
        (200, b"", Outcome.UNKNOWN),
        (200, b"\xff\xfe\x00", Outcome.UNKNOWN),
        (200, [], Outcome.UNKNOWN),
        (200, {"tran_ref": "TST1"}, Outcome.UNKNOWN),
        (200, {"tran_ref": "TST1", "redirect_url": "javascript:alert(1)"}, Outcome.UNKNOWN),
        (200, {"redirect_url": "https://pay/x"}, Outcome.UNKNOWN),
    ],
)
def test_what_is_not_clearly_yes_or_no_is_unknown(status: int, body: Any, outcome: Outcome) -> None:
    assert answered(charge(), status, body).outcome is outcome


def transaction(status: str = "A", code: str = "G1", **facts: Any) -> dict[str, Any]:
    return {
        "tran_ref": "TST1",
        "profile_id": 100001,
        "cart_id": "k1",
        "cart_currency": "AED",
        "cart_amount": "125.50",
        "tran_currency": "AED",
        "tran_total": "125.50",
        "tran_type": "Sale",
        "payment_result": {
            "response_status": status,
            "response_code": code,
            "response_message": "said so",
        },
        "payment_info": {"payment_method": "Visa"},
    } | facts


@pytest.mark.parametrize(
    ("status", "code", "outcome", "failure"),
    [
        ("A", "G1", Outcome.SUCCEEDED, None),
        ("A", "316", Outcome.SUCCEEDED, None),
        ("H", "", Outcome.PENDING, None),
        ("P", "600", Outcome.PENDING, None),
        ("D", "300", Outcome.DECLINED, FailureCode.CARD_DECLINED),
        ("D", "316", Outcome.DECLINED, FailureCode.INSUFFICIENT_FUNDS),
        ("D", "310", Outcome.DECLINED, FailureCode.AUTHENTICATION_FAILED),
        ("D", "345", Outcome.DECLINED, FailureCode.AUTHENTICATION_FAILED),
        ("E", "400", Outcome.DECLINED, FailureCode.PROVIDER_ERROR),
        ("X", "", Outcome.DECLINED, FailureCode.EXPIRED),
        ("C", "321", Outcome.DECLINED, FailureCode.CANCELLED_BY_PAYER),
        ("V", "", Outcome.DECLINED, FailureCode.CANCELLED_BY_PAYER),
    ],
)
def test_each_word_of_theirs_has_one_meaning(
    status: str, code: str, outcome: Outcome, failure: FailureCode | None
) -> None:
    event = paytabs().events_in(json.dumps(transaction(status, code)).encode())[0]
    assert event.result is not None
    assert event.result.outcome is outcome
    assert (event.result.failure.code if event.result.failure else None) is failure
    assert event.result.unlisted_word == ""


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=5)


@given(WORDS.filter(lambda word: word.upper() not in STATUSES))
def test_a_word_that_is_not_listed_is_pending_and_an_alarm(word: str) -> None:
    result = paytabs().events_in(json.dumps(transaction(word)).encode())[0].result
    assert result is not None
    assert result.outcome is Outcome.PENDING
    assert result.unlisted_word == word.upper()


@pytest.mark.parametrize(
    ("facts", "money"),
    [
        ({}, Money(12550, "AED")),
        ({"tran_total": "100.00"}, Money(10000, "AED")),
        ({"tran_currency": "KWD", "tran_total": "3.125"}, Money(3125, "KWD")),
        ({"tran_currency": "JPY", "tran_total": "1200.00"}, Money(1200, "JPY")),
        ({"tran_total": 125.5}, Money(12550, "AED")),
        ({"tran_total": None}, Money(12550, "AED")),
        ({"tran_total": "125.505"}, None),
        ({"tran_total": "a lot"}, None),
        ({"tran_total": "NaN"}, None),
        ({"tran_total": "1e400"}, None),
        ({"tran_total": "1e999999"}, None),
        ({"tran_total": 0}, Money(0, "AED")),
        ({"tran_currency": "???"}, None),
        ({"tran_total": {"amount": 1}}, None),
    ],
)
def test_the_amount_is_what_was_really_charged(facts: dict[str, Any], money: Money | None) -> None:
    result = paytabs().events_in(json.dumps(transaction(**facts)).encode())[0].result
    assert result is not None
    assert result.money == money


def test_callback_and_ipn_of_the_same_news_are_one_event() -> None:
    by_callback = json.dumps(transaction(ipn_trace="IPNS1")).encode()
    by_ipn = json.dumps(transaction(tran_type="SALE", ipn_trace="IPNS2")).encode()
    ids = {paytabs().events_in(body)[0].id for body in (by_callback, by_ipn)}
    assert ids == {"100001:TST1:sale:A"}


def test_an_endless_reference_still_makes_an_id_that_fits() -> None:
    event = paytabs().events_in(json.dumps(transaction(tran_ref="T" * 5000)).encode())[0]
    assert len(event.id) < 191


@pytest.mark.parametrize(
    ("tran_type", "kind", "family"),
    [
        ("Sale", OperationKind.CHARGE, "payment"),
        ("Refund", OperationKind.REFUND, "refund"),
        ("Void", OperationKind.VOID, "payment"),
        ("Release", OperationKind.VOID, "payment"),
        ("Capture", OperationKind.CAPTURE, "payment"),
        ("Register", None, "payment"),
    ],
)
def test_each_notification_says_what_it_is_about(
    tran_type: str, kind: OperationKind | None, family: str
) -> None:
    body = transaction(tran_type=tran_type, previous_tran_ref="TST0")
    event = paytabs().events_in(json.dumps(body).encode())[0]
    assert (event.result.kind if event.result else None) is kind
    assert (event.key, event.family, event.references) == ("k1", family, ("TST0", "TST1"))


@pytest.mark.parametrize(
    ("order", "tran_type"), [(Capture, "capture"), (Void, "void"), (Refund, "refund")]
)
def test_a_follow_up_names_its_parent_and_bears_a_key_of_its_own(
    order: type[Capture | Void | Refund], tran_type: str
) -> None:
    url, body, _ = sent(order("k2", Money(2550, "AED"), Handle("TST1")))
    assert url.endswith("/payment/request")
    assert body == {
        "profile_id": 100001,
        "tran_type": tran_type,
        "tran_class": "ecom",
        "tran_ref": "TST1",
        "cart_id": "k2",
        "cart_currency": "AED",
        "cart_description": f"{tran_type} of TST1",
        "cart_amount": "25.50",
    }


FOLLOW_UP_ANSWERS = [
    ("Refund", "A", Outcome.SUCCEEDED),
    ("Refund", "P", Outcome.PENDING),
    ("Refund", "D", Outcome.DECLINED),
    ("Refund", "E", Outcome.DECLINED),
    ("Capture", "A", Outcome.SUCCEEDED),
    ("Capture", "D", Outcome.DECLINED),
    ("Void", "A", Outcome.SUCCEEDED),
    ("Void", "V", Outcome.SUCCEEDED),
    ("Release", "V", Outcome.SUCCEEDED),
    ("Void", "E", Outcome.DECLINED),
]


@pytest.mark.parametrize(("tran_type", "status", "outcome"), FOLLOW_UP_ANSWERS)
def test_a_follow_up_is_answered_and_looked_up_alike(
    tran_type: str, status: str, outcome: Outcome
) -> None:
    told = transaction(status, tran_type=tran_type, cart_id="k2", previous_tran_ref="TST0")
    kind = OperationKind({"Release": "void"}.get(tran_type, tran_type.lower()))
    order = Refund("k2", Money(12550, "AED"), Handle("TST0"))
    assert answered(order, 200, told).outcome is outcome
    assert answered(Lookup("k2", kind), 200, [told]).outcome is outcome
    assert answered(Lookup("k2", OperationKind.CHARGE), 200, [told]).outcome is Outcome.UNKNOWN


UNPAID = {name: value for name, value in transaction().items() if name != "payment_result"}


def test_a_cart_that_was_paid_twice_names_every_further_transaction() -> None:
    paid = [transaction(tran_ref=f"TST{n}") for n in (1, 2, 3)]
    result = answered(Lookup("k1", OperationKind.CHARGE), 200, paid)
    assert (result.reference, result.also_taken) == ("TST1", ("TST2", "TST3"))


@pytest.mark.parametrize(
    ("tran_type", "kind"),
    [("Sale", OperationKind.CHARGE), ("AUTH", OperationKind.AUTHORIZE), ("Payment Request", None)],
)
def test_what_was_done_is_told_with_what_became_of_it(
    tran_type: str, kind: OperationKind | None
) -> None:
    result = paytabs().events_in(json.dumps(transaction(tran_type=tran_type)).encode())[0].result
    assert result is not None
    assert result.kind is kind


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, [], Outcome.NOT_SENT),
        (200, [transaction()], Outcome.SUCCEEDED),
        (200, [transaction("D"), transaction("A")], Outcome.SUCCEEDED),
        (200, [transaction("A"), transaction("D")], Outcome.SUCCEEDED),
        (200, [transaction("D", "316")], Outcome.DECLINED),
        (200, [UNPAID], Outcome.ACTION_REQUIRED),
        (400, {"code": 2, "message": "Invalid request"}, Outcome.ACTION_REQUIRED),
        (400, {"code": 400, "message": "Internal"}, Outcome.UNKNOWN),
        (409, {"code": 4, "message": "Duplicate"}, Outcome.UNKNOWN),
        (429, {"code": 2, "message": "Slow down"}, Outcome.UNKNOWN),
        (200, [transaction("H")], Outcome.PENDING),
        (200, [transaction("P", tran_type="Payment Request")], Outcome.PENDING),
        (200, [transaction(cart_id="somebody else's")], Outcome.UNKNOWN),
        (200, [transaction(tran_type="Refund")], Outcome.UNKNOWN),
        (200, [transaction(tran_type="Capture")], Outcome.UNKNOWN),
        (200, transaction(), Outcome.SUCCEEDED),
        (500, [transaction()], Outcome.UNKNOWN),
        (404, b"<html>not here</html>", Outcome.UNKNOWN),
        (401, {"code": 1, "message": "Authentication failed"}, Outcome.UNKNOWN),
        (200, b"<html>", Outcome.UNKNOWN),
        (200, [None, 1, "x"], Outcome.UNKNOWN),
    ],
)
def test_a_lookup_tells_what_became_of_the_cart(status: int, body: Any, outcome: Outcome) -> None:
    assert answered(Lookup("k1", OperationKind.CHARGE), status, body).outcome is outcome


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: (
    st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from([*transaction(), "code", "redirect_url"]), inner, max_size=6)
)), st.sampled_from([200, 400, 409, 500]))  # fmt: skip
def test_no_answer_however_odd_is_taken_for_a_success(body: Any, status: int) -> None:
    result = answered(charge(), status, body)
    said_yes = isinstance(body, dict) and isinstance(body.get("payment_result"), dict)
    assert result.outcome is not Outcome.SUCCEEDED or said_yes
    answered(Lookup("k1", OperationKind.CHARGE), status, body)


def test_nothing_secret_or_personal_is_kept_of_the_conversation() -> None:
    body = transaction(customer_details={"name": "Amal", "email": "a@b.test"}, token="tok_1")
    kept = json.dumps(answered(charge(), 200, body).exchange)
    for secret in ("Amal", "a@b.test", "tok_1", KEY):
        assert secret not in kept
