"""What the machinery tells whoever listens: one guarded call is over, one breaker changed.

Both are plain Django signals, sent robustly: Django logs a receiver that fails, and nobody else
notices.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.dispatch import Signal

from payments.resilience.controls import Mode
from payments.resilience.storage import BreakerState, Change, ChangeKind, Outcome, Permit, Scope
from payments.resilience.window import percent

log = structlog.get_logger(__name__)

call_finished = Signal()  # call: CallFinished
breaker_changed = Signal()  # change: BreakerChanged


@dataclass(frozen=True, slots=True)
class CallFinished:
    """One attempt, or one refusal. `error` is the exception, where there was one."""

    name: str
    outcome: Outcome
    duration: timedelta
    generation: int
    scope: Scope
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """One transition, told by the one process that made it, with the rates at that moment."""

    name: str
    kind: ChangeKind
    before: BreakerState
    after: BreakerState
    mode: Mode
    reason: str
    generation: int
    scope: Scope
    completed: int
    failures: int
    slow: int
    error_rate: float
    slow_rate: float
    retry_after: timedelta


def announce_change(name: str, scope: Scope, change: Change) -> None:
    """Log a transition, and tell every receiver."""
    facts = BreakerChanged(
        name=name,
        kind=change.kind,
        before=change.before,
        after=change.after,
        mode=change.mode,
        reason=change.reason,
        generation=change.generation,
        scope=scope,
        completed=change.completed,
        failures=change.failures,
        slow=change.slow,
        error_rate=percent(change.failures, change.completed),
        slow_rate=percent(change.slow, change.completed),
        retry_after=timedelta(microseconds=change.wait),
    )
    log.warning("circuit_breaker_changed", breaker=name, **_loggable(facts))
    breaker_changed.send_robust(sender=None, change=facts)


def announce_call(
    name: str, permit: Permit, outcome: Outcome, duration: int, error: BaseException | None
) -> None:
    """Tell every receiver that a call is over, or was refused."""
    spent = timedelta(microseconds=duration)
    call = CallFinished(name, outcome, spent, permit.generation, permit.scope, error)
    call_finished.send_robust(sender=None, call=call)


def _loggable(facts: BreakerChanged) -> dict[str, Any]:
    names = (
        "kind",
        "before",
        "after",
        "mode",
        "reason",
        "generation",
        "scope",
        "error_rate",
    )
    return {name: getattr(facts, name) for name in names}
