"""Fetch what a verification needs (a certificate), and keep it in this process for a while.

Strangers can send deliveries that name documents, and many at once: one document is fetched by
one thread at a time while the others wait for what it brings, and a fetch that failed is not
tried again for a few seconds.
"""

import threading
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from payments.gateways import transport
from payments.gateways.contract import CannotJudge
from payments.gateways.wire import Lost, NotSent, WireRequest

_TIMEOUT = timedelta(seconds=5)
_LIFETIME = timedelta(days=1)
_FAILURE_LIFETIME = timedelta(seconds=5)
# A document, or in words why there is none, and until when that is good; by address.
_known: dict[str, tuple[bytes | str, datetime]] = {}
_locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
_choosing_a_lock = threading.Lock()


def fetched(gateway: str, request: WireRequest) -> bytes:
    """The document at an address. Raises CannotJudge where it cannot be had now."""
    with _lock_of(request.url):
        _forget_what_is_over()
        found, _ = _known.get(request.url) or _fetch_and_keep(gateway, request)
    if isinstance(found, str):
        raise CannotJudge(found)
    return found


def _lock_of(url: str) -> threading.Lock:
    with _choosing_a_lock:
        return _locks.setdefault(url, threading.Lock())


def _forget_what_is_over() -> None:
    now = datetime.now(UTC)
    for url, (_, good_until) in list(_known.items()):
        if good_until <= now:
            _known.pop(url, None)


def _fetch_and_keep(gateway: str, request: WireRequest) -> tuple[bytes | str, datetime]:
    try:
        found: bytes | str = _fetch(gateway, request)
    except (NotSent, Lost) as error:
        found = f"{gateway}'s certificate cannot be fetched: {error}"
    lifetime = _FAILURE_LIFETIME if isinstance(found, str) else _LIFETIME
    kept = _known[request.url] = found, datetime.now(UTC) + lifetime
    return kept


def _fetch(gateway: str, request: WireRequest) -> bytes | str:
    response = transport.send(f"{gateway}-documents", request, _TIMEOUT)
    if response.status != 200 or b"BEGIN CERTIFICATE" not in response.body:
        return f"{gateway} answered {response.status} to its certificate's address."
    return response.body
