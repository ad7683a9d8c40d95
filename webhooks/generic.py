"""The generic webhook's own signature: HMAC-SHA256 of `{timestamp}.{raw body}`, in hex."""

import time
from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.conf import settings

from payments.crypto.signatures import hmac_hex, same
from payments.gateways.contract import SignatureInvalid
from payments.gateways.reading import skew_told

TIMESTAMP, SIGNATURE = "X-Webhook-Timestamp", "X-Webhook-Signature"
# What a sender is told who got the headers wrong, with its code; of the signature nothing is told.
HEADER_FAULTS = {
    "missing_header": ("missing_header", f"{TIMESTAMP} and {SIGNATURE} are both needed."),
    "invalid_timestamp": ("invalid_timestamp", f"{TIMESTAMP} must be whole seconds."),
    "stale_timestamp": ("stale_timestamp", "The timestamp is too old or too far ahead."),
}


def verify(headers: Mapping[str, str], body: bytes, secrets: Iterable[str]) -> None:
    """Raise SignatureInvalid unless one of these secrets signed it, and lately."""
    for name in (TIMESTAMP, SIGNATURE):
        if not headers.get(name):
            raise SignatureInvalid(f"missing_header: no {name}, or an empty one")
    _demand_fresh(headers[TIMESTAMP])
    known = tuple(filter(None, secrets))
    if not known:
        raise SignatureInvalid("no_secret_configured")
    if not fits(headers, body, known):
        raise SignatureInvalid("signature_mismatch")


def fits(headers: Mapping[str, str], body: bytes, secrets: Iterable[str]) -> bool:
    """Whether one of these secrets signed this body at the time that is told."""
    message = headers[TIMESTAMP].encode() + b"." + body
    given = headers[SIGNATURE]
    return any(same(given, hmac_hex(secret.encode(), message)) for secret in secrets)


def _demand_fresh(timestamp: str) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        is_finer = timestamp.isascii() and timestamp.isdigit()
        told = "these are finer" if is_finer else "this is no number"
        raise SignatureInvalid(f"invalid_timestamp: whole seconds are wanted, {told}")
    skew = timedelta(seconds=int(timestamp) - time.time())
    if abs(skew) > settings.WEBHOOK_TIMESTAMP_TOLERANCE:
        raise SignatureInvalid(f"stale_timestamp: {skew_told(skew)}")
