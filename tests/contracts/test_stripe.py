"""Stripe's signatures: every header that is not exactly theirs, the clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.crypto.signatures import hmac_hex
from payments.gateways.contract import Evidence, SignatureInvalid
from payments.gateways.stripe import Stripe
from tests.contracts.stripe_words import (
    KEY,
    NOW,
    SECONDS,
    SECRET,
    stripe,
)
from tests.contracts.vectors import body_of, name_of, vectors_of

# The one vector on which we are stricter than Stripe's own library: see `test_vectors`.
FROM_THE_FUTURE = "stripe-pub-11"


def test_an_authentic_delivery_from_the_future_is_refused_for_its_clock_alone() -> None:
    (vector,) = (each for each in vectors_of("stripe") if name_of(each) == FROM_THE_FUTURE)
    assert (vector["advisory"], vector["signature_valid"]) == (True, True)
    body = body_of(vector)
    headers = tuple((name, value) for name, value in vector["headers"])
    gateway, now = stripe(vector["secret"]), datetime.fromtimestamp(vector["now"], UTC)
    with pytest.raises(SignatureInvalid, match=r"^timestamp_.*: clock differs by 600 s$"):
        gateway.verify(headers, body, Evidence(now))
    gateway.verify(headers, body, Evidence(now + timedelta(seconds=300)))


def signature(body: bytes, at: int = SECONDS, secret: str = SECRET) -> str:
    return hmac_hex(secret.encode(), f"{at}.".encode() + body)


def header(body: bytes, at: int = SECONDS, secret: str = SECRET) -> str:
    return f"t={at},v1={signature(body, at, secret)}"


def verify(given: Any, body: bytes, gateway: Stripe | None = None, now: datetime = NOW) -> None:
    headers = given if isinstance(given, tuple) else (("Stripe-Signature", given),)
    (gateway or stripe()).verify(headers, body, Evidence(now))


BODY = b'{"id":"evt_1","object":"event"}'
SIGNED = signature(BODY)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ((), "missing_header"),
        ("", "missing_header"),
        ((("Stripe-Signature", header(BODY)), ("stripe-signature", "x")), "repeated_header"),
        (f"{header(BODY)},{header(BODY)}", "malformed_header"),
        (f"v1={SIGNED}", "malformed_header"),
        (f"t=,v1={SIGNED}", "malformed_header"),
        (f"t=-{SECONDS},v1={SIGNED}", "malformed_header"),
        (f"t=0{SECONDS},v1={SIGNED}", "malformed_header"),
        (f"t={SECONDS}.0,v1={SIGNED}", "malformed_header"),
        (f"t={'9' * 40},v1={SIGNED}", "malformed_header"),
        (f"t=١٧٦٧٢٢٥٦٠٠,v1={SIGNED}", "malformed_header"),
        (f"t={SECONDS},v0={SIGNED}", "no_v1_signature"),
        (f"t={SECONDS},v1=", "no_v1_signature"),
        (f"t={SECONDS},v1={SIGNED.upper()}", "no_v1_signature"),
        (f"t={SECONDS},V1={SIGNED}", "no_v1_signature"),
        (f"t={SECONDS},v1={SIGNED[:-1]}", "no_v1_signature"),
        (f"t={SECONDS},v1=\ud800{SIGNED}", "no_v1_signature"),
        (f"t={SECONDS + 1},v1={SIGNED}", "signature_mismatch"),
        (header(BODY, secret=KEY), "signature_mismatch"),
        (header(BODY, secret=SECRET.removeprefix("whsec_")), "signature_mismatch"),
    ],
)
def test_a_signature_that_is_not_exactly_theirs_is_refused(given: Any, reason: str) -> None:
    with pytest.raises(SignatureInvalid, match=reason):
        verify(given, BODY)


def test_any_of_several_signatures_and_of_several_secrets_is_enough() -> None:
    old = signature(BODY, secret="whsec_OLD")
    verify(f"t={SECONDS},v1={old},v0=x,v1={SIGNED}", BODY)
    verify(header(BODY), BODY, stripe("whsec_OLD", SECRET))
    with pytest.raises(SignatureInvalid):
        verify(f"t={SECONDS},v1={old}", BODY)


@pytest.mark.parametrize("secrets", [("",), ("", "")])
def test_an_unset_secret_verifies_nothing(secrets: tuple[str, ...]) -> None:
    with pytest.raises(SignatureInvalid, match="no_secret"):
        verify(header(BODY, secret=""), BODY, stripe(*secrets))
    with pytest.raises(SignatureInvalid, match="mismatch"):
        verify(header(BODY, secret=""), BODY, stripe(*secrets, SECRET))


@pytest.mark.parametrize("age", [0, 300, -300])
def test_a_clock_may_differ_by_the_tolerance(age: int) -> None:
    verify(header(BODY), BODY, now=NOW + timedelta(seconds=age))


@pytest.mark.parametrize(("age", "told"), [(301, "-301 s"), (-301, "301 s"), (86400, "-86400 s")])
def test_what_is_old_may_be_a_replay_and_what_is_early_is_a_wrong_clock(
    age: int, told: str
) -> None:
    with pytest.raises(SignatureInvalid) as refused:
        verify(header(BODY), BODY, now=NOW + timedelta(seconds=age))
    assert refused.value.reason == f"timestamp_outside_tolerance: clock differs by {told}"


@given(st.binary(max_size=200), st.data())
def test_no_altered_body_passes(body: bytes, data: st.DataObject) -> None:
    other = data.draw(st.binary(max_size=200).filter(lambda drawn: drawn != body))
    verify((("STRIPE-SIGNATURE", header(body)),), body)
    with pytest.raises(SignatureInvalid):
        verify(header(body), other)


@given(st.text(max_size=120))
def test_no_odd_header_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify(text, BODY)
