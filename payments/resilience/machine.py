"""Every decision about one breaker: values in, decisions out; no clock, lock or network.

`shared.lua` is this module and `circuit` for a state that lies in Redis, function by function.
Whoever changes one changes the other; a test plays random histories to both and compares.
"""

from collections.abc import Sequence

from payments.resilience.circuit import (
    AUTO,
    CLOSED,
    DISABLED,
    FORCED_OPEN,
    HALF_OPEN,
    NEVER_ORDERED,
    OPEN,
    Circuit,
)
from payments.resilience.controls import Mode, Orders
from payments.resilience.storage import Change, ChangeKind, Outcome, Permit, Reply

_FAILURE, _TIMEOUT, _IGNORED = Outcome.FAILURE, Outcome.TIMEOUT, Outcome.IGNORED


class Machine(Circuit):
    """A circuit that knows when to open, whom to refuse and what a result means."""

    # --- what a store is asked

    def enter(self, now: int, orders: Orders) -> Reply:
        now = self.at(now)
        changes = self._heard(now, orders) if orders.rank > self.orders.rank else []
        for counts in (self.totals, self.window.total, self.window.bucket):
            counts.fires += 1
        if self.passing and not changes:
            return self.passing
        if refused := self._refused(now, changes):
            for counts in (self.totals, self.window.total, self.window.bucket):
                counts.rejects += 1
            return self.refusal(now, changes, refused)
        is_trial = self.mode is AUTO and self.state is HALF_OPEN
        permit = Permit(self.generation, self.lease(now) if is_trial else 0)
        return self.reply(now, changes)._replace(permit=permit)

    def leave(self, now: int, permit: Permit, outcome: Outcome, duration: int) -> Reply:
        now = self.at(now)
        is_held = self.give_back(now, permit.probe)
        if outcome is _IGNORED:
            self.totals.ignored += 1
            return self.reply(now)
        timed_out = outcome is _TIMEOUT
        failed = timed_out or outcome is _FAILURE
        slow = duration > self.limits.slow_call
        self.failed_at = now if failed else self.failed_at
        self.totals.add_result(duration, failed, timed_out, slow)
        if permit.generation != self.generation or not is_held:
            self.totals.late += 1
            return self.reply(now)
        self.window.total.add_result(duration, failed, timed_out, slow)
        self.window.bucket.add_result(duration, failed, timed_out, slow)
        self.window.durations.append(duration)
        return self.reply(now, self._judged(now, failed, slow))

    def obey(self, now: int, orders: Orders) -> Reply:
        now = self.at(now)
        return self.reply(now, self._heard(now, orders))

    def trip(self, now: int, reason: str, wait: int = 0) -> Reply:
        now = self.at(now)
        return self.reply(now, () if self._stays_open(now) else (self.open(now, reason, wait),))

    def probe(self, now: int, reason: str) -> Reply:
        now = self.at(now)
        return self.reply(now, () if self.state is HALF_OPEN else (self.half_open(now, reason),))

    def reset(self, now: int, reason: str) -> Reply:
        now = self.at(now)
        return self.reply(now, self.begin_anew(now, reason))

    def count_fallback(self, *, failed: bool) -> None:
        self.totals.fallbacks += 1
        self.totals.fallback_failures += failed

    # --- admission

    def _heard(self, now: int, orders: Orders) -> list[Change]:
        if orders.rank <= self.orders.rank:
            return []
        before, self.orders = self.orders, orders
        if before is NEVER_ORDERED:
            self._begin_under(now, orders.mode)
            return []
        changes = self.begin_anew(now, "operator") if orders.epoch != before.epoch else []
        return changes + ([self.switch(now, orders.mode)] if orders.mode is not self.mode else [])

    def _begin_under(self, now: int, mode: Mode) -> None:
        """What was ordered before this state began is how it begins, and no news."""
        self.mode = mode
        if mode is FORCED_OPEN:
            self.state, self.open_until = OPEN, now
        self.find_passing()

    def _refused(self, now: int, changes: list[Change]) -> str:
        """Why this call may not pass, or nothing. A time that is over lets trials begin."""
        if self.mode is FORCED_OPEN:
            return "forced-open"
        if self.mode is DISABLED or self.state is CLOSED:
            return ""
        if self.state is OPEN:
            if now < self.open_until:
                return "open"
            changes.append(self.half_open(now, "time"))
        self.drop_expired(now)
        return "half-open" if len(self.leases) >= self.limits.half_open_max else ""

    def _stays_open(self, now: int) -> bool:
        """Open, and the next call is no trial: a time that is over would let one pass."""
        return self.state is OPEN and (self.mode is not AUTO or now < self.open_until)

    # --- judgement

    def _judged(self, now: int, failed: bool, slow: bool) -> Sequence[Change]:
        if self.mode is not AUTO:
            return ()
        if self.state is HALF_OPEN:
            return self._judged_trial(now, failed, slow)
        reason = self._verdict()
        return (self.open(now, reason),) if reason else ()

    def _judged_trial(self, now: int, failed: bool, slow: bool) -> Sequence[Change]:
        if failed or slow:
            return (self.open(now, "trial-failed" if failed else "trial-slow"),)
        self.good_probes += 1
        if self.good_probes < self.limits.half_open_successes:
            return ()
        return (self.close(now, ChangeKind.CLOSED, "trials-succeeded"),)

    def _verdict(self) -> str:
        """Why the window says that the circuit should open, or nothing."""
        counts, limits = self.window.total, self.limits
        completed = counts.successes + counts.failures
        if completed < limits.quorum:
            return ""
        if counts.failures * 100 >= limits.error_rate * completed:
            return "error-rate"
        if limits.slow_rate <= 100 and counts.slow * 100 >= limits.slow_rate * completed:
            return "slow-rate"
        return ""
