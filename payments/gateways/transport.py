"""The only file that opens a socket to a gateway.

A `requests` timeout is per read: a server that drips bytes holds a "one second" call for as
long as it likes. So a timer shuts the socket down when the total deadline is over. The failure
then says which it was: nothing had left yet (`NotSent`), or the request was on its way (`Lost`).
"""

import os
import socket
import threading
import time
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import EmptyPoolError, HTTPError

from payments.gateways.wire import Crowded, Lost, NotSent, TimedOut, WireRequest, WireResponse

CONNECT_TIMEOUT = 3.05
LARGEST_ANSWER = 2 * 1024 * 1024
# More than any process has threads, so that nobody waits; where somebody must, not for long.
POOL_SIZE = 16
POOL_TIMEOUT = 3.05
_calls = threading.local()


class _Deadline:
    """Watches the socket of one call; knows whether a byte may have left."""

    def __init__(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        self.may_have_left = False
        self.is_over = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        _calls.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _calls.deadline = None

    @property
    def left(self) -> float:
        return max(self.ends_at - time.monotonic(), 0.001)

    def watch(self, sock: socket.socket) -> None:
        self._socket = sock
        if self.is_over:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        if self._socket is not None:
            with suppress(OSError):
                # shutdown, not close: it wakes the thread that is reading.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _watched(connection: Any) -> Any:
    """Mix the deadline into a urllib3 connection class."""

    class Watched(connection):  # type: ignore[misc] # both bases are urllib3's own
        def _new_conn(self) -> socket.socket:
            sock: socket.socket = super()._new_conn()
            _calls.deadline.watch(sock)
            return sock

        def request(self, *args: Any, **kwargs: Any) -> None:
            # Connect first and apart: until the handshake is done nothing of ours has left.
            if self.sock is None:
                self.connect()
            _calls.deadline.watch(self.sock)
            if _calls.deadline.is_over:
                raise TimeoutError("the time was over before anything was sent")
            _calls.deadline.may_have_left = True
            super().request(*args, **kwargs)

    return Watched


def _bounded(pool: Any) -> Any:
    """Mix a bound into a urllib3 pool class: requests would wait for a connection for ever."""

    class Bounded(pool):  # type: ignore[misc] # both bases are urllib3's own
        def _get_conn(self, timeout: float | None = None) -> Any:
            return super()._get_conn(timeout=min(POOL_TIMEOUT, _calls.deadline.left))

    return Bounded


class _PlainPool(_bounded(HTTPConnectionPool)):  # type: ignore[misc]
    ConnectionCls = _watched(HTTPConnection)


class _SecurePool(_bounded(HTTPSConnectionPool)):  # type: ignore[misc]
    ConnectionCls = _watched(HTTPSConnection)


class _WatchedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}


@lru_cache(maxsize=32)
def session_for(gateway: str) -> requests.Session:
    """The pooled session of one gateway in this process: nothing taken from the environment."""
    session = requests.Session()
    session.trust_env = False
    session.headers.update({"User-Agent": "Ballast", "Accept-Encoding": "identity"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, _adapter())
    return session


# A child that shared its parent's sockets would read its parent's answers.
os.register_at_fork(after_in_child=session_for.cache_clear)


def _adapter() -> HTTPAdapter:
    return _WatchedAdapter(
        pool_connections=4, pool_maxsize=POOL_SIZE, max_retries=0, pool_block=True
    )


def send(gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
    """One HTTP exchange within a total deadline.

    Raises NotSent where no byte can have left (Crowded where none was tried to), Lost where it
    is not known what happened.
    """
    with _Deadline(timeout.total_seconds()) as deadline:
        try:
            return _exchange(session_for(gateway), request, deadline)
        except EmptyPoolError as error:
            raise Crowded(f"every connection to {gateway} was busy") from error
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            problem, kind = f"{type(error).__name__} talking to {gateway}", Lost
            if deadline.is_over or deadline.left < 0.05:
                problem = f"{gateway} did not answer within {timeout.total_seconds():g} s"
                kind = TimedOut
            raise (kind if deadline.may_have_left else NotSent)(problem) from error


def _exchange(session: requests.Session, request: WireRequest, deadline: _Deadline) -> WireResponse:
    response = session.request(
        request.method,
        request.url,
        headers=dict(request.headers),
        data=request.body,
        timeout=(min(CONNECT_TIMEOUT, deadline.left), deadline.left),
        allow_redirects=False,
        stream=True,
    )
    with response:
        body = response.raw.read(LARGEST_ANSWER + 1, decode_content=True)
        if len(body) > LARGEST_ANSWER:
            raise ValueError("answer over the size limit")
        if deadline.is_over:
            raise ValueError("answer cut by the deadline")
        return WireResponse(response.status_code, dict(response.headers), body)
