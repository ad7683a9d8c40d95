"""PayPal's signature, with the standard library alone: RSA is one power, and a padding."""

import base64
import hashlib
import hmac
import json
import zlib
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
CERTIFICATE = "CERT-SANDBOX-1"
# What says "SHA-256" in front of the digest (RFC 8017, 9.2).
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


@cache
def _key() -> tuple[int, int]:
    key = json.loads((HERE / "key.json").read_text(encoding="ascii"))
    return int(key["modulus"], 16), int(key["exponent"], 16)


def certificate_pem() -> bytes:
    return (HERE / "certificate.pem").read_bytes()


def signature(transmission: str, sent_at: str, webhook: str, body: bytes) -> str:
    """Over the checksum of the body: PayPal does not sign the body itself."""
    message = f"{transmission}|{sent_at}|{webhook}|{zlib.crc32(body)}".encode()
    modulus, exponent = _key()
    length = modulus.bit_length() // 8
    ending = b"\x00" + _SHA256 + hashlib.sha256(message).digest()
    padded = b"\x00\x01".ljust(length - len(ending), b"\xff") + ending
    power = pow(int.from_bytes(padded, "big"), exponent, modulus)
    return base64.b64encode(power.to_bytes(length, "big")).decode()


def is_signature(given: str, transmission: str, sent_at: str, webhook: str, body: bytes) -> bool:
    """The same message has the same signature always."""
    right = signature(transmission, sent_at, webhook, body)
    return hmac.compare_digest(given.encode(errors="replace"), right.encode())
