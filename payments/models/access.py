"""ApiKey: who may call, and for what. Only a hash of the secret is kept."""

import hashlib
import secrets
from datetime import timedelta

from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

SCOPES = ("payments:read", "payments:write", "refunds:write", "webhooks:manage", "operator")


class ApiKey(models.Model):
    """A caller's key: `bk_<prefix>_<secret>`, shown once when it is made.

    The secret has 256 random bits, so a plain SHA-256 of it cannot be guessed back. A rotated
    key sees what its predecessor made: both belong to the same `owner`. `changed_at` is about when
    one of the owner's keys last changed something; kept where there is a replica.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    rotated_from = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+"
    )
    owner_id = models.UUIDField(db_index=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} (bk_{self.prefix}_…)"

    @classmethod
    def issue(
        cls, name: str, scopes: list[str], *, rotated_from: "ApiKey | None" = None
    ) -> tuple["ApiKey", str]:
        """Make a key; answers it with its text, which is never to be had again."""
        prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key = cls(name=name, scopes=scopes, prefix=prefix, digest=digest_of(secret))
        key.rotated_from = rotated_from
        key.owner_id = rotated_from.owner_id if rotated_from else key.id
        key.save(force_insert=True)
        return key, f"bk_{prefix}_{secret}"

    def is_live(self) -> bool:
        """Neither revoked nor expired."""
        expired = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.revoked_at is None and not expired

    def note_use(self) -> None:
        """Remember the last use, to the minute: a busy key must not be a hot row."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > timedelta(minutes=1):
            ApiKey.objects.filter(pk=self.pk).update(last_used_at=now)


def digest_of(secret: str) -> str:
    """The hash under which a secret is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()
