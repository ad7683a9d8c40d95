"""Answers that cost something to work out, remembered in two layers.

This process keeps each for a second, Redis keeps it for all of them for five minutes. An answer is
about somebody, and `forget` makes every answer about them untrue at once, for all processes. So it
is at most a second behind; where Redis was away when something changed, five minutes. Without Redis
nobody hears of it, and only the second is left. Not for what a payer or a merchant acts upon: the
status of a payment is always read from its row.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import uuid4

from cachetools import TTLCache
from django.conf import settings
from django.core.cache import cache
from django.dispatch import Signal

# One answer was wanted: `kind`, and `found` in "process", in "shared" or not at all: "nowhere".
looked_up = Signal()
_A_SECOND = 1
_FIVE_MINUTES = 300
_ANYBODY = "anybody"
Answer = TypeVar("Answer")
_Key = tuple[str, str, str]


class _Process:
    """What this process remembers, for all its threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answers: TTLCache[_Key, Any] = TTLCache(maxsize=1024, ttl=_A_SECOND)

    def forget(self, who: set[str]) -> None:
        with self.lock:
            for key in [key for key in self.answers if key[1] in who]:
                self.answers.pop(key, None)


_process = _Process()


def start_anew() -> None:
    """Remember nothing of what this process knew."""
    global _process  # noqa: PLW0603 - one a process
    _process = _Process()


# A child must not wait for a lock that a thread of its parent held.
os.register_at_fork(after_in_child=start_anew)


def recall(kind: str, who: str, question: str, answer: Callable[[], Answer]) -> Answer:
    """What is remembered of this question, or else its answer: plain values, about `who`."""
    key = (kind, who, question)
    with _process.lock:
        known: Answer | None = _process.answers.get(key)
    if known is not None:
        _tell(kind, "process")
        return known
    found, where = _from_all(key, answer) if settings.REDIS_URL else (answer(), "nowhere")
    with _process.lock:
        _process.answers[key] = found
    _tell(kind, where)
    return found


def _tell(kind: str, where: str) -> None:
    looked_up.send_robust(sender=None, kind=kind, found=where)


def _from_all(key: _Key, answer: Callable[[], Answer]) -> tuple[Answer, str]:
    """An answer bears the marks that were set before it was worked out: only then is it true."""
    place, marks = _place_of(key), (_mark_on(key[1]), _mark_on(_ANYBODY))
    kept = cache.get_many([place, *marks])
    set_before = [kept.get(mark) for mark in marks]
    if place in kept and kept[place][0] == set_before:
        return kept[place][1], "shared"
    worked_out = answer()
    cache.set(place, (set_before, worked_out), _FIVE_MINUTES)
    return worked_out, "nowhere"


def forget(who: Iterable[str]) -> None:
    """Something about these changed and is committed: what was answered is not true any more."""
    those = set(who)
    _process.forget(those)
    if settings.REDIS_URL:
        # A mark outlives whatever was answered before it was set.
        cache.set_many({_mark_on(each): uuid4().hex for each in those}, 2 * _FIVE_MINUTES)


def forget_all() -> None:
    """Nothing that was answered, about anybody, is true any more."""
    start_anew()
    forget({_ANYBODY})


def _place_of(key: _Key) -> str:
    # A question may bear what a cache's key may not.
    return f"answer:{hashlib.blake2b(repr(key).encode(), digest_size=16).hexdigest()}"


def _mark_on(who: str) -> str:
    return f"changed:{who}"
