"""AES-256-GCM under a ring of named keys.

A sealed value is `version · key id · nonce · ciphertext`. The newest key seals, any key on the
ring opens, so keys rotate without a pause. Associated data ties a value to its row and column: a
ciphertext copied into another row does not open there (NIST SP 800-38D, section 5.2).

What is long is packed before it is sealed, for nothing can pack it afterwards: a notification
then fits into its row, where the database would have cut it up and put it elsewhere.
"""

import os
import zlib
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_PLAIN, _PACKED = b"\x01", b"\x02"
_LONG = 1000
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """The key is not on the ring, or the value is not what was sealed here."""


class KeyRing:
    """Seals with its first key, opens with any.

    `keys` maps key id → 32 bytes, newest first. Raises ValueError for keys of another size.
    """

    def __init__(self, keys: dict[str, bytes]) -> None:
        if not keys or any(len(key) != 32 for key in keys.values()):
            raise ValueError("A key ring needs at least one key of exactly 32 bytes.")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.newest = next(iter(keys))

    @classmethod
    def from_text(cls, text: str) -> "KeyRing":
        """Read `kid:hex,kid:hex`, newest first; bare hex is the key named `1`."""
        pairs = (part.strip().rpartition(":") for part in text.split(","))
        return cls({key_id or "1": bytes.fromhex(key) for key_id, _, key in pairs})

    def seal(self, plaintext: bytes, about: bytes) -> bytes:
        """Encrypt under the newest key, bound to `about` (its place: table, row, column)."""
        key_id = self.newest.encode()
        nonce = os.urandom(_NONCE_BYTES)
        version = _PACKED if len(plaintext) > _LONG else _PLAIN
        content = zlib.compress(plaintext, 1) if version == _PACKED else plaintext
        ciphertext = self._ciphers[self.newest].encrypt(nonce, content, _bound(about, version))
        return version + bytes([len(key_id)]) + key_id + nonce + ciphertext

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """Decrypt what `seal` made for the same place.

        Raises CannotOpen when the key is gone, or the value was altered or moved.
        """
        version = sealed[:1]
        key_id, nonce, ciphertext = _take_apart(sealed)
        if key_id not in self._ciphers:
            raise CannotOpen(f"Key {key_id!r} is not in ENCRYPTION_KEY; add it back to read this.")
        try:
            content = self._ciphers[key_id].decrypt(nonce, ciphertext, _bound(about, version))
        except InvalidTag:
            raise CannotOpen("The sealed value was altered, or belongs to another row.") from None
        return zlib.decompress(content) if version == _PACKED else content


def mark_of_newest() -> bytes:
    """What stands behind the version, a byte, in every value that the newest key sealed."""
    key_id = key_ring().newest.encode()
    return bytes([len(key_id)]) + key_id


def key_id_of(sealed: bytes) -> str:
    """Which key sealed this value; needed to find what a rotation has still to do."""
    return _take_apart(sealed)[0]


def _bound(about: bytes, version: bytes) -> bytes:
    """The associated data; a value does not open as one of another version either."""
    return about if version == _PLAIN else about + version


def _take_apart(sealed: bytes) -> tuple[str, bytes, bytes]:
    if len(sealed) < 2 or sealed[:1] not in (_PLAIN, _PACKED):
        raise CannotOpen("Not a sealed value of this version.")
    nonce_at = 2 + sealed[1]
    body_at = nonce_at + _NONCE_BYTES
    return sealed[2:nonce_at].decode(errors="replace"), sealed[nonce_at:body_at], sealed[body_at:]


@lru_cache(maxsize=4)
def _ring(text: str) -> KeyRing:
    return KeyRing.from_text(text)


def key_ring() -> KeyRing:
    """The ring of this installation (ENCRYPTION_KEY)."""
    return _ring(settings.KEY_RING)
