"""One circuit: its state, its time and its transitions. When to make which, `machine` decides."""

from collections.abc import Sequence
from dataclasses import replace

from payments.resilience.controls import Mode, Orders
from payments.resilience.policy import Limits
from payments.resilience.storage import (
    BreakerState,
    Change,
    ChangeKind,
    Permit,
    Reply,
    Snapshot,
    Totals,
)
from payments.resilience.window import Window

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
AUTO, FORCED_OPEN, DISABLED = Mode.AUTO, Mode.FORCED_OPEN, Mode.DISABLED
NEVER_ORDERED = Orders(rank=-1)
# A trial is usually over soon: whoever finds all permits taken need not wait for a lease's end.
_TRIAL_TIME = 1_000_000
_STILL_CLOSED = Reply(CLOSED)


class Circuit:
    """Instants are microseconds of whoever asks; every question brings its own `now`."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.state, self.mode, self.orders = CLOSED, AUTO, NEVER_ORDERED
        self.totals, self.window = Totals(), Window(limits)
        self.leases: dict[int, int] = {}
        self.generation = self.serial = self.good_probes = 0
        self.seen = self.first_used = self.since = self.closed_for = 0
        self.open_until = self.open_for = self.failed_at = 0
        self.find_passing()

    def read(self, now: int) -> Snapshot:
        now = self.at(now)
        self.drop_expired(now)
        return Snapshot(
            state=self.state,
            mode=self.mode,
            generation=self.generation,
            totals=replace(self.totals),
            rolling=replace(self.window.total),
            buckets=self.window.buckets(),
            samples=self.window.samples(),
            probes=len(self.leases),
            good_probes=self.good_probes,
            wait=self.wait(now),
            age=now - self.first_used,
            closed_for=self.closed_for + (now - self.since if self.state is CLOSED else 0),
            state_age=now - self.since,
            failure_age=now - self.failed_at if self.failed_at else None,
        )

    # --- time

    def at(self, now: int) -> int:
        """The time to go by. A clock set back a little stands still; set back far, all moves."""
        if self.seen <= now < self.window.ends_at:
            self.seen = now
            return now
        back = self.seen - now
        if back > self.limits.window:
            self._shift(-back)
        elif back > 0:
            now = self.seen
        self.seen = now
        self.first_used = self.first_used or now
        self.since = self.since or now
        self.window.advance(now)
        return now

    def _shift(self, step: int) -> None:
        self.first_used += step
        self.since += step
        self.open_until += step
        self.failed_at += step if self.failed_at else 0
        self.leases = {probe: ends + step for probe, ends in self.leases.items()}

    # --- the permits of trials

    def lease(self, now: int) -> int:
        self.serial += 1
        self.leases[self.serial] = now + self.limits.lease
        return self.serial

    def give_back(self, now: int, probe: int) -> bool:
        """Whether the call still held what it was given; a lease that ran out is gone."""
        if not probe:
            return True
        self.drop_expired(now)
        return self.leases.pop(probe, None) is not None

    def drop_expired(self, now: int) -> None:
        expired = [probe for probe, ends in self.leases.items() if ends <= now]
        for probe in expired:
            del self.leases[probe]
        self.totals.lease_expired += len(expired)

    # --- transitions

    def open(self, now: int, reason: str, wait: int = 0) -> Change:
        """Each opening without a close in between lasts twice as long, up to the longest."""
        doubled = min(2 * self.open_for, self.limits.longest_reset_timeout)
        self.open_for = doubled or self.limits.reset_timeout
        self.open_until = now + (wait or self.open_for)
        self.totals.opens += 1
        return self.go(now, OPEN, ChangeKind.OPENED, reason)

    def half_open(self, now: int, reason: str) -> Change:
        self.totals.half_opens += 1
        return self.go(now, HALF_OPEN, ChangeKind.HALF_OPEN, reason)

    def close(self, now: int, kind: ChangeKind, reason: str) -> Change:
        self.open_for = 0
        self.totals.closes += self.state is not CLOSED
        change = self.go(now, CLOSED, kind, reason)
        self.window.clear()
        return change

    def begin_anew(self, now: int, reason: str) -> list[Change]:
        was_closed = self.state is CLOSED
        self.mode = AUTO
        change = self.close(now, ChangeKind.RESET, reason)
        return [change] if was_closed else [change, change._replace(kind=ChangeKind.CLOSED)]

    def switch(self, now: int, mode: Mode) -> Change:
        """Forced open is open; released from it, the time is over and the next call a trial."""
        is_forced = FORCED_OPEN in (mode, self.mode)
        after = OPEN if is_forced else self.state
        self.totals.opens += after is not self.state
        self.open_until = now if is_forced else self.open_until
        self.mode = mode
        return self.go(now, after, ChangeKind.FORCED, mode)

    def adopt(self, now: int, state: BreakerState, wait: int, orders: Orders) -> None:
        """Go on from what another store showed last; that is no transition, and nobody is told."""
        now = self.at(now)
        self.orders, self.mode = orders, orders.mode
        self.open_until, self.open_for = now + wait, 0
        self.go(now, CLOSED if state is CLOSED else OPEN, ChangeKind.RESET, "adopted")
        self.window.clear()

    def go(self, now: int, state: BreakerState, kind: ChangeKind, reason: str) -> Change:
        before, counts = self.state, self.window.total
        self.closed_for += now - self.since if before is CLOSED else 0
        self.state, self.since = state, now
        self.generation += 1
        self.good_probes = 0
        self.leases.clear()
        self.find_passing()
        return Change(
            kind=kind,
            before=before,
            after=state,
            mode=self.mode,
            reason=reason,
            generation=self.generation,
            completed=counts.completed,
            failures=counts.failures,
            slow=counts.slow,
            wait=self.wait(now),
        )

    # --- answers

    def find_passing(self) -> None:
        """What every healthy call is answered, made once; nothing where calls are judged."""
        is_calm = self.state is CLOSED and self.mode is not FORCED_OPEN
        self.passing = Reply(CLOSED, Permit(self.generation)) if is_calm else None

    def wait(self, now: int) -> int:
        return max(0, self.open_until - now) if self.state is OPEN else 0

    def reply(self, now: int, changes: Sequence[Change] = ()) -> Reply:
        if self.state is CLOSED and not changes:
            return _STILL_CLOSED
        return Reply(self.state, wait=self.wait(now), changes=tuple(changes))

    def refusal(self, now: int, changes: Sequence[Change], reason: str) -> Reply:
        waits = {"forced-open": self.limits.reset_timeout, "half-open": _TRIAL_TIME}
        wait = waits.get(reason, self.wait(now))
        return Reply(self.state, refused=reason, wait=wait, changes=tuple(changes))
