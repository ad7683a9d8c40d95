"""PayTabs' signatures: every header that is not exactly theirs, and those that are."""

import base64

from payments.crypto.signatures import hmac_hex
from payments.gateways.wire import Headers
from tests.contracts.cases.paytabs.words import KEY, paytabs
from tests.contracts.shape import BODY, Signed


def signature(body: bytes, key: str = KEY) -> str:
    return hmac_hex(key.encode(), body)


def sign(body: bytes) -> Headers:
    return (("Signature", signature(body)),)


GOOD = signature(BODY)
FORGED: list[tuple[str, Signed]] = [
    (reason, Signed(paytabs(), headers))
    for reason, headers in [
        ("missing_header", ()),
        ("missing_header", (("Signature", ""),)),
        ("mismatch", (("Signature", GOOD.upper()),)),
        ("mismatch", (("Signature", base64.b64encode(bytes.fromhex(GOOD)).decode()),)),
        ("repeated_header", (("Signature", GOOD), ("signature", GOOD))),
        ("mismatch", (("Signature", f"{GOOD}, {GOOD}"),)),
        ("mismatch", (("Signature", signature(BODY, "another key")),)),
        ("mismatch", (("Signature", "ünï"),)),
    ]
]
BELIEVED = [Signed(paytabs(), (("SIGNATURE", GOOD),))]
UNSET = [Signed(paytabs(""), (("Signature", signature(BODY, "")),))]
