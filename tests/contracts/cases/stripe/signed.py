"""Stripe's signatures: every header that is not exactly theirs, and those that are."""

from typing import Any

from payments.crypto.signatures import hmac_hex
from payments.gateways.stripe import Stripe
from payments.gateways.wire import Headers
from tests.contracts.cases.stripe.words import KEY, SECONDS, SECRET, stripe
from tests.contracts.shape import BODY, Signed


def signature(body: bytes, at: int = SECONDS, secret: str = SECRET) -> str:
    return hmac_hex(secret.encode(), f"{at}.".encode() + body)


def header(body: bytes, at: int = SECONDS, secret: str = SECRET) -> str:
    return f"t={at},v1={signature(body, at, secret)}"


def sign(body: bytes, secret: str = SECRET) -> Headers:
    return (("Stripe-Signature", header(body, secret=secret)),)


def given(value: Any, gateway: Stripe | None = None) -> Signed:
    headers = value if isinstance(value, tuple) else (("STRIPE-SIGNATURE", value),)
    return Signed(gateway or stripe(), headers)


GOOD, SIGNED = header(BODY), signature(BODY)
OLD = signature(BODY, secret="whsec_OLD")
FORGED: dict[str, list[Any]] = {
    "missing_header": [(), ""],
    "repeated_header": [(("Stripe-Signature", GOOD), ("stripe-signature", "x"))],
    "malformed_header": [
        f"{GOOD},{GOOD}",
        f"v1={SIGNED}",
        f"t=,v1={SIGNED}",
        f"t=-{SECONDS},v1={SIGNED}",
        f"t=0{SECONDS},v1={SIGNED}",
        f"t={SECONDS}.0,v1={SIGNED}",
        f"t={'9' * 40},v1={SIGNED}",
        f"t=١٧٦٧٢٢٥٦٠٠,v1={SIGNED}",
    ],
    "no_v1_signature": [
        f"t={SECONDS},v0={SIGNED}",
        f"t={SECONDS},v1=",
        f"t={SECONDS},v1={SIGNED.upper()}",
        f"t={SECONDS},V1={SIGNED}",
        f"t={SECONDS},v1={SIGNED[:-1]}",
        f"t={SECONDS},v1=\ud800{SIGNED}",
    ],
    "signature_mismatch": [
        f"t={SECONDS + 1},v1={SIGNED}",
        f"t={SECONDS},v1={OLD}",
        header(BODY, secret=KEY),
        header(BODY, secret=SECRET.removeprefix("whsec_")),
    ],
}
BELIEVED = [
    given(GOOD),
    given(f"t={SECONDS},v1={OLD},v0=x,v1={SIGNED}"),
    given(GOOD, stripe("whsec_OLD", SECRET)),
    given(header(BODY, SECONDS - 300)),
    given(header(BODY, SECONDS + 300)),
]
UNSIGNED = header(BODY, secret="")
UNSET = [given(UNSIGNED, stripe("")), given(UNSIGNED, stripe("", ""))]
