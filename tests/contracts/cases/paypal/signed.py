"""PayPal's signatures: every header that is not exactly theirs, and those that are."""

import base64
from typing import Any

from payments.gateways.wire import Headers
from tests.contracts.cases.paypal.words import signed, trusting
from tests.contracts.shape import BODY, Signed


def sign(body: bytes) -> Headers:
    return signed(body)


def faults() -> list[tuple[str, Headers]]:
    """Each header is there exactly once."""
    found: list[tuple[str, Headers]] = []
    for name, value in signed(BODY):
        others = tuple(pair for pair in signed(BODY) if pair[0] != name)
        found += [
            ("missing_header", others),
            ("missing_header", (*others, (name, ""))),
            ("repeated_header", (*others, (name, value), (name.lower(), value))),
            ("", (*others, (name, f"{value}, {value}"))),
        ]
    return found


CHANGES: list[dict[str, Any]] = [
    {"Transmission_Id": "T-2"},
    {"Transmission_Id": "ünï"},
    {"Transmission_Id": "\ud800"},
    {"Transmission_Time": "2026-01-01T00:00:01Z"},
    {"Transmission_Time": "2026-01-01T00:00:00"},
    {"Transmission_Time": "yesterday"},
    {"Transmission_Sig": "***"},
    {"Transmission_Sig": "ünï"},
    {"Transmission_Sig": base64.b64encode(b"x" * 256).decode()},
    {"Auth_Algo": "SHA1withRSA"},
    {"Auth_Algo": "sha256withrsa"},
]
FORGED = [
    *((reason, Signed(trusting(), headers)) for reason, headers in faults()),
    *(("", Signed(trusting(), signed(BODY, **change))) for change in CHANGES),
]
BELIEVED = [
    Signed(trusting(), signed(BODY, sent_at=sent_at))
    for sent_at in (
        "2026-01-01T00:04:00Z",
        "2025-12-29T00:00:00Z",
        "2025-12-31T16:00:00-08:00",
    )
]
UNSET = [Signed(trusting(webhook_id=""), signed(BODY))]
