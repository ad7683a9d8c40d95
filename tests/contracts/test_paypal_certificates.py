"""Who vouches for a signature of PayPal's: which certificates, from where, and until when."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1

from payments.gateways.contract import Evidence, SignatureInvalid
from payments.gateways.paypal import CERTIFICATE_HOSTS, PayPal
from tests.contracts.cases.paypal.words import (
    BODY,
    CERT_URL,
    NAME,
    authority,
    certificate,
    leaf,
    middle,
    paypal,
    pem,
    rsa_key,
    signed,
    trusting,
)

NOW = datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)


def judge(gateway: PayPal, headers: Any, body: bytes = BODY, document: bytes = b"") -> None:
    gateway.verify(headers, body, Evidence(NOW, document or pem(leaf(), middle())))


def test_a_chain_to_a_trusted_root_is_believed() -> None:
    judge(trusting(), signed())


def test_intermediates_may_be_trusted_where_the_document_has_the_leaf_alone() -> None:
    judge(trusting(trusted_roots=(pem(authority()), pem(middle()))), signed(), document=pem(leaf()))


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
        paypal().evidence_request(signed(Cert_Url=url), NOW)


def test_the_live_application_takes_no_certificate_of_the_sandbox() -> None:
    with pytest.raises(SignatureInvalid, match="cert_url_not_allowed"):
        paypal(certificate_hosts=CERTIFICATE_HOSTS["live"]).evidence_request(signed(), NOW)


def test_the_certificate_is_fetched_where_the_notification_says() -> None:
    request = paypal().evidence_request(signed(), NOW)
    assert (request.method, request.url, request.body) == ("GET", CERT_URL, b"")
    assert "Authorization" not in request.headers


def test_plain_http_is_for_a_neighbour_on_this_machine_that_was_named() -> None:
    here = "http://127.0.0.1:8004/v1/notifications/certs/CERT-1"
    named = paypal(certificate_hosts=frozenset({"127.0.0.1:8004", "api.paypal.com"}))
    assert named.evidence_request(signed(Cert_Url=here), NOW).url == here
    with pytest.raises(SignatureInvalid):
        named.evidence_request(signed(Cert_Url=here.replace("8004", "8005")), NOW)


def test_nothing_is_fetched_for_a_notification_that_cannot_be_signed() -> None:
    with pytest.raises(SignatureInvalid, match="missing_header"):
        paypal().evidence_request(signed()[1:], NOW)


@pytest.mark.parametrize(
    ("later", "differs"), [(timedelta(days=5), "-432005"), (-timedelta(minutes=6), "355")]
)
def test_nothing_is_fetched_for_a_notification_out_of_its_time(
    later: timedelta, differs: str
) -> None:
    with pytest.raises(SignatureInvalid, match=f"clock differs by {differs} s"):
        paypal().evidence_request(signed(), NOW + later)


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
