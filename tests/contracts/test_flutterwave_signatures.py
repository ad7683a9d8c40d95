"""Flutterwave's two proofs: every header that is not exactly theirs."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from payments.crypto.signatures import hmac_hex
from payments.gateways.contract import Evidence, SignatureInvalid, Unreadable
from tests.contracts.flutterwave_words import HASH, flutterwave

NOW = Evidence(datetime(2026, 1, 1, tzinfo=UTC))


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


def test_a_notification_is_a_hint_unless_its_signature_covers_its_body() -> None:
    assert flutterwave().proves_body is False
    assert flutterwave().proves(((OLD, HASH),)) is False
    assert flutterwave().proves(((OLD, HASH), (NEW, signed(BODY)))) is True


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b"{}", b"[" * 9999, b'{"event":{}}',
     b'{"Id":1,"Amount":5}'],
)  # fmt: skip
def test_an_authentic_body_that_is_no_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        flutterwave().events_in(body)
