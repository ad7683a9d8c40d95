"""PayPal's translator, as tables: its own vectors, and every answer it can give."""

import base64
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from payments.errors import DomainError, InvalidAmount, NotSupported, UnsupportedCurrency
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
from payments.gateways.paypal import BASES, CERTIFICATE_HOSTS, PayPal
from payments.gateways.paypal.words import (
    AUTHORIZATIONS,
    CAPTURES,
    CURRENCIES,
    DISPUTES,
    ORDERS,
    REFUNDS,
    VOIDS,
    WHOLE_CURRENCIES,
)
from payments.gateways.wire import WireResponse
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome

SANDBOX = BASES["sandbox"]
SECRET = "ESECRETOFTHETESTS"
WEBHOOK_ID = "WHTESTONLY01"
NOW = datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)
CERT_URL = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"
VECTORS = json.loads(
    (Path(__file__).parent / "cases/paypal/vectors.json").read_text(encoding="utf-8")
)["vectors"]


def paypal(**facts: Any) -> PayPal:
    usual: dict[str, Any] = {
        "client_id": "AtheClient",
        "client_secret": SECRET,
        "webhook_id": WEBHOOK_ID,
        "base": SANDBOX,
        "timeout": timedelta(seconds=30),
        "settling_time": timedelta(seconds=120),
    }
    return PayPal(**(usual | facts))


# --- notifications: who signed them


def verdict(vector: dict[str, Any]) -> str:
    pinned = vector["cert_pem"].encode()
    gateway = paypal(webhook_id=vector["webhook_id"], trusted_roots=(pinned,))
    body = base64.b64decode(vector["body_base64"])
    headers = tuple((name, value) for name, value in vector["headers"])
    try:
        gateway.evidence_request(headers)
        gateway.verify(headers, body, Evidence(datetime.fromisoformat(vector["now"]), pinned))
        gateway.events_in(body)
    except (SignatureInvalid, Unreadable):
        return "reject"
    return "accept"


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["id"]) for v in VECTORS])
def test_each_notification_of_the_vectors_gets_its_verdict(vector: dict[str, Any]) -> None:
    assert verdict(vector) == vector["expected"]


def test_no_vector_is_left_out() -> None:
    assert len(VECTORS) == 10


Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
NAME = "messageverificationcerts.sandbox.paypal.com"


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """One key a name: making them is slow."""
    return rsa.generate_private_key(65537, 2048)


def certificate(
    name: str, key: Key, issuer: x509.Certificate | None, signer: Key, *, is_ca: bool
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = {
        "digital_signature": not is_ca,
        "key_cert_sign": is_ca,
        "crl_sign": is_ca,
        "content_commitment": False,
        "key_encipherment": False,
        "data_encipherment": False,
        "key_agreement": False,
        "encipher_only": False,
        "decipher_only": False,
    }
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if not is_ca:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        built = built.add_extension(names, critical=False).add_extension(server, critical=False)
    return built.sign(signer, SHA256())


@cache
def authority() -> x509.Certificate:
    return certificate("Root", rsa_key("root"), None, rsa_key("root"), is_ca=True)


@cache
def middle() -> x509.Certificate:
    return certificate("Middle", rsa_key("middle"), authority(), rsa_key("root"), is_ca=True)


@cache
def leaf(name: str = NAME) -> x509.Certificate:
    return certificate(name, rsa_key("leaf"), middle(), rsa_key("middle"), is_ca=False)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def trusting(**facts: Any) -> PayPal:
    return paypal(**({"trusted_roots": (pem(authority()),)} | facts))


BODY = b'{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"C1"}}'


def signed(
    body: bytes = BODY,
    *,
    key: rsa.RSAPrivateKey | None = None,
    digest: Callable[[], HashAlgorithm] = SHA256,
    sent_at: str = "2026-01-01T00:00:00Z",
    **changes: str,
) -> tuple[tuple[str, str], ...]:
    """The headers of a delivery; `changes` are made after it was signed."""
    message = f"T-1|{sent_at}|{WEBHOOK_ID}|{zlib.crc32(body)}".encode()
    signature = (key or rsa_key("leaf")).sign(message, padding.PKCS1v15(), digest())
    headers = {
        "Paypal-Transmission-Id": "T-1",
        "Paypal-Transmission-Time": sent_at,
        "Paypal-Transmission-Sig": base64.b64encode(signature).decode(),
        "Paypal-Cert-Url": CERT_URL,
        "Paypal-Auth-Algo": "SHA256withRSA",
    }
    return tuple(
        (headers | {f"Paypal-{n}".replace("_", "-"): v for n, v in changes.items()}).items()
    )


def judge(gateway: PayPal, headers: Any, body: bytes = BODY, document: bytes = b"") -> None:
    gateway.verify(headers, body, Evidence(NOW, document or pem(leaf(), middle())))


def test_a_chain_to_a_trusted_root_is_believed() -> None:
    judge(trusting(), signed())


def test_intermediates_may_be_trusted_where_the_document_has_the_leaf_alone() -> None:
    judge(trusting(trusted_roots=(pem(authority()), pem(middle()))), signed(), document=pem(leaf()))


def test_header_names_have_no_case() -> None:
    judge(trusting(), tuple((name.upper(), value) for name, value in signed()))


@pytest.mark.parametrize("name", [name for name, _ in signed()])
@pytest.mark.parametrize("fault", ["missing", "empty", "repeated", "joined"])
def test_each_header_is_there_exactly_once(name: str, fault: str) -> None:
    given = dict(signed())[name]
    others = tuple(pair for pair in signed() if pair[0] != name)
    wrong: dict[str, Any] = {
        "missing": (),
        "empty": ((name, ""),),
        "repeated": ((name, given), (name.lower(), given)),
        "joined": ((name, f"{given}, {given}"),),
    }
    with pytest.raises(SignatureInvalid):
        judge(trusting(), others + wrong[fault])


@pytest.mark.parametrize(
    "change",
    [
        {"Transmission_Id": "T-2"},
        {"Transmission_Id": "ünï"},
        {"Transmission_Id": "\ud800"},
        {"Transmission_Time": "2026-01-01T00:00:01Z"},
        {"Transmission_Time": "2026-01-01T00:00:00"},
        {"Transmission_Time": "yesterday"},
        {"Transmission_Sig": "***"},
        {"Transmission_Sig": "ünï"},
        {"Transmission_Sig": base64.b64encode(b"x" * 256).decode()},
        {"Auth_Algo": "SHA1withRSA"},
        {"Auth_Algo": "sha256withrsa"},
    ],
    ids=str,
)
def test_a_header_that_was_changed_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SignatureInvalid):
        judge(trusting(), signed(BODY, **change))


@pytest.mark.parametrize(
    "url",
    [
        "http://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://evil.example/v1/notifications/certs/CERT-1",
        "https://user@api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.sandbox.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://evil.example\\@api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.sandbox.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.sandbox.paypal.com/v1/oauth2/token",
        "https://api.sandbox.paypal.com/v1/notifications/certs/../../x",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1?to=evil",
        "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1\n",
        "https://api.sandbox.pay\tpal.com/v1/notifications/certs/CERT-1",
        "//api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
        "file:///v1/notifications/certs/CERT-1",
        "https://127.0.0.1:8004/v1/notifications/certs/CERT-1",
    ],
)
def test_a_certificate_is_fetched_from_nowhere_else(url: str) -> None:
    with pytest.raises(SignatureInvalid, match="cert_url_not_allowed"):
        paypal().evidence_request(signed(Cert_Url=url))


def test_the_live_application_takes_no_certificate_of_the_sandbox() -> None:
    with pytest.raises(SignatureInvalid, match="cert_url_not_allowed"):
        paypal(certificate_hosts=CERTIFICATE_HOSTS["live"]).evidence_request(signed())


def test_the_certificate_is_fetched_where_the_notification_says() -> None:
    request = paypal().evidence_request(signed())
    assert (request.method, request.url, request.body) == ("GET", CERT_URL, b"")
    assert "Authorization" not in request.headers


def test_plain_http_is_for_a_neighbour_on_this_machine_that_was_named() -> None:
    here = "http://127.0.0.1:8004/v1/notifications/certs/CERT-1"
    named = paypal(certificate_hosts=frozenset({"127.0.0.1:8004", "api.paypal.com"}))
    assert named.evidence_request(signed(Cert_Url=here)).url == here
    with pytest.raises(SignatureInvalid):
        named.evidence_request(signed(Cert_Url=here.replace("8004", "8005")))


def test_nothing_is_fetched_for_a_notification_that_cannot_be_signed() -> None:
    with pytest.raises(SignatureInvalid, match="missing_header"):
        paypal().evidence_request(signed()[1:])


def test_an_unset_webhook_id_verifies_nothing() -> None:
    with pytest.raises(SignatureInvalid, match="no_secret"):
        judge(trusting(webhook_id=""), signed())


@pytest.mark.parametrize("gateway", [paypal(), trusting(trusted_roots=(b"rubbish",))])
def test_without_trusted_roots_nobody_is_believed(gateway: PayPal) -> None:
    with pytest.raises(SignatureInvalid, match="no_trusted_roots"):
        judge(gateway, signed())


def test_the_systems_authorities_can_all_be_trusted() -> None:
    system = Path(certifi.where()).read_bytes()
    judge(trusting(trusted_roots=(system, b"-----BEGIN", pem(authority()))), signed())
    with pytest.raises(SignatureInvalid, match="certificate_not_trusted"):
        judge(trusting(trusted_roots=(system,)), signed())


def test_only_the_very_root_is_trusted_not_one_of_its_name() -> None:
    stranger = certificate("Root", rsa_key("x"), None, rsa_key("x"), is_ca=True)
    with pytest.raises(SignatureInvalid, match="certificate_not_trusted"):
        judge(trusting(trusted_roots=(pem(stranger),)), signed())


def test_a_certificate_that_is_no_authority_issues_none() -> None:
    issued = certificate(NAME, rsa_key("x"), leaf(), rsa_key("leaf"), is_ca=False)
    document = pem(issued, leaf(), middle())
    with pytest.raises(SignatureInvalid, match="certificate_not_trusted"):
        judge(trusting(), signed(key=rsa_key("x")), document=document)


@pytest.mark.parametrize("name", ["paypal.com.evil.example", "evilpaypal.com", "Middle"])
def test_somebody_elses_certificate_is_refused_though_trusted(name: str) -> None:
    with pytest.raises(SignatureInvalid, match="somebody_else"):
        judge(trusting(), signed(), document=pem(leaf(name), middle()))


@pytest.mark.parametrize("year", [2024, 2028])
def test_a_certificate_is_good_for_its_time_only(year: int) -> None:
    evidence = Evidence(NOW.replace(year=year), pem(leaf(), middle()))
    headers = signed(sent_at=f"{year}-01-01T00:00:00Z")
    with pytest.raises(SignatureInvalid, match="not_valid_now"):
        trusting().verify(headers, BODY, evidence)


@pytest.mark.parametrize("document", [b"rubbish", b"-----BEGIN CERTIFICATE-----\n", b"\xff"])
def test_what_is_no_certificate_vouches_for_nothing(document: bytes) -> None:
    with pytest.raises(SignatureInvalid, match="no_certificate"):
        judge(trusting(), signed(), document=document)
    with pytest.raises(SignatureInvalid, match="no_certificate"):
        trusting().verify(signed(), BODY, Evidence(NOW))


def test_a_key_of_another_kind_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    other = certificate(NAME, key, middle(), rsa_key("middle"), is_ca=False)
    with pytest.raises(SignatureInvalid, match="not_rsa"):
        judge(trusting(), signed(), document=pem(other, middle()))


def test_a_weaker_digest_is_refused() -> None:
    with pytest.raises(SignatureInvalid, match="signature_mismatch"):
        judge(trusting(), signed(digest=SHA1))


@pytest.mark.parametrize(
    ("sent_at", "is_good"),
    [
        ("2026-01-01T00:04:00Z", True),
        ("2026-01-01T00:06:00Z", False),
        ("2025-12-29T00:00:00Z", True),
        ("2025-12-27T00:00:00Z", False),
        ("2025-12-31T16:00:00-08:00", True),
    ],
)
def test_a_notification_may_be_days_late_but_not_from_the_future(
    sent_at: str, is_good: bool
) -> None:
    if is_good:
        return judge(trusting(), signed(sent_at=sent_at))
    with pytest.raises(SignatureInvalid, match="out_of_bounds"):
        judge(trusting(), signed(sent_at=sent_at))
    return None


@given(st.binary(max_size=100), st.data())
def test_no_altered_body_passes(body: bytes, data: st.DataObject) -> None:
    same = zlib.crc32(body)
    other = data.draw(st.binary(max_size=100).filter(lambda drawn: zlib.crc32(drawn) != same))
    judge(trusting(), signed(body), body)
    with pytest.raises(SignatureInvalid):
        judge(trusting(), signed(body), other)


def test_a_checksum_proves_no_body_so_news_is_only_a_hint() -> None:
    assert paypal().proves_body is False


# --- the token


def test_the_token_is_asked_for_with_the_applications_own_name_and_secret() -> None:
    request = paypal().token_request()
    assert request.url == "https://api-m.sandbox.paypal.com/v1/oauth2/token"
    assert request.body == b"grant_type=client_credentials"
    name = request.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(name).decode() == f"AtheClient:{SECRET}"


@pytest.mark.parametrize(
    ("status", "answer", "text"),
    [
        (200, {"access_token": "A21.x", "expires_in": 28800}, "A21.x"),
        (200, {"access_token": "A21.x", "expires_in": 10**30}, "A21.x"),
        (200, {"access_token": "A21.x", "expires_in": 0}, None),
        (200, {"access_token": "A21.x", "expires_in": True}, None),
        (200, {"access_token": "A21.x", "expires_in": "28800"}, None),
        (200, {"access_token": "A21.x"}, None),
        (200, {"access_token": "", "expires_in": 28800}, None),
        (200, {"access_token": "A\r\nX: y", "expires_in": 28800}, None),
        (200, {"access_token": ["A"], "expires_in": 28800}, None),
        (200, ["A"], None),
        (200, b"<html>", None),
        (401, {"error": "invalid_client", "access_token": "A", "expires_in": 9}, None),
    ],
)
def test_a_token_is_a_text_that_lasts(status: int, answer: Any, text: str | None) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    token = paypal().token_of(WireResponse(status, {}, body))
    assert (token.text if token else None) == text


# --- orders


def charge(money: Money = Money(2500, "USD"), **facts: Any) -> Charge:
    usual: dict[str, Any] = {
        "key": "k1",
        "kind": OperationKind.CHARGE,
        "description": "Order 1",
        "return_url": "https://us/return",
        "callback_url": "https://us/hook",
    }
    return Charge(money=money, **(usual | facts))


ORDER = Handle("O1", {"order": "O1"})
APPROVED = Handle("O1", {"order": "O1", "needs": "capture"})
TO_RESERVE = {"order": "O1", "needs": "capture", "intent": "authorize"}
TO_AUTHORIZE = Handle("O1", TO_RESERVE)
RESERVED = Handle("O1", TO_RESERVE | {"authorization": "A1"})
TAKEN = Handle("O1", {"order": "O1", "needs": "capture", "capture": "C1"})
FIVE = Money(500, "USD")
CAPTURE = Capture("k2", FIVE, RESERVED)
CAPTURE_ORDER = Capture("k1", Money(2500, "USD"), APPROVED)
AUTHORIZE_ORDER = Capture("k1", Money(2500, "USD"), TO_AUTHORIZE)
VOID = Void("k3", Money(2500, "USD"), RESERVED)
REFUND = Refund("k4", FIVE, TAKEN, "Too big")
EFFECTS: list[Order] = [charge(), CAPTURE, CAPTURE_ORDER, AUTHORIZE_ORDER, VOID, REFUND]


def sent(order: Order) -> tuple[str, Any]:
    request = paypal().request_for(order, "A21.token")
    assert request.headers["Authorization"] == "Bearer A21.token"
    path = request.url.removeprefix(SANDBOX)
    return f"{request.method} {path}", json.loads(request.body) if request.body else None


def test_a_charge_asks_for_an_order_with_a_page() -> None:
    path, body = sent(charge(language="ar", customer={"email": "a@b.test"}))
    assert path == "POST /v2/checkout/orders"
    assert body == {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "custom_id": "k1",
                "description": "Order 1",
                "amount": {"currency_code": "USD", "value": "25.00"},
            }
        ],
        "payment_source": {
            "paypal": {
                "experience_context": {
                    "return_url": "https://us/return",
                    "cancel_url": "https://us/return",
                    "user_action": "PAY_NOW",
                    "shipping_preference": "NO_SHIPPING",
                    "locale": "ar",
                }
            }
        },
    }


def test_an_authorisation_is_another_intent() -> None:
    assert sent(charge(kind=OperationKind.AUTHORIZE))[1]["intent"] == "AUTHORIZE"


def test_a_description_is_never_empty_nor_too_long() -> None:
    def unit(**facts: Any) -> Any:
        return sent(charge(**facts))[1]["purchase_units"][0]

    assert unit(description="")["description"] == "k1"
    assert len(unit(description="x" * 500)["description"]) == 127


@pytest.mark.parametrize("language", ["", "english", "en_US", "EN", "\ud800"])
def test_a_language_that_paypal_does_not_know_is_left_out(language: str) -> None:
    _, body = sent(charge(language=language))
    assert "locale" not in body["payment_source"]["paypal"]["experience_context"]


AMOUNT = {"currency_code": "USD", "value": "5.00"}


@pytest.mark.parametrize(
    ("order", "path", "body"),
    [
        (
            CAPTURE,
            "/v2/payments/authorizations/A1/capture",
            {"amount": AMOUNT, "invoice_id": "k2", "final_capture": True},
        ),
        (CAPTURE_ORDER, "/v2/checkout/orders/O1/capture", {}),
        (AUTHORIZE_ORDER, "/v2/checkout/orders/O1/authorize", {}),
        (VOID, "/v2/payments/authorizations/A1/void", {}),
        (
            REFUND,
            "/v2/payments/captures/C1/refund",
            {
                "amount": AMOUNT,
                "custom_id": "k4",
                "invoice_id": "k4",
                "note_to_payer": "Too big",
            },
        ),
        (
            Refund("k4", FIVE, Handle("C9")),
            "/v2/payments/captures/C9/refund",
            {"amount": AMOUNT, "custom_id": "k4", "invoice_id": "k4"},
        ),
    ],
)
def test_what_follows_a_payment_names_it(order: Order, path: str, body: Any) -> None:
    assert sent(order) == (f"POST {path}", body)


@pytest.mark.parametrize("order", EFFECTS)
def test_a_repeat_carries_the_same_name_and_asks_for_the_whole_answer(order: Order) -> None:
    headers = [dict(paypal().request_for(order, token).headers) for token in ("A", "B")]
    for each in headers:
        each.pop("Authorization")
    assert headers[0] == headers[1]
    assert headers[0]["Prefer"] == "return=representation"
    assert order.key in headers[0]["PayPal-Request-Id"]
    assert len(headers[0]["PayPal-Request-Id"].replace(order.key, "x" * 64)) <= 108


def test_a_charge_and_its_own_capture_are_two_requests_though_one_key() -> None:
    names = {
        paypal().request_for(order).headers["PayPal-Request-Id"]
        for order in (charge(), CAPTURE_ORDER)
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    ("lookup", "path"),
    [
        (Lookup("k1", OperationKind.CHARGE, ORDER), "/v2/checkout/orders/O1"),
        (Lookup("k1", OperationKind.AUTHORIZE, Handle("O1")), "/v2/checkout/orders/O1"),
        (Lookup("k1", OperationKind.CHARGE), "/v2/checkout/orders/k1"),
        (Lookup("k2", OperationKind.CAPTURE, Handle("C2"), RESERVED), "/v2/checkout/orders/O1"),
        (Lookup("k2", OperationKind.CAPTURE, parent=RESERVED), "/v2/checkout/orders/O1"),
        (Lookup("k3", OperationKind.VOID, parent=RESERVED), "/v2/payments/authorizations/A1"),
        (Lookup("k4", OperationKind.REFUND, Handle("R1"), TAKEN), "/v2/payments/refunds/R1"),
        (Lookup("k4", OperationKind.REFUND, parent=TAKEN), "/v2/checkout/orders/O1"),
        (Lookup("a/b?c", OperationKind.CHARGE), "/v2/checkout/orders/a%2Fb%3Fc"),
    ],
)
def test_a_lookup_asks_where_the_answer_is(lookup: Lookup, path: str) -> None:
    assert sent(lookup) == (f"GET {path}", None)


@pytest.mark.parametrize(
    "order",
    [
        Void("k", FIVE, ORDER),
        Refund("k", FIVE, Handle()),
        Capture("k", FIVE, Handle()),
        Lookup("k", OperationKind.VOID),
        Lookup("k", OperationKind.REFUND),
    ],
)
def test_what_nothing_can_follow_is_said_so(order: Order) -> None:
    with pytest.raises(NotSupported):
        paypal().request_for(order)


def test_everything_can_be_done_here() -> None:
    assert paypal().capabilities == frozenset(Capability)
    assert paypal().key_memory == timedelta(hours=6)


@pytest.mark.parametrize(
    ("money", "written"),
    [
        (Money(2500, "USD"), "25.00"),
        (Money(1, "USD"), "0.01"),
        (Money(1200, "JPY"), "1200"),
        (Money(120000, "HUF"), "1200"),
        (Money(5000, "TWD"), "50"),
        (Money(99_999_999_999_999_999, "EUR"), "999999999999999.99"),
    ],
)
def test_an_amount_is_a_text_in_major_units(money: Money, written: str) -> None:
    amount = sent(charge(money))[1]["purchase_units"][0]["amount"]
    assert amount == {"currency_code": money.currency, "value": written}


@pytest.mark.parametrize(
    ("money", "error"),
    [
        (Money(120050, "HUF"), InvalidAmount),
        (Money(5050, "TWD"), InvalidAmount),
        (Money(0, "USD"), InvalidAmount),
        (Money(-5, "USD"), InvalidAmount),
        (Money(1000, "AED"), UnsupportedCurrency),
        (Money(1000, "KWD"), UnsupportedCurrency),
    ],
)
def test_what_paypal_cannot_express_is_refused(money: Money, error: type[DomainError]) -> None:
    assert money.currency in CURRENCIES or money.currency not in paypal().currencies
    for order in (charge(money), Capture("k", money, RESERVED), Refund("k", money, TAKEN)):
        with pytest.raises(error):
            paypal().request_for(order)


@given(st.integers(1, 10**14), st.sampled_from(sorted(CURRENCIES)))
def test_an_amount_comes_back_as_it_went(minor: int, currency: str) -> None:
    whole = minor * 100 if currency in WHOLE_CURRENCIES - {"JPY"} else minor
    written = sent(charge(Money(whole, currency)))[1]["purchase_units"][0]["amount"]
    result = answered(REFUND, 201, payment("COMPLETED", amount=written))
    assert result.money == Money(whole, currency)


def test_no_repr_shows_a_secret() -> None:
    gateway = trusting()
    shown = repr(gateway) + repr(gateway.token_request()) + str(gateway)
    shown += repr(gateway.request_for(charge(customer={"email": "a@b.test"}), "A21.token"))
    for secret in (SECRET, "A21.token", "a@b.test", base64.b64encode(SECRET.encode()).decode()):
        assert secret not in shown


# --- answers


def answered(order: Order, status: int, body: Any) -> GatewayResult:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return paypal().result_of(order, WireResponse(status, {}, raw))


def payment(status: Any = "COMPLETED", **facts: Any) -> dict[str, Any]:
    """A capture, an authorization or a refund: they look alike."""
    usual = {"id": "P1", "status": status, "amount": {"currency_code": "USD", "value": "25.00"}}
    return usual | facts


def order(status: Any = "COMPLETED", intent: str = "CAPTURE", **payments: Any) -> dict[str, Any]:
    unit: dict[str, Any] = {"reference_id": "default", "custom_id": "k1"}
    links = [
        {"href": "https://api/self", "rel": "self", "method": "GET"},
        {"href": "https://pay/O1", "rel": "payer-action", "method": "GET"},
    ]
    return {
        "id": "O1",
        "intent": intent,
        "status": status,
        "payment_source": {"paypal": {"email_address": "a@b.test"}},
        "payer": {"name": {"given_name": "Amal", "surname": "Haddad"}},
        "purchase_units": [unit | ({"payments": payments} if payments else {})],
        "links": links,
    }


def error(name: str, issue: str = "", **facts: Any) -> dict[str, Any]:
    details = [{"issue": issue, "description": "said so"}] if issue else []
    return {"name": name, "message": "It failed", "debug_id": "d", "details": details} | facts


LOOKUP = Lookup("k1", OperationKind.CHARGE, ORDER)


@pytest.mark.parametrize("rel", ["payer-action", "approve"])
@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("word", ["CREATED", "PAYER_ACTION_REQUIRED"])
def test_a_page_is_an_action_for_the_payer(rel: str, status: int, word: str) -> None:
    links = [{"href": "https://pay/O1", "rel": rel}]
    result = answered(charge(), status, order(word) | {"links": links})
    assert result.outcome is Outcome.ACTION_REQUIRED
    assert (result.reference, result.redirect_url) == ("O1", "https://pay/O1")
    assert result.ids == {"order": "O1"}


UNCLEAR: list[tuple[int, Any]] = [
    (500, error("INTERNAL_SERVER_ERROR")),
    (503, b"<h1>busy</h1>"),
    (502, b""),
    (409, error("RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS")),
    (202, order()),
    (302, b""),
    (200, b"<html>Login</html>"),
    (200, b'{"id": "O1", "sta'),
    (201, b""),
    (200, []),
    (200, {}),
    (200, {"id": "O1"}),
    (200, {"status": "COMPLETED"}),
    (200, {"id": None, "status": "COMPLETED"}),
    (200, {"id": ["O1"], "status": "COMPLETED"}),
    (200, {"id": "O1", "status": {"COMPLETED": 1}}),
    (400, b"<html>Bad request</html>"),
    (404, b"<html>Not found</html>"),
    (403, b"<html>Firewall</html>"),
    (422, {"unexpected": True}),
    (200, b"\xff\xfe"),
    (200, b"[" * 9999),
]


@pytest.mark.parametrize("asked", [*EFFECTS, LOOKUP], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(("status", "body"), UNCLEAR)
def test_what_is_not_clearly_yes_or_no_is_unknown(asked: Order, status: int, body: Any) -> None:
    assert answered(asked, status, body).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "links", [[], None, {}, ["x"], [{"rel": "payer-action", "href": "javascript:alert(1)"}]]
)
def test_a_page_without_an_address_is_unknown(links: Any) -> None:
    result = answered(charge(), 201, order("CREATED") | {"links": links})
    assert (result.outcome, result.redirect_url) == (Outcome.UNKNOWN, "")
    assert answered(LOOKUP, 200, order("CREATED") | {"links": links}).outcome is (
        Outcome.ACTION_REQUIRED
    )


@pytest.mark.parametrize("asked", EFFECTS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, error("RATE_LIMIT_REACHED")),
        (429, b"<html>slow down</html>"),
        (401, error("AUTHENTICATION_FAILURE")),
        (401, {"error": "invalid_token", "error_description": "Token signature failed"}),
        (403, error("NOT_AUTHORIZED", "PERMISSION_DENIED")),
    ],
)
def test_too_many_calls_or_a_wrong_key_did_nothing(asked: Order, status: int, body: Any) -> None:
    assert answered(asked, status, body).outcome is Outcome.NOT_SENT


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, error("RATE_LIMIT_REACHED")),
        (401, error("AUTHENTICATION_FAILURE")),
        (403, error("NOT_AUTHORIZED")),
        (400, error("INVALID_REQUEST")),
    ],
)
def test_a_lookup_that_was_turned_away_tells_nothing(status: int, body: Any) -> None:
    assert answered(LOOKUP, status, body).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, error("INVALID_REQUEST", "INVALID_STRING_LENGTH"), FailureCode.PROVIDER_ERROR),
        (404, error("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"), FailureCode.PROVIDER_ERROR),
        (422, error("UNPROCESSABLE_ENTITY", "CURRENCY_NOT_SUPPORTED"), FailureCode.PROVIDER_ERROR),
        (422, error("UNPROCESSABLE_ENTITY", "TRANSACTION_REFUSED"), FailureCode.CARD_DECLINED),
        (422, error("UNPROCESSABLE_ENTITY", "AUTHORIZATION_EXPIRED"), FailureCode.EXPIRED),
        (422, error("UNPROCESSABLE_ENTITY", "REFUND_AMOUNT_EXCEEDED"), FailureCode.PROVIDER_ERROR),
        (422, error("UNPROCESSABLE_ENTITY"), FailureCode.PROVIDER_ERROR),
    ],
)
@pytest.mark.parametrize("asked", EFFECTS, ids=lambda each: type(each).__name__)
def test_a_definite_refusal_is_a_decline_with_its_reason(
    asked: Order, status: int, body: Any, code: FailureCode
) -> None:
    result = answered(asked, status, body)
    assert result.outcome is Outcome.DECLINED
    assert result.failure is not None
    assert result.failure.code is code
    assert result.failure.message == ("said so" if body["details"] else "It failed")


@pytest.mark.parametrize(
    ("asked", "issue"),
    [
        (CAPTURE_ORDER, "ORDER_ALREADY_CAPTURED"),
        (AUTHORIZE_ORDER, "ORDER_ALREADY_AUTHORIZED"),
        (CAPTURE, "AUTHORIZATION_ALREADY_CAPTURED"),
        (CAPTURE, "DUPLICATE_INVOICE_ID"),
        (VOID, "PREVIOUSLY_VOIDED"),
        (REFUND, "CAPTURE_FULLY_REFUNDED"),
    ],
)
def test_what_an_earlier_try_may_have_done_is_looked_up(asked: Order, issue: str) -> None:
    assert answered(asked, 422, error("UNPROCESSABLE_ENTITY", issue)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("asked", [CAPTURE_ORDER, AUTHORIZE_ORDER])
@pytest.mark.parametrize(
    "issue", ["INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED", "ORDER_NOT_APPROVED"]
)
def test_a_card_that_is_refused_sends_the_payer_back_to_the_page(asked: Order, issue: str) -> None:
    links = [{"href": "https://pay/O1", "rel": "payer-action"}]
    result = answered(asked, 422, error("UNPROCESSABLE_ENTITY", issue, links=links))
    assert result.outcome is Outcome.ACTION_REQUIRED
    assert result.redirect_url == "https://pay/O1"
    assert result.failure is not None


def test_a_reservation_has_no_page_to_go_back_to() -> None:
    result = answered(CAPTURE, 422, error("UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED"))
    assert result.outcome is Outcome.DECLINED


@pytest.mark.parametrize(
    ("intent", "kind"),
    [("CAPTURE", OperationKind.CHARGE), ("AUTHORIZE", OperationKind.AUTHORIZE)],
)
def test_an_approved_order_is_not_paid_but_needs_its_next_step(
    intent: str, kind: OperationKind
) -> None:
    result = answered(Lookup("k1", kind, ORDER), 200, order("APPROVED", intent))
    assert (result.outcome, result.kind) == (Outcome.PENDING, kind)
    assert result.ids == {"order": "O1", "needs": "capture", "intent": intent.lower()}
    assert (result.redirect_url, result.unlisted_word) == ("", "")


CAPTURE_WORDS = [
    ("COMPLETED", Outcome.SUCCEEDED),
    ("PARTIALLY_REFUNDED", Outcome.SUCCEEDED),
    ("REFUNDED", Outcome.SUCCEEDED),
    ("PENDING", Outcome.PENDING),
    ("DECLINED", Outcome.DECLINED),
    ("FAILED", Outcome.DECLINED),
]
AUTHORIZATION_WORDS = [
    ("CREATED", Outcome.SUCCEEDED),
    ("CAPTURED", Outcome.SUCCEEDED),
    ("PARTIALLY_CAPTURED", Outcome.SUCCEEDED),
    ("PENDING", Outcome.PENDING),
    ("DENIED", Outcome.DECLINED),
    ("VOIDED", Outcome.DECLINED),
]
REFUND_WORDS = [
    ("COMPLETED", Outcome.SUCCEEDED),
    ("PENDING", Outcome.PENDING),
    ("FAILED", Outcome.DECLINED),
    ("CANCELLED", Outcome.DECLINED),
]
VOID_WORDS = [
    ("VOIDED", Outcome.SUCCEEDED),
    ("CREATED", Outcome.NOT_SENT),
    ("PENDING", Outcome.NOT_SENT),
    ("PARTIALLY_CAPTURED", Outcome.NOT_SENT),
    ("CAPTURED", Outcome.DECLINED),
    ("DENIED", Outcome.DECLINED),
]
ORDER_WORDS = [
    ("CREATED", Outcome.ACTION_REQUIRED),
    ("SAVED", Outcome.ACTION_REQUIRED),
    ("PAYER_ACTION_REQUIRED", Outcome.ACTION_REQUIRED),
    ("APPROVED", Outcome.PENDING),
    ("COMPLETED", Outcome.UNKNOWN),
    ("VOIDED", Outcome.DECLINED),
]


def test_every_word_of_the_tables_is_tried_below() -> None:
    for tried, table in [
        (CAPTURE_WORDS, CAPTURES),
        (AUTHORIZATION_WORDS, AUTHORIZATIONS),
        (REFUND_WORDS, REFUNDS),
        (VOID_WORDS, VOIDS),
        (ORDER_WORDS, ORDERS),
    ]:
        assert dict(tried) == table


@pytest.mark.parametrize(("word", "outcome"), CAPTURE_WORDS)
@pytest.mark.parametrize("asked", [CAPTURE_ORDER, LOOKUP])
def test_a_completed_order_is_what_its_capture_is(
    asked: Order, word: str, outcome: Outcome
) -> None:
    status = 201 if asked is CAPTURE_ORDER else 200
    result = answered(asked, status, order(captures=[payment(word)]))
    assert (result.outcome, result.reference) == (outcome, "O1")
    assert result.money == Money(2500, "USD")
    assert result.ids == {"order": "O1", "capture": "P1"}
    assert result.payment_method == "paypal"
    assert (result.failure is not None) is (outcome is Outcome.DECLINED)
    assert result.kind is (OperationKind.CHARGE if asked is LOOKUP else None)


@pytest.mark.parametrize(("word", "outcome"), AUTHORIZATION_WORDS)
@pytest.mark.parametrize("asked", [AUTHORIZE_ORDER, Lookup("k1", OperationKind.AUTHORIZE, ORDER)])
def test_an_authorised_order_is_what_its_authorisation_is(
    asked: Order, word: str, outcome: Outcome
) -> None:
    captures = [payment(id="C7")]
    body = order("COMPLETED", "AUTHORIZE", authorizations=[payment(word)], captures=captures)
    result = answered(asked, 200, body)
    assert (result.outcome, result.reference) == (outcome, "O1")
    assert result.money == Money(2500, "USD")
    assert result.ids == {"order": "O1", "authorization": "P1"}
    assert result.takes_back is (word == "VOIDED")


@pytest.mark.parametrize(("word", "outcome"), ORDER_WORDS)
def test_an_order_without_payments_is_what_its_own_word_says(word: str, outcome: Outcome) -> None:
    assert answered(LOOKUP, 200, order(word)).outcome is outcome


@pytest.mark.parametrize(("word", "outcome"), CAPTURE_WORDS)
def test_a_capture_of_a_reservation_has_its_own_reference(word: str, outcome: Outcome) -> None:
    up = [{"rel": "up", "href": "https://api/v2/payments/authorizations/A1"}]
    result = answered(CAPTURE, 201, payment(word, id="C2", links=up))
    assert (result.outcome, result.kind) == (outcome, OperationKind.CAPTURE)
    assert (result.reference, result.parent_reference) == ("C2", "A1")
    assert result.ids == {"authorization": "A1", "capture": "C2"}
    assert result.money == Money(2500, "USD")


@pytest.mark.parametrize(("word", "outcome"), REFUND_WORDS)
@pytest.mark.parametrize("asked", [REFUND, Lookup("k4", OperationKind.REFUND, Handle("R1"), TAKEN)])
def test_a_refund_is_told_with_its_capture(asked: Order, word: str, outcome: Outcome) -> None:
    up = [{"rel": "up", "href": "https://api/v2/payments/captures/C1"}]
    result = answered(asked, 200, payment(word, id="R1", links=up))
    assert (result.outcome, result.kind) == (outcome, OperationKind.REFUND)
    assert (result.reference, result.parent_reference) == ("R1", "C1")
    assert result.ids == {"refund": "R1", "capture": "C1"}
    assert result.money == Money(2500, "USD")


@pytest.mark.parametrize(("word", "outcome"), VOID_WORDS)
def test_a_void_happened_when_the_reservation_is_void(word: str, outcome: Outcome) -> None:
    lookup = Lookup("k3", OperationKind.VOID, parent=RESERVED)
    result = answered(lookup, 200, payment(word, id="A1"))
    assert (result.outcome, result.kind) == (outcome, OperationKind.VOID)


def test_an_empty_answer_to_a_void_is_its_success() -> None:
    result = answered(VOID, 204, b"")
    assert (result.outcome, result.money) == (Outcome.SUCCEEDED, Money(2500, "USD"))
    assert result.reference == "A1"
    assert answered(VOID, 200, payment("VOIDED", id="A1")).outcome is Outcome.SUCCEEDED
    assert answered(REFUND, 204, b"").outcome is Outcome.UNKNOWN


WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=5)


@given(WORDS)
def test_a_word_that_is_not_listed_is_pending_and_an_alarm(word: str) -> None:
    said: list[tuple[Order, Any]] = [
        (LOOKUP, order(word)),
        (LOOKUP, order(captures=[payment(word)])),
        (CAPTURE, payment(word)),
        (REFUND, payment(word)),
        (VOID, payment(word)),
    ]
    for asked, body in said:
        result = answered(asked, 200, body)
        assert result.outcome is Outcome.PENDING
        assert result.unlisted_word == word.upper()


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("5120", FailureCode.INSUFFICIENT_FUNDS),
        ("0500", FailureCode.CARD_DECLINED),
        ("", FailureCode.CARD_DECLINED),
        (5120, FailureCode.CARD_DECLINED),
    ],
)
def test_a_declined_capture_says_why(code: Any, failure: FailureCode) -> None:
    declined = payment("DECLINED", processor_response={"response_code": code})
    result = answered(LOOKUP, 200, order(captures=[declined]))
    assert result.failure is not None
    assert result.failure.code is failure


def test_an_order_that_was_captured_twice_names_the_second() -> None:
    captures = [payment("DECLINED", id="C0"), payment(id="C1"), payment(id="C2")]
    result = answered(LOOKUP, 200, order(captures=captures))
    assert (result.reference, result.also_taken) == ("O1", ("C2",))
    assert result.ids["capture"] == "C1"


@pytest.mark.parametrize(
    ("kind", "name"), [(OperationKind.REFUND, "refunds"), (OperationKind.CAPTURE, "captures")]
)
def test_a_follow_up_whose_answer_was_lost_is_found_by_our_key(
    kind: OperationKind, name: str
) -> None:
    ours = payment(id="P2", custom_id="k1", invoice_id="k9")
    others = payment(id="P1", custom_id="k1", invoice_id="k8")
    lookup = Lookup("k9", kind, parent=RESERVED)

    def looked_up(*entries: Any) -> GatewayResult:
        payments = {"authorizations": [payment("PARTIALLY_CAPTURED")], name: list(entries)}
        return answered(lookup, 200, order("COMPLETED", "AUTHORIZE", **payments))

    found = looked_up(others, ours)
    assert (found.outcome, found.reference) == (Outcome.SUCCEEDED, "P2")
    assert found.kind is kind
    assert looked_up(ours, payment(id="P3", invoice_id="k9")).also_taken == ("P3",)
    assert looked_up(others).outcome is Outcome.NOT_SENT
    assert looked_up().outcome is Outcome.NOT_SENT
    assert looked_up(payment(id="P4")).outcome is Outcome.UNKNOWN


def test_the_capture_of_an_order_is_found_in_it() -> None:
    lookup = Lookup("k1", OperationKind.CAPTURE, parent=APPROVED)
    assert answered(lookup, 200, order(captures=[payment()])).outcome is Outcome.SUCCEEDED
    assert answered(lookup, 200, order("APPROVED")).ids["needs"] == "capture"


def test_an_order_that_paypal_never_heard_of_was_not_sent() -> None:
    missing = error("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
    assert answered(LOOKUP, 404, missing).outcome is Outcome.NOT_SENT
    for kind in (OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND):
        lookup = Lookup("k", kind, parent=Handle("O1", {"order": "O1", "authorization": "A1"}))
        assert answered(lookup, 404, missing).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("amount", "money"),
    [
        ({"currency_code": "USD", "value": "25.00"}, Money(2500, "USD")),
        ({"currency_code": "USD", "value": "25"}, Money(2500, "USD")),
        ({"currency_code": "USD", "value": "25.000"}, Money(2500, "USD")),
        ({"currency_code": "JPY", "value": "1200"}, Money(1200, "JPY")),
        ({"currency_code": "HUF", "value": "1200"}, Money(120000, "HUF")),
        ({"currency_code": "USD", "value": "25.001"}, None),
        ({"currency_code": "USD", "value": "-25.00"}, None),
        ({"currency_code": "USD", "value": "1e3"}, None),
        ({"currency_code": "USD", "value": "NaN"}, None),
        ({"currency_code": "USD", "value": "٢٥"}, None),
        ({"currency_code": "USD", "value": "9" * 32}, None),
        ({"currency_code": "USD", "value": 25.0}, None),
        ({"currency_code": "???", "value": "25.00"}, None),
        ({"currency_code": ["USD"], "value": "25.00"}, None),
        ({"value": "25.00"}, None),
        ("25.00 USD", None),
        (None, None),
    ],
)
def test_the_amount_is_what_really_moved(amount: Any, money: Money | None) -> None:
    assert answered(REFUND, 201, payment(amount=amount)).money == money


NAMES = [*order(), *payment(), "payments", "captures", "authorizations", "refunds", "rel", "href"]
ODD = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from([*CAPTURES, *ORDERS]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
)


@given(ODD, st.sampled_from([200, 201, 400, 404, 409, 422, 500]))
def test_no_answer_however_odd_is_taken_for_a_success(body: Any, status: int) -> None:
    for asked in [*EFFECTS, LOOKUP, Lookup("k", OperationKind.REFUND, parent=TAKEN)]:
        result = answered(asked, status, body)
        if result.outcome is Outcome.SUCCEEDED:
            # Then it says so itself, by name.
            assert status in (200, 201)
            assert isinstance(body.get("id"), str)
            assert isinstance(body.get("status"), str)


def test_nothing_secret_or_personal_is_kept_of_the_conversation() -> None:
    body = order(captures=[payment()])
    body["purchase_units"][0]["shipping"] = {"name": {"full_name": "Amal Haddad"}}
    kept = json.dumps(answered(LOOKUP, 200, body).exchange)
    for secret in ("Amal", "Haddad", "a@b.test", SECRET):
        assert secret not in kept
    assert "COMPLETED" in kept


# --- news


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
