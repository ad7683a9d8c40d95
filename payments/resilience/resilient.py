"""ResilientStore: the shared state while Redis answers, this process's own while it does not.

No call ever fails because of Redis, or waits for it twice in two seconds.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import redis
import structlog

from payments.resilience.controls import Orders
from payments.resilience.memory import MemoryStore
from payments.resilience.shared import RedisStore
from payments.resilience.storage import (
    BreakerState,
    Change,
    Outcome,
    Permit,
    Reply,
    Scope,
    Snapshot,
    Store,
)

log = structlog.get_logger(__name__)

T = TypeVar("T")
_LEFT_ALONE_FOR = 2_000_000_000  # nanoseconds
# No circuit ever has this generation, so a result under it is late.
_LATE = Permit(-1)


class Link:
    """Whether Redis may be asked; one for all breakers of a process."""

    def __init__(self, timer: Callable[[], int] = time.monotonic_ns) -> None:
        self._timer = timer
        self._ask_again_at = 0
        self.is_down = False

    def may_ask(self) -> bool:
        """While it is down: one caller every two seconds, and only that one may have to wait."""
        if not self.is_down:
            return True
        now = self._timer()
        if now < self._ask_again_at:
            return False
        self._ask_again_at = now + _LEFT_ALONE_FOR
        return True

    def lost(self, error: redis.RedisError) -> None:
        self._ask_again_at = self._timer() + _LEFT_ALONE_FOR
        if not self.is_down:
            self.is_down = True
            log.error("breaker_store_degraded", exc_info=error)

    def found(self) -> None:
        if self.is_down:
            self.is_down = False
            log.warning("breaker_store_recovered")


class ResilientStore(Store):
    """Shared first, local second; an open circuit stays open on both ways between them."""

    def __init__(
        self,
        shared: RedisStore,
        local: MemoryStore,
        link: Link,
        timer: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        super().__init__(shared.name)
        self._shared, self._local, self._link, self._timer = shared, local, link, timer
        self._is_local = False
        self._orders = Orders()
        self._open_until = 0
        self._untold: tuple[Change, ...] = ()

    @property
    def scope(self) -> Scope:
        return Scope.PROCESS if self._is_local else Scope.SHARED

    def last_state(self) -> BreakerState:
        return (self._local if self._is_local else self._shared).last_state()

    def enter(self, orders: Orders) -> Reply:
        self._orders = orders
        return self._decide(lambda store: store.enter(orders))

    def leave(self, permit: Permit, outcome: Outcome, duration: int) -> Reply:
        """Settled where the permit came from; where that is gone, the result is late."""
        if permit.scope is Scope.PROCESS:
            return self._local.leave(permit, outcome, duration)
        return self._decide(
            lambda store: store.leave(permit, outcome, duration),
            lambda store: store.leave(_LATE, outcome, duration),
        )

    def obey(self, orders: Orders) -> Reply:
        self._orders = orders
        return self._decide(lambda store: store.obey(orders))

    def trip(self, reason: str, wait: int = 0) -> Reply:
        return self._decide(lambda store: store.trip(reason, wait))

    def probe(self, reason: str) -> Reply:
        return self._decide(lambda store: store.probe(reason))

    def reset(self, reason: str) -> Reply:
        return self._decide(lambda store: store.reset(reason))

    def count_fallback(self, *, failed: bool) -> None:
        self._ask(lambda store: store.count_fallback(failed=failed))

    def read(self) -> Snapshot:
        snapshot = self._ask(lambda store: store.read())
        self._remember(snapshot.wait)
        return snapshot

    def _decide(
        self, question: Callable[[Store], Reply], alone: Callable[[Store], Reply] | None = None
    ) -> Reply:
        reply = self._ask(question, alone)
        self._remember(reply.wait)
        if self._untold:
            untold, self._untold = self._untold, ()
            reply = reply._replace(changes=untold + reply.changes)
        return reply

    def _remember(self, wait: int) -> None:
        """How long an open circuit had still to go, should Redis be gone the next time."""
        if not self._is_local:
            self._open_until = self._timer() + 1000 * wait

    def _ask(self, question: Callable[[Store], T], alone: Callable[[Store], T] | None = None) -> T:
        if self._link.may_ask():
            try:
                self._carry()
                answer = question(self._shared)
            except redis.RedisError as error:
                self._link.lost(error)
            else:
                self._come_back()
                return answer
        self._go_alone()
        return (alone or question)(self._local)

    def _carry(self) -> None:
        """A circuit that is open here must not be found closed where it is shared."""
        wait = self._local.read().wait if self._is_local else 0
        if wait:
            self._untold += self._shared.trip("carried", wait).changes

    def _come_back(self) -> None:
        self._link.found()
        if self._is_local:
            self._is_local = False
            # What was let in here has no say any more.
            self._local.adopt(BreakerState.CLOSED, 0, self._orders)

    def _go_alone(self) -> None:
        if not self._is_local:
            self._is_local = True
            wait = max(0, self._open_until - self._timer()) // 1000
            self._local.adopt(self._shared.last_state(), wait, self._orders)
