"""Paystack's signatures: every header that is not exactly theirs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.crypto.signatures import hmac_hex
from payments.gateways.contract import Evidence, SignatureInvalid, Unreadable
from tests.contracts.paystack_words import KEY, paystack

NOW = Evidence(datetime(2026, 1, 1, tzinfo=UTC))


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
