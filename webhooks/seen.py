"""A fast look: was this event settled before? It only spares work and never decides a claim.

What is settled stays so. Each process knows its own last ones, for providers often send twice at
once; and all know by Redis what any has settled within a week.
"""

import hashlib
import os
import threading
from datetime import timedelta

from cachetools import LRUCache
from django.conf import settings
from django.core.cache import cache

from webhooks.models import PaymentWebhookEvent

_REMEMBERED_FOR = timedelta(days=7)


class _Known:
    """The last ones that this process knows of, for all its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: LRUCache[str, bool] = LRUCache(maxsize=10_000)

    def has(self, name: str) -> bool:
        with self._lock:
            return self._names.get(name, False)

    def add(self, name: str) -> None:
        with self._lock:
            self._names[name] = True


_known = _Known()


def start_anew() -> None:
    """Know nothing of what this process knew."""
    global _known  # noqa: PLW0603 - one a process
    _known = _Known()


# A child must not wait for a lock that a thread of its parent held.
os.register_at_fork(after_in_child=start_anew)


def is_settled(provider: str, event_id: str) -> bool:
    """Whether an event needs nothing more: a hit in the cache, or one read where there is none.

    What the cache does not know is new, nearly always: the claim finds out, at no further cost.
    """
    if settings.WEBHOOK_FAST_LOOK:
        return _is_known(_name(provider, event_id))
    rows = PaymentWebhookEvent.objects.filter(provider=provider, event_id=event_id)
    row = rows.only("status", "is_proven").first()
    return row is not None and row.is_settled()


def _is_known(name: str) -> bool:
    if _known.has(name):
        return True
    if found := bool(cache.get(name)):
        _known.add(name)
    return found


def remember(provider: str, event_id: str) -> None:
    """Let the next delivery be answered without the database; called after the commit."""
    if settings.WEBHOOK_FAST_LOOK:
        name = _name(provider, event_id)
        _known.add(name)
        cache.set(name, 1, _REMEMBERED_FOR.total_seconds())


def _name(provider: str, event_id: str) -> str:
    # Ids may bear what a cache's key may not.
    digest = hashlib.blake2b(f"{provider}:{event_id}".encode(), digest_size=16)
    return f"webhook:{digest.hexdigest()}"
