"""Flutterwave's two proofs: every header that is not exactly theirs, and those that are."""

import base64

from payments.crypto.signatures import hmac_hex
from payments.gateways.wire import Headers
from tests.contracts.cases.flutterwave.words import HASH, flutterwave
from tests.contracts.shape import BODY, Signed

OLD, NEW = "verif-hash", "flutterwave-signature"


def signature(body: bytes, key: str = HASH) -> str:
    return base64.b64encode(bytes.fromhex(hmac_hex(key.encode(), body))).decode()


def sign(body: bytes) -> Headers:
    return ((NEW, signature(body)),)


GOOD = signature(BODY)
FORGED: list[tuple[str, Signed]] = [
    (reason, Signed(flutterwave(), headers))
    for reason, headers in [
        ("missing_header", ()),
        ("missing_header", ((OLD, ""),)),
        ("mismatch", ((OLD, HASH.upper()),)),
        ("mismatch", ((OLD, HASH + " "),)),
        ("mismatch", ((OLD, "another"),)),
        ("repeated_header", ((OLD, HASH), ("Verif-Hash", HASH))),
        ("mismatch", ((OLD, f"{HASH}, {HASH}"),)),
        ("mismatch", ((OLD, "ünï\udcff"),)),
        ("mismatch", ((OLD, GOOD),)),
        ("missing_header", ((NEW, ""),)),
        ("mismatch", ((NEW, HASH),)),
        ("mismatch", ((NEW, signature(BODY, "another")),)),
        ("mismatch", ((NEW, hmac_hex(HASH.encode(), BODY)),)),
        ("repeated_header", ((NEW, GOOD), (NEW, GOOD))),
        # The weaker proof never makes up for the stronger.
        ("mismatch", ((NEW, "wrong"), (OLD, HASH))),
        ("missing_header", ((OLD, HASH), (NEW, ""))),
        ("mismatch", ((OLD, HASH), (NEW, signature(b"{}")))),
    ]
]
BELIEVED = [
    Signed(flutterwave("", HASH, "next"), headers)
    for headers in [
        ((OLD, HASH),),
        (("VERIF-HASH", "next"),),
        ((NEW, signature(BODY, "next")),),
        ((OLD, "wrong"), (NEW, GOOD)),
        ((OLD, HASH), (NEW, GOOD)),
    ]
]
UNSET = [
    Signed(flutterwave(""), headers)
    for headers in [((OLD, ""),), ((OLD, "x"),), ((NEW, signature(BODY, "")),)]
]
