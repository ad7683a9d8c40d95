"""BatchedStore: the shared state of a breaker that is well, asked once for many calls.

A circuit is *calm* while it is closed and its window holds no failure and no slow call. What is
known of a calm circuit is believed for `FRESH_FOR`. Until then calls pass here, and those that end
well are kept, and told together: once there are `MOST`, or with the first call that ends later.

What that costs, and no more: a process hears up to `FRESH_FOR` late that another one opened the
circuit; and what went well here is counted that much later, or, should nobody call any more, with
the next look, sweep or end of the process, in the bucket in which it happened. Until then others
judge their failures without it: fewer than `MOST` good calls of each process, which neither weigh
against failures nor help to reach the quorum. A process that is killed takes its last batch with
it. Whatever goes badly is told at once, after all that was kept here; from then on, and until the
window is clean again, every call asks. Orders are heard as ever.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.util import Finalize
from threading import Lock
from typing import Any, NamedTuple
from weakref import WeakSet

import redis

from payments.resilience.controls import Orders
from payments.resilience.policy import Limits
from payments.resilience.shared import RedisStore
from payments.resilience.storage import (
    BreakerState,
    Change,
    Outcome,
    Permit,
    Reply,
    Scope,
    Snapshot,
)

FRESH_FOR = 100_000_000  # nanoseconds
MOST = 100
_WELL = (Outcome.SUCCESS, Outcome.EXCLUDED)
_STILL_CLOSED = Reply(BreakerState.CLOSED)
# No circuit ever has this generation, so results under it are late.
_LATE = -1


class Calm(NamedTuple):
    """A circuit without trouble: the answer to every call, until when, and the orders it heard."""

    passing: Reply
    generation: int
    rank: int
    stale_at: int


@dataclass(slots=True)
class Batch:
    """Calls that passed here and were not told yet; `durations` of those that ended, in µs."""

    generation: int
    fires: int = 0
    durations: list[int] = field(default_factory=list)
    at: int = 0


_stores: "WeakSet[BatchedStore]" = WeakSet()


class BatchedStore(RedisStore):
    """Raises redis.RedisError as RedisStore does; what was kept is lost with that."""

    def __init__(
        self,
        name: str,
        limits: Limits,
        address: str,
        prefix: str,
        clock: Callable[[], int] | None = None,
        timer: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        super().__init__(name, limits, address, prefix, clock)
        self._timer, self._slow_call = timer, limits.slow_call
        self.begin_anew()
        _stores.add(self)

    def begin_anew(self) -> None:
        """A forked child's: its parent tells its own calls, and may have held the lock."""
        self._lock = Lock()
        self._calm: Calm | None = None
        self._batch = Batch(_LATE)
        self._untold: tuple[Change, ...] = ()

    # --- without asking

    def let_pass(self, orders: Orders) -> Reply | None:
        """Leave to call, where nothing has to be asked for that."""
        calm, now = self._calm, self._timer()
        if calm is None or now >= calm.stale_at or orders.rank > calm.rank:
            return None
        with self._lock:
            batch = self._batch
            if batch.generation != calm.generation:
                return None
            batch.fires += 1
            batch.at = now
        return calm.passing

    def take_note(self, permit: Permit, outcome: Outcome, duration: int) -> Reply | None:
        """Keep what went well; None where it has to be told now."""
        calm, now = self._calm, self._timer()
        if calm is None or now >= calm.stale_at or not self._is_plain(permit, outcome, duration):
            return None
        with self._lock:
            batch = self._batch
            if batch.generation != permit.generation or len(batch.durations) >= MOST - 1:
                return None
            batch.durations.append(duration)
            batch.at = now
        return _STILL_CLOSED

    def _is_plain(self, permit: Permit, outcome: Outcome, duration: int) -> bool:
        return outcome in _WELL and not permit.probe and duration <= self._slow_call

    # --- what is asked, after what was kept is told

    def enter(self, orders: Orders) -> Reply:
        passing = self.let_pass(orders) or (self._tell() and self.let_pass(orders))
        return self._with_untold(passing or super().enter(orders))

    def leave(self, permit: Permit, outcome: Outcome, duration: int) -> Reply:
        if noted := self.take_note(permit, outcome, duration):
            return noted
        if self._is_plain(permit, outcome, duration) and self._join(permit.generation, duration):
            return self._with_untold(self._tell() or _STILL_CLOSED)
        self._tell()
        return self._with_untold(super().leave(permit, outcome, duration))

    def obey(self, orders: Orders) -> Reply:
        self._tell()
        return self._with_untold(super().obey(orders))

    def trip(self, reason: str, wait: int = 0) -> Reply:
        self._tell()
        return self._with_untold(super().trip(reason, wait))

    def probe(self, reason: str) -> Reply:
        self._tell()
        return self._with_untold(super().probe(reason))

    def reset(self, reason: str) -> Reply:
        self._tell()
        return self._with_untold(super().reset(reason))

    def read(self) -> Snapshot:
        self._tell()
        return super().read()

    def tell(self) -> None:
        """Tell what was kept, now."""
        self._tell()

    def _join(self, generation: int, duration: int) -> bool:
        with self._lock:
            if self._calm is None or self._batch.generation != generation:
                return False
            self._batch.durations.append(duration)
            self._batch.at = self._timer()
            return True

    def _tell(self) -> Reply | None:
        """The answer to what was kept, if anything was; what it changed goes with the next."""
        with self._lock:
            batch = self._batch
            self._batch = Batch(self._calm.generation if self._calm else _LATE)
        if not batch.fires and not batch.durations:
            return None
        age = max(0, self._timer() - batch.at) // 1000
        ended = " ".join(map(str, batch.durations))
        try:
            reply = self._told("settle", batch.generation, batch.fires, age, ended)
        except redis.RedisError:
            self._lose(batch)
            raise
        with self._lock:
            self._untold += reply.changes
        return reply._replace(changes=())

    def _lose(self, batch: Batch) -> None:
        """It may have been heard all the same; only calls still in flight are told once more."""
        with self._lock:
            fires = max(0, batch.fires - len(batch.durations)) + self._batch.fires
            self._batch = Batch(_LATE, fires, self._batch.durations, batch.at)

    def _with_untold(self, reply: Reply) -> Reply:
        if not self._untold:
            return reply
        with self._lock:
            untold, self._untold = self._untold, ()
        return reply._replace(changes=untold + reply.changes)

    def _ask(self, question: str, *told: str | int) -> Any:
        asked_at = self._timer()
        try:
            answer = super()._ask(question, *told)
        except redis.RedisError:
            self._calm = None
            raise
        if question not in ("read", "count_fallback"):
            self._see(asked_at, *answer[-2:])
        return answer

    def _see(self, asked_at: int, generation: int, rank: int) -> None:
        """What an answer says of the circuit: its generation while it is calm, else -1."""
        with self._lock:
            if generation < 0:
                self._calm = None
                return
            passing = Reply(BreakerState.CLOSED, Permit(generation, 0, Scope.SHARED))
            self._calm = Calm(passing, generation, rank, asked_at + FRESH_FOR)
            if not self._batch.fires and not self._batch.durations:
                self._batch = Batch(generation)


def _begin_anew() -> None:
    for store in list(_stores):
        store.begin_anew()


def tell_all() -> None:
    """Tell what every breaker here kept, because this process ends."""
    with suppress(redis.RedisError):
        for store in list(_stores):
            store.tell()


os.register_at_fork(after_in_child=_begin_anew)
# The same at the end of any process: children of multiprocessing know no atexit.
Finalize(None, tell_all, exitpriority=0)
