"""MemoryStore: a breaker's state in this process alone, under one lock."""

import os
import time
from collections.abc import Callable
from threading import Lock
from weakref import WeakSet

from payments.resilience.controls import Orders
from payments.resilience.machine import Machine
from payments.resilience.policy import Limits
from payments.resilience.storage import BreakerState, Outcome, Permit, Reply, Scope, Snapshot, Store

_stores: "WeakSet[MemoryStore]" = WeakSet()


def _microseconds() -> int:
    return time.monotonic_ns() // 1000


class MemoryStore(Store):
    """One machine, one lock that is held for a decision and never for a call."""

    def __init__(self, name: str, limits: Limits, clock: Callable[[], int] = _microseconds) -> None:
        super().__init__(name)
        self._limits, self._clock = limits, clock
        self.begin_anew()
        _stores.add(self)

    def begin_anew(self) -> None:
        """A forked child's: its parent's calls are not its own, nor is a lock that one held."""
        self._lock = Lock()
        self._machine = Machine(self._limits)

    @property
    def scope(self) -> Scope:
        return Scope.PROCESS

    def last_state(self) -> BreakerState:
        return self._machine.state

    def enter(self, orders: Orders) -> Reply:
        with self._lock:
            return self._machine.enter(self._clock(), orders)

    def leave(self, permit: Permit, outcome: Outcome, duration: int) -> Reply:
        with self._lock:
            return self._machine.leave(self._clock(), permit, outcome, duration)

    def obey(self, orders: Orders) -> Reply:
        with self._lock:
            return self._machine.obey(self._clock(), orders)

    def trip(self, reason: str, wait: int = 0) -> Reply:
        with self._lock:
            return self._machine.trip(self._clock(), reason, wait)

    def probe(self, reason: str) -> Reply:
        with self._lock:
            return self._machine.probe(self._clock(), reason)

    def reset(self, reason: str) -> Reply:
        with self._lock:
            return self._machine.reset(self._clock(), reason)

    def count_fallback(self, *, failed: bool) -> None:
        with self._lock:
            self._machine.count_fallback(failed=failed)

    def adopt(self, state: BreakerState, wait: int, orders: Orders) -> None:
        """Go on from what another store showed last."""
        with self._lock:
            self._machine.adopt(self._clock(), state, wait, orders)

    def read(self) -> Snapshot:
        with self._lock:
            return self._machine.read(self._clock())


def _begin_anew() -> None:
    for store in list(_stores):
        store.begin_anew()


os.register_at_fork(after_in_child=_begin_anew)
