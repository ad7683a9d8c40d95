"""HMACs, compared in constant time, and purposes kept apart."""

import hashlib
import hmac


def hmac_hex(key: bytes, message: bytes, digest: str = "sha256") -> str:
    """Lower-case hex HMAC of a message."""
    return hmac.digest(key, message, digest).hex()


def same(given: str, expected: str) -> bool:
    """Compare two signatures without telling by timing how much of them agrees."""
    return hmac.compare_digest(given.encode(), expected.encode())


def derived_key(master: str, purpose: str) -> bytes:
    """A key for one purpose, so that a signature made for one means nothing to another."""
    return hmac.new(master.encode(), purpose.encode(), hashlib.sha256).digest()
