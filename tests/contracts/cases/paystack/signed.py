"""Paystack's signatures: every header that is not exactly theirs, and those that are."""

from payments.crypto.signatures import hmac_hex
from payments.gateways.wire import Headers
from tests.contracts.cases.paystack.words import KEY, paystack
from tests.contracts.shape import BODY, Signed

HEADER = "x-paystack-signature"


def signature(body: bytes, key: str = KEY) -> str:
    return hmac_hex(key.encode(), body, "sha512")


def sign(body: bytes) -> Headers:
    return ((HEADER, signature(body)),)


GOOD = signature(BODY)
FORGED: list[tuple[str, Signed]] = [
    (reason, Signed(paystack(), headers))
    for reason, headers in [
        ("missing_header", ()),
        ("missing_header", ((HEADER, ""),)),
        ("mismatch", ((HEADER, GOOD.upper()),)),
        ("mismatch", ((HEADER, GOOD[:64]),)),
        ("mismatch", ((HEADER, hmac_hex(KEY.encode(), BODY)),)),
        ("repeated_header", ((HEADER, GOOD), ("X-Paystack-Signature", GOOD))),
        ("repeated_header", ((HEADER, GOOD), (HEADER, ""))),
        ("mismatch", ((HEADER, f"{GOOD}, {GOOD}"),)),
        ("mismatch", ((HEADER, signature(BODY, "another key")),)),
        ("mismatch", ((HEADER, "ünï\udcff"),)),
    ]
]
BELIEVED = [
    Signed(paystack("", "old", "new"), (("X-PAYSTACK-SIGNATURE", signature(BODY, key)),))
    for key in ("old", "new")
]
UNSET = [
    Signed(paystack(*secrets), ((HEADER, signature(BODY, "")),)) for secrets in (("",), ("", ""))
]
