"""PayPal's objects, certificates and signatures, and our orders, for its contract tests."""

import base64
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import strategies as st

from payments.gateways.messages import (
    Capture,
    Charge,
    DisputeLookup,
    GatewayResult,
    Handle,
    Order,
    Refund,
    Void,
)
from payments.gateways.paypal import BASES, PayPal
from payments.gateways.paypal.words import CAPTURES, ORDERS
from payments.money import Money
from payments.statuses import OperationKind
from tests.contracts.vectors import result_of

SANDBOX = BASES["sandbox"]
SECRET = "ESECRETOFTHETESTS"
K = OperationKind
WEBHOOK_ID = "WHTESTONLY01"


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


CERT_URL = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"
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


def answered(order: Order, status: int, body: Any) -> GatewayResult:
    return result_of(paypal(), order, status, body)


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


def of_dispute(reference: str = "PP-D-1", key: str = "k1", **ids: str) -> DisputeLookup:
    return DisputeLookup(reference, key, Handle("O1", ids), Money(2500, "USD"))


def error(name: str, issue: str = "", **facts: Any) -> dict[str, Any]:
    details = [{"issue": issue, "description": "said so"}] if issue else []
    return {"name": name, "message": "It failed", "debug_id": "d", "details": details} | facts


NAMES = [*order(), *payment(), "payments", "captures", "authorizations", "refunds", "rel", "href"]
ODD = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from([*CAPTURES, *ORDERS]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
)
