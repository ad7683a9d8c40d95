"""RedisStore: a breaker's state for every process, decided where it lies by one script."""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from payments.resilience.controls import Mode, Orders
from payments.resilience.policy import Limits
from payments.resilience.storage import (
    BreakerState,
    Change,
    ChangeKind,
    Outcome,
    Permit,
    Reply,
    Scope,
    Snapshot,
    Store,
    Totals,
)
from payments.resilience.window import Counts

_HERE = Path(__file__).parent
_SCRIPT = (_HERE / "circuit.lua").read_text() + (_HERE / "machine.lua").read_text()
_PATIENCE_SECONDS = 0.25


@lru_cache(maxsize=8)
def _script_at(address: str) -> Script:
    """This process's own client. A breaker that waited for its memory would be no breaker."""
    client = redis.Redis.from_url(
        address,
        socket_timeout=_PATIENCE_SECONDS,
        socket_connect_timeout=_PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return client.register_script(_SCRIPT)


# A child that shared its parent's socket would read its parent's answers.
os.register_at_fork(after_in_child=_script_at.cache_clear)


class RedisStore(Store):
    """Asks the script. Raises redis.RedisError where there is no answer within a moment.

    `clock` stands in for the server's, in tests.
    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        address: str,
        prefix: str,
        clock: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(name)
        self._address, self._clock = address, clock
        # The braces put all keys of one breaker on one node of a cluster.
        circuit = f"{prefix}:cb:{{{name}}}"
        buckets = [f"{circuit}:lat:{index}" for index in range(limits.buckets)]
        self._keys = [circuit, f"{circuit}:permits", *buckets]
        self._last_state = BreakerState.CLOSED
        self._limits = " ".join(repr(number) for number in limits)

    @property
    def scope(self) -> Scope:
        return Scope.SHARED

    def last_state(self) -> BreakerState:
        return self._last_state

    def enter(self, orders: Orders) -> Reply:
        state, refused, wait, generation, probe, changes, *_ = self._ask("enter", *orders)
        permit = None if refused else Permit(generation, probe, Scope.SHARED)
        return self._reply(state, refused, wait, changes, permit)

    def leave(self, permit: Permit, outcome: Outcome, duration: int) -> Reply:
        return self._told("leave", permit.generation, permit.probe, outcome, duration)

    def obey(self, orders: Orders) -> Reply:
        return self._told("obey", *orders)

    def trip(self, reason: str, wait: int = 0) -> Reply:
        return self._told("trip", reason, wait)

    def probe(self, reason: str) -> Reply:
        return self._told("probe", reason)

    def reset(self, reason: str) -> Reply:
        return self._told("reset", reason)

    def count_fallback(self, *, failed: bool) -> None:
        self._ask("count_fallback", int(failed))

    def read(self) -> Snapshot:
        state, mode, generation, totals, rolling, pieces, samples, *rest = self._ask("read")
        probes, good_probes, wait, age, closed_for, state_age, failure_age = rest
        self._last_state = BreakerState(state.decode())
        return Snapshot(
            state=self._last_state,
            mode=Mode(mode.decode()),
            generation=generation,
            totals=Totals(*totals),
            rolling=Counts(*rolling),
            buckets=tuple(Counts(*piece) for piece in pieces),
            samples=tuple(sorted(samples)),
            probes=probes,
            good_probes=good_probes,
            wait=wait,
            age=age,
            closed_for=closed_for,
            state_age=state_age,
            failure_age=None if failure_age < 0 else failure_age,
        )

    def _ask(self, question: str, *told: str | int) -> Any:
        now = "" if self._clock is None else self._clock()
        return _script_at(self._address)(self._keys, [question, now, self._limits, *told])

    def _told(self, question: str, *told: str | int) -> Reply:
        state, refused, wait, _generation, _probe, changes, *_ = self._ask(question, *told)
        return self._reply(state, refused, wait, changes)

    def _reply(
        self, state: bytes, refused: bytes, wait: int, changes: Any, permit: Permit | None = None
    ) -> Reply:
        self._last_state = _STATES[state]
        changes = tuple(_change(*change) for change in changes)
        return Reply(self._last_state, permit, refused.decode(), wait, changes)


_STATES = {state.value.encode(): state for state in BreakerState}


def _change(
    kind: bytes, before: bytes, after: bytes, mode: bytes, reason: bytes, *numbers: int
) -> Change:
    return Change(
        ChangeKind(kind.decode()),
        _STATES[before],
        _STATES[after],
        Mode(mode.decode()),
        reason.decode(),
        *numbers,
    )
