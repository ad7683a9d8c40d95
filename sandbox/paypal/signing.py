"""PayPal's signature, with the standard library alone: RSA is a power, and a padding."""

import base64
import hashlib
import hmac
import json
import zlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
CERTIFICATE = "CERT-SANDBOX-1"
# What says "SHA-256" in front of the digest (RFC 8017, 9.2).
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


class _Key(NamedTuple):
    """A power by each prime, put together (RFC 8017, 5.1.2), costs a third of one by both."""

    modulus: int
    primes: tuple[int, int]
    exponents: tuple[int, int]
    inverse: int

    def power(self, number: int) -> int:
        (p, q), (by_p, by_q) = self.primes, self.exponents
        first, second = pow(number, by_p, p), pow(number, by_q, q)
        return second + (first - second) * self.inverse % p * q


@cache
def _key() -> _Key:
    key = json.loads((HERE / "key.json").read_text(encoding="ascii"))
    exponent = int(key["exponent"], 16)
    p, q = (int(prime, 16) for prime in key["primes"])
    exponents = (exponent % (p - 1), exponent % (q - 1))
    return _Key(int(key["modulus"], 16), (p, q), exponents, pow(q, -1, p))


def certificate_pem() -> bytes:
    return (HERE / "certificate.pem").read_bytes()


def signature(transmission: str, sent_at: str, webhook: str, body: bytes) -> str:
    """Over the checksum of the body: PayPal does not sign the body itself."""
    message = f"{transmission}|{sent_at}|{webhook}|{zlib.crc32(body)}".encode()
    key = _key()
    length = key.modulus.bit_length() // 8
    ending = b"\x00" + _SHA256 + hashlib.sha256(message).digest()
    padded = b"\x00\x01".ljust(length - len(ending), b"\xff") + ending
    power = key.power(int.from_bytes(padded, "big"))
    return base64.b64encode(power.to_bytes(length, "big")).decode()


def is_signature(given: str, transmission: str, sent_at: str, webhook: str, body: bytes) -> bool:
    """The same message has the same signature always."""
    right = signature(transmission, sent_at, webhook, body)
    return hmac.compare_digest(given.encode(errors="replace"), right.encode())
