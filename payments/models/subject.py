"""SubjectKey: the key under which one customer's data is kept; delete it and they are forgotten."""

import hashlib
import hmac
import json
import os
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models
from uuid_utils.compat import uuid7

from payments.crypto.fields import SealedField

_NONCE_BYTES = 12


def new_key() -> bytes:
    """Thirty-two random bytes for AES-256-GCM."""
    return os.urandom(32)


class SubjectKey(models.Model):
    """One customer of one merchant. The key itself is sealed under the key ring."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner_id = models.UUIDField(null=True)
    customer_digest = models.CharField(max_length=64, blank=True)
    key = SealedField(default=new_key)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner_id", "customer_digest"],
                condition=~models.Q(customer_digest=""),
                name="one_key_per_customer",
            )
        ]

    def __str__(self) -> str:
        return f"customer {self.id}"

    def seal(self, facts: dict[str, Any], about: str) -> bytes:
        """Encrypt what is known of the customer, bound to the record it belongs to."""
        nonce = os.urandom(_NONCE_BYTES)
        text = json.dumps(facts, ensure_ascii=False).encode()
        return nonce + AESGCM(self.key).encrypt(nonce, text, about.encode())

    def open(self, sealed: bytes, about: str) -> dict[str, Any]:
        """Decrypt what `seal` made for the same record."""
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        facts: dict[str, Any] = json.loads(AESGCM(self.key).decrypt(nonce, text, about.encode()))
        return facts


def customer_digest(customer_id: str) -> str:
    """A merchant's customer id as we may index it: keyed, so that it cannot be guessed back."""
    if not customer_id:
        return ""
    return hmac.new(settings.HASH_SALT.encode(), customer_id.encode(), hashlib.sha256).hexdigest()
