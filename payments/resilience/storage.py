"""Where a breaker's state lives: what every store is asked, and what it answers.

All instants and durations in here are whole microseconds of the store's own clock. What leaves
the store is how long ago or how soon, so that clocks of two machines are never compared.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from pybreaker import STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN, CircuitBreakerStorage

from payments.resilience.controls import Mode, Orders
from payments.resilience.window import Counts


class BreakerState(StrEnum):
    """Calls pass; calls are refused; a few trials decide."""

    CLOSED = STATE_CLOSED
    OPEN = STATE_OPEN
    HALF_OPEN = STATE_HALF_OPEN


class Outcome(StrEnum):
    """How a call ended, as far as the health of its target goes.

    EXCLUDED: the target answered, and the answer is no. IGNORED: it was never asked, or we
    stopped ourselves. REFUSED: the breaker turned the call away.
    """

    SUCCESS = "success"
    EXCLUDED = "excluded"
    FAILURE = "failure"
    TIMEOUT = "timeout"
    IGNORED = "ignored"
    REFUSED = "refused"


class Scope(StrEnum):
    """Over whom a store's limits and statistics hold."""

    PROCESS = "process"
    SHARED = "shared"


class ChangeKind(StrEnum):
    OPENED = "opened"
    HALF_OPEN = "half_open"
    CLOSED = "closed"
    FORCED = "forced"
    RESET = "reset"


class Permit(NamedTuple):
    """Leave to call, under one generation; `probe` numbers the lease of a trial, else 0."""

    generation: int
    probe: int = 0
    scope: Scope = Scope.PROCESS


class Change(NamedTuple):
    """One transition, with the window at that moment."""

    kind: ChangeKind
    before: BreakerState
    after: BreakerState
    mode: Mode
    reason: str
    generation: int
    completed: int
    failures: int
    slow: int
    wait: int


class Reply(NamedTuple):
    """What a store decided: a permit, or why there is none, and how long to stay away."""

    state: BreakerState
    permit: Permit | None = None
    refused: str = ""
    wait: int = 0
    changes: tuple[Change, ...] = ()


@dataclass(slots=True)
class Totals(Counts):
    """The same over the breaker's life, and what no window needs."""

    late: int = 0
    ignored: int = 0
    fallbacks: int = 0
    fallback_failures: int = 0
    lease_expired: int = 0
    opens: int = 0
    half_opens: int = 0
    closes: int = 0

    @property
    def in_flight(self) -> int:
        """Passed and not over; a call whose process died stays in here."""
        return self.fires - self.rejects - self.successes - self.failures - self.ignored


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A breaker's whole state at one moment."""

    state: BreakerState
    mode: Mode
    generation: int
    totals: Totals
    rolling: Counts
    buckets: tuple[Counts, ...]
    samples: tuple[int, ...]
    probes: int
    good_probes: int
    wait: int
    age: int
    closed_for: int
    state_age: int
    failure_age: int | None


class Store(CircuitBreakerStorage, ABC):
    """The state of one breaker. Each method is one decision, atomic over all who share it."""

    @property
    @abstractmethod
    def scope(self) -> Scope:
        """Who shares it at this moment."""

    @abstractmethod
    def enter(self, orders: Orders) -> Reply:
        """May a call pass? Either a permit, or a reason and how long to wait."""

    @abstractmethod
    def leave(self, permit: Permit, outcome: Outcome, duration: int) -> Reply:
        """A call that was let pass is over."""

    @abstractmethod
    def obey(self, orders: Orders) -> Reply:
        """Hear operators without a call."""

    @abstractmethod
    def trip(self, reason: str, wait: int = 0) -> Reply:
        """Open, for so long or for as long as the policy says, unless it is and refuses calls."""

    @abstractmethod
    def probe(self, reason: str) -> Reply:
        """Let trials begin now."""

    @abstractmethod
    def reset(self, reason: str) -> Reply:
        """Begin anew: mode auto, closed, an empty window. Lifetime totals stay."""

    @abstractmethod
    def count_fallback(self, *, failed: bool) -> None:
        """A fallback was used."""

    @abstractmethod
    def read(self) -> Snapshot:
        """Everything there is to know."""

    @abstractmethod
    def last_state(self) -> BreakerState:
        """As it was last seen, without asking again."""

    # What pybreaker wants to see of a storage: views, for none but the store itself writes.

    @property  # type: ignore[misc] # read-only here
    def state(self) -> BreakerState:  # type: ignore[override] # one of pybreaker's words
        return self.last_state()

    @property
    def counter(self) -> int:
        return self.read().rolling.failures

    @property
    def success_counter(self) -> int:
        return self.read().good_probes

    @property  # type: ignore[misc] # read-only here
    def opened_at(self) -> datetime | None:
        snapshot = self.read()
        if snapshot.state is BreakerState.CLOSED:
            return None
        return datetime.now(UTC) - timedelta(microseconds=snapshot.state_age)
