"""Fetch what a verification needs (a certificate), and keep it in this process for a while.

Strangers can send deliveries that name documents, and many at once: one document is fetched by
one thread at a time while the others wait for what it brings, and a fetch that failed is not
tried again for a few seconds. Few are fetched at once, and of addresses that never brought anything
few in a minute: what is beyond that is fetched for nobody.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from weakref import WeakValueDictionary

from payments.gateways import transport
from payments.gateways.contract import CannotJudge, SignatureInvalid
from payments.gateways.wire import Lost, NotSent, WireRequest

_TIMEOUT = timedelta(seconds=5)
_LIFETIME = timedelta(days=1)
_FAILURE_LIFETIME = timedelta(seconds=5)
_AT_ONCE = 2
_STRANGERS_A_MINUTE = 6
_Found = bytes | CannotJudge | SignatureInvalid
# A document, or why there is none, and until when that is good; by address.
_known: dict[str, tuple[_Found, datetime]] = {}
# Addresses that brought a document once, and when others were asked for one.
_proven: set[str] = set()
_strangers: deque[datetime] = deque()
_fetching = threading.BoundedSemaphore(_AT_ONCE)
_locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
_choosing_a_lock = threading.Lock()


def fetched(gateway: str, request: WireRequest) -> bytes:
    """The document at an address. Raises CannotJudge where it cannot be had now, and
    SignatureInvalid where there is none."""
    with _lock_of(request.url):
        _forget_what_is_over()
        found, _ = _known.get(request.url) or _fetch_and_keep(gateway, request)
    if isinstance(found, bytes):
        return found
    raise type(found)(*found.args)


def start_anew() -> None:
    """Know nothing of what this process fetched."""
    for each in (_known, _proven, _strangers):
        each.clear()


def _lock_of(url: str) -> threading.Lock:
    with _choosing_a_lock:
        return _locks.setdefault(url, threading.Lock())


def _forget_what_is_over() -> None:
    now = datetime.now(UTC)
    for url, (_, good_until) in list(_known.items()):
        if good_until <= now:
            _known.pop(url, None)


def _fetch_and_keep(gateway: str, request: WireRequest) -> tuple[_Found, datetime]:
    with _one_of_few():
        _demand_few_strangers(request.url)
        found = _fetch(gateway, request)
    if is_there := isinstance(found, bytes):
        _proven.add(request.url)
    lifetime = _LIFETIME if is_there else _FAILURE_LIFETIME
    kept = _known[request.url] = found, datetime.now(UTC) + lifetime
    return kept


@contextmanager
def _one_of_few() -> Iterator[None]:
    if not _fetching.acquire(blocking=False):
        raise CannotJudge("Enough certificates are being fetched already.")
    try:
        yield
    finally:
        _fetching.release()


def _demand_few_strangers(url: str) -> None:
    if url in _proven:
        return
    now = datetime.now(UTC)
    with _choosing_a_lock:
        while _strangers and _strangers[0] <= now - timedelta(minutes=1):
            _strangers.popleft()
        if len(_strangers) >= _STRANGERS_A_MINUTE:
            raise CannotJudge("Enough unknown certificates were fetched within this minute.")
        _strangers.append(now)


def _fetch(gateway: str, request: WireRequest) -> _Found:
    try:
        response = transport.send(f"{gateway}-documents", request, _TIMEOUT)
    except (NotSent, Lost) as error:
        return CannotJudge(f"{gateway}'s certificate cannot be fetched: {error}")
    if response.status == HTTPStatus.NOT_FOUND:
        return SignatureInvalid(f"no_such_certificate: {gateway} has none at this address")
    if response.status != HTTPStatus.OK or b"BEGIN CERTIFICATE" not in response.body:
        return CannotJudge(f"{gateway} answered {response.status} to its certificate's address.")
    return response.body
