"""A fast look: was this event settled before? It only spares work and never decides a claim."""

import hashlib
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache

from webhooks.models import PaymentWebhookEvent

_REMEMBERED_FOR = timedelta(days=7)


def is_settled(provider: str, event_id: str) -> bool:
    """Whether an event needs nothing more: a hit in the cache, or one read where there is none.

    What the cache does not know is new, nearly always: the claim finds out, at no further cost.
    """
    if settings.WEBHOOK_FAST_LOOK:
        return bool(cache.get(_name(provider, event_id)))
    rows = PaymentWebhookEvent.objects.filter(provider=provider, event_id=event_id)
    row = rows.only("status", "is_proven").first()
    return row is not None and row.is_settled()


def remember(provider: str, event_id: str) -> None:
    """Let the next delivery be answered without the database; called after the commit."""
    if settings.WEBHOOK_FAST_LOOK:
        cache.set(_name(provider, event_id), 1, _REMEMBERED_FOR.total_seconds())


def _name(provider: str, event_id: str) -> str:
    # Ids may bear what a cache's key may not.
    digest = hashlib.blake2b(f"{provider}:{event_id}".encode(), digest_size=16)
    return f"webhook:{digest.hexdigest()}"
