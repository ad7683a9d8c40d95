"""Stripe's own library, asked beside us: whom one lets in the other lets in, but for the clock."""

from datetime import timedelta

import stripe as official
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.crypto.signatures import hmac_hex
from payments.gateways.contract import Evidence, SignatureInvalid
from tests.contracts.cases.stripe.words import NOW, SECONDS, stripe

TOLERANCE = 300
SECRETS = st.text(min_size=1, max_size=40)
# What may stand for a signature: the right one, or one that is wrong in a way of its own.
SCHEMES = ["right", "v0", "upper", "cut", "other body", "other secret", "other time", "empty"]
AGES = st.sampled_from([0, 1, 299, 300, 301, 10**6]) | st.integers(-1000, 1000)


def written(scheme: str, at: int, body: str, secret: str) -> str:
    def signed(text: str = body, key: str = secret, when: int = at) -> str:
        return hmac_hex(key.encode(), f"{when}.{text}".encode())

    return {
        "right": f"v1={signed()}",
        "v0": f"v0={signed()}",
        "upper": f"v1={signed().upper()}",
        "cut": f"v1={signed()[:-1]}",
        "other body": f"v1={signed(text=body + ' ')}",
        "other secret": f"v1={signed(key=secret + '_')}",
        "other time": f"v1={signed(when=at + 1)}",
        "empty": "v1=",
    }[scheme]


def ours(body: str, header: str, secret: str) -> bool:
    try:
        stripe(secret).verify((("Stripe-Signature", header),), body.encode(), Evidence(NOW))
    except SignatureInvalid:
        return False
    return True


def theirs(body: str, header: str, secret: str) -> bool:
    try:
        with time_machine.travel(NOW, tick=False):
            official.WebhookSignature.verify_header(body, header, secret, TOLERANCE)
    except official.SignatureVerificationError:
        return False
    return True


@settings(max_examples=150)
@given(
    body=st.text(max_size=120),
    secret=SECRETS,
    schemes=st.lists(st.sampled_from(SCHEMES), max_size=4),
    age=AGES,
)
def test_we_believe_whom_stripes_own_library_believes_unless_the_clock_is_ahead(
    body: str, secret: str, schemes: list[str], age: int
) -> None:
    at = SECONDS - age
    header = ",".join([f"t={at}", *(written(each, at, body, secret) for each in schemes)])
    is_far_ahead = timedelta(seconds=-age) > timedelta(seconds=TOLERANCE)
    expected = theirs(body, header, secret)
    assert ours(body, header, secret) is (expected and not is_far_ahead)
    assert expected is ("right" in schemes and age <= TOLERANCE)


@settings(max_examples=50)
@given(header=st.text(st.sampled_from("tv01=,9af"), max_size=60), body=st.text(max_size=20))
def test_neither_believes_a_header_that_nobody_signed(header: str, body: str) -> None:
    assert not ours(body, header, "whsec_x")
    assert not theirs(body, header, "whsec_x")
