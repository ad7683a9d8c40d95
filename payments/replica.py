"""Reads that may be a moment old go to a replica, where there is one that keeps up.

It keeps up if it has replayed all that the primary had written `DATABASE_REPLICA_MAX_LAG` ago.
That is found out by positions in the log: the clocks of two machines are never compared, and an
idle primary makes nobody look late. Where the replica is behind, away, or was made a primary of
its own, the same question goes to the primary.
"""

import math
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Error

log = structlog.get_logger(__name__)
ALIAS = "replica"
Answer = TypeVar("Answer")
_ASKED_EVERY = 1.0
_LEFT_ALONE_FOR = 5.0
_PATIENCE = 5.0
# What streams arrives within milliseconds: a replica is not late for having been asked too soon.
_LOOKS, _BETWEEN_LOOKS = 3, 0.01
_WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint"
_REPLAYED = (
    "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint WHERE pg_is_in_recovery()"
)
_reading: ContextVar[bool] = ContextVar("reading_from_replica", default=False)


class Router:
    """Sends reads within `read` to the replica, and everything else to the primary."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return ALIAS if _reading.get() else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        # Said even for what was read from the replica: Django would write it back there.
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


def is_configured() -> bool:
    """Whether there is to be a replica at all."""
    return ALIAS in settings.DATABASES


def read(question: Callable[[], Answer]) -> Answer:
    """Ask the replica if it keeps up; where it does not, or fails meanwhile, the primary.

    The question only reads, and holds all that it found when it returns.
    """
    if not is_configured() or not keeps_up():
        return question()
    try:
        with _from_replica():
            return question()
    except (OperationalError, InterfaceError) as error:
        _watch.distrust(error)
    return question()


@contextmanager
def _from_replica() -> Iterator[None]:
    token = _reading.set(True)
    try:
        with _not_for_ever():
            yield
    finally:
        _reading.reset(token)


@contextmanager
def _not_for_ever() -> Iterator[None]:
    """Hang up on a replica that says nothing: the driver would wait for as long as it is silent."""
    timer = threading.Timer(_PATIENCE, _hang_up, [connections[ALIAS]])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(there: BaseDatabaseWrapper) -> None:
    with suppress(OSError, Error):
        if there.connection is not None:
            with socket.socket(fileno=os.dup(there.connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)


def keeps_up() -> bool:
    """Whether nothing older than DATABASE_REPLICA_MAX_LAG is missing there."""
    return time.monotonic() - _watch.complete_until() <= _max_lag()


def _max_lag() -> float:
    return settings.DATABASE_REPLICA_MAX_LAG.total_seconds()


class _Watch:
    """Up to when the replica is complete, by this process's clock; asked once a second at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_again_at = -math.inf
        self._complete_until = -math.inf
        self._written: deque[tuple[float, int]] = deque(maxlen=16)
        self._is_asking = self._is_late = False

    def complete_until(self) -> float:
        """Threads that come while one asks go by what was known: it grows old by itself."""
        if self._begins_to_ask():
            try:
                self._ask()
            finally:
                self._is_asking = False
        return self._complete_until

    def _begins_to_ask(self) -> bool:
        with self._lock:
            if self._is_asking or time.monotonic() < self._asked_again_at:
                return False
            self._is_asking = True
            self._asked_again_at = time.monotonic() + _ASKED_EVERY
            return True

    def distrust(self, error: Exception) -> None:
        """It failed: leave it alone for a while, and then ask it first."""
        self._complete_until = -math.inf
        self._asked_again_at = time.monotonic() + _LEFT_ALONE_FOR
        self._tell(is_late=True, error=f"{type(error).__name__}: {error}".strip())

    def _ask(self) -> None:
        now = time.monotonic()  # before the answer: what was committed by now is in it
        self._written.append((now, _ask(DEFAULT_DB_ALIAS, _WRITTEN) or 0))
        try:
            self._complete_until = self._latest_replayed()
        except (OperationalError, InterfaceError) as error:
            self.distrust(error)
        else:
            self._tell(is_late=now - self._complete_until > _max_lag())

    def _latest_replayed(self) -> float:
        """When the primary had written what is replayed by now; never, if it replays nothing."""
        latest = self._written[-1][1]
        for _ in range(_LOOKS):
            with _not_for_ever():
                replayed = _ask(ALIAS, _REPLAYED)
            if replayed is None or replayed >= latest:
                break
            time.sleep(_BETWEEN_LOOKS)
        if replayed is None:
            return -math.inf
        return max((at for at, lsn in self._written if lsn <= replayed), default=-math.inf)

    def _tell(self, *, is_late: bool, **facts: str) -> None:
        if is_late != self._is_late:
            log.warning("replica_left" if is_late else "replica_used", **facts)
        self._is_late = is_late


_watch = _Watch()


def _ask(alias: str, question: str) -> int | None:
    with connections[alias].cursor() as cursor:
        cursor.execute(question)
        row = cursor.fetchone()
    return int(row[0]) if row and row[0] is not None else None
