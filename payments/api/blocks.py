"""Who exceeds limits again and again is turned away for a while, before anything is done for them.

A source is the API key that a call bears, once that key has proved good here; else the address.
So a flood from an address that several share stops strangers there, and no merchant whose key is
known; and each key answers for itself alone. Only what a source did by itself is held against it:
the limits of everybody together and of one customer (process, verify) blame nobody. Deliveries
that verify are never asked about.

All of it lives in the cache and ends by itself. Where Redis is gone, each process blocks alone.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import starmap
from math import ceil

import structlog
from django.conf import settings
from django.core.cache import cache
from django.dispatch import Signal
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from payments.api.addresses import client_address, counted, counted_address, is_within
from payments.api.authentication import bearer_in
from payments.models import ApiKey
from payments.models.access import digest_of
from payments.services.security import report_refusal
from payments.signals import SecurityFacts

log = structlog.get_logger("security")
# A block has begun: of a `source`, "key" or "address", for exceeding a `limit`.
source_blocked = Signal()
_KNOWN_FOR = 7 * 24 * 3600
_LISTED_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Block:
    """One source that is turned away now, and the limit that it exceeded."""

    source: str
    limit: str
    ends_at: datetime


def source_of(request: HttpRequest) -> str:
    """`key:<prefix>` for a key that proved good within a week, else the address."""
    bearer = bearer_in(request)
    prefix = cache.get(_mark_of(bearer)) if bearer else None
    return f"key:{prefix}" if prefix else address_of(request)


def address_of(request: HttpRequest) -> str:
    """`address:<address>`; nothing where it is a proxy's own, which stands for everybody."""
    address = client_address(request)
    if not address or is_within(address, settings.TRUSTED_PROXIES):
        return ""
    return f"address:{counted_address(request)}"


def remember_key(request: HttpRequest, key: ApiKey) -> None:
    """This call's key is good: calls that bear it are its own, whatever address they come from."""
    cache.set(_mark_of(bearer_in(request) or ""), key.prefix, _KNOWN_FOR)


def _mark_of(bearer: str) -> str:
    return f"proved:{digest_of(bearer)}"


def seconds_left(source: str) -> int:
    """For how long a source is still turned away; zero: not at all."""
    if not source or not settings.RATE_LIMITS_ENABLED:
        return 0
    ends_at: float = cache.get(_place_of(source), 0.0)
    return max(0, ceil(ends_at - time.time()))


def note_excess(request: HttpRequest, source: str, limit: str) -> None:
    """Count one call that was refused for a source's own excess; every so many begin a block."""
    rate = settings.RATE_LIMITS[f"block_{source.partition(':')[0]}_after"] if source else None
    if rate is None:
        return
    usage = get_usage(request, "excess", key=_always(source), rate=rate, increment=True)
    # Each call has another count, so only one of all processes sees this one.
    if usage and usage["limit"] and usage["count"] % usage["limit"] == 0:
        _begin(source, limit)


def _always(who: str) -> Callable[[str, HttpRequest], str]:
    return lambda group, request: who


def _begin(source: str, limit: str) -> None:
    seconds = settings.RATE_LIMIT_BLOCK_TIME.total_seconds()
    ends_at = time.time() + seconds
    if not cache.add(_place_of(source), ends_at, ceil(seconds)):
        return
    _enlist(source, limit, ends_at, ceil(seconds))
    log.warning("source_blocked", source=source, limit=limit, seconds=seconds)
    source_blocked.send_robust(sender=None, source=source.partition(":")[0], limit=limit)
    detail = f"exceeded the limit {limit!r} again and again; turned away for {seconds:.0f} s"
    report_refusal(SecurityFacts("", "source_blocked", detail, source))


def _enlist(source: str, limit: str, ends_at: float, seconds: int) -> None:
    """A ring, so that strangers with many addresses cannot make it grow."""
    cache.add("blocks", 0, None)
    with suppress(ValueError):  # it was lost in between; the log has the block all the same
        cache.set(_slot(cache.incr("blocks")), (source, limit, ends_at), seconds)


def blocks() -> list[Block]:
    """The sources that are turned away now, of the last ones blocked; the longest first."""
    told = cache.get_many([_slot(number) for number in range(_LISTED_AT_MOST)]).values()
    held = cache.get_many([_place_of(source) for source, _, _ in told])
    now = time.time()
    live = {each[0]: each for each in told if held.get(_place_of(each[0])) == each[2] > now}
    ends = ((who, limit, datetime.fromtimestamp(end, UTC)) for who, limit, end in live.values())
    return sorted(starmap(Block, ends), key=lambda block: block.ends_at, reverse=True)


def lift(source: str, reason: str) -> bool:
    """Let a source in again; whether it was turned away. What it exceeds later counts anew."""
    if not cache.delete(_place_of(source)):
        return False
    log.warning("block_lifted", source=source, reason=reason)
    report_refusal(SecurityFacts("", "block_lifted", reason, source))
    return True


def named(text: str) -> str:
    """The source that an operator means: an address, a key's prefix, or what the list shows."""
    kind, _, rest = text.partition(":")
    if kind == "key":
        return text
    address = rest if kind == "address" else text
    alone = address.partition("/")[0]
    if kind == "address" or is_within(alone, ("0.0.0.0/0", "::/0")):
        return f"address:{counted(alone)}"
    return f"key:{text.removeprefix('bk_').partition('_')[0]}"


def _place_of(source: str) -> str:
    return f"block:{source}"


def _slot(number: int) -> str:
    return f"blocks:{number % _LISTED_AT_MOST}"
