"""What a breaker can tell of itself, in units that people and programs read."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from payments.resilience.controls import Mode
from payments.resilience.policy import Policy
from payments.resilience.storage import BreakerState, Scope, Snapshot, Totals
from payments.resilience.window import Counts, nearest_rank, percent


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the calls of the window took: the mean over all, percentiles over the samples."""

    mean: timedelta
    p50: timedelta
    p95: timedelta
    p99: timedelta


@dataclass(frozen=True, slots=True)
class Statistics:
    """One breaker at one moment. Rates and uptime are percentages; throughput is calls a second."""

    name: str
    scope: Scope
    state: BreakerState
    mode: Mode
    generation: int
    totals: Totals
    rolling: Counts
    buckets: tuple[Counts, ...]
    latency: Latency
    probes: int
    error_rate: float
    success_rate: float
    slow_rate: float
    uptime: float
    throughput: float
    last_failure_at: datetime | None
    next_retry_at: datetime | None
    policy: Policy


def statistics_of(name: str, scope: Scope, policy: Policy, snapshot: Snapshot) -> Statistics:
    """A snapshot in the clock and the units of this process."""
    now, rolling = datetime.now(UTC), snapshot.rolling
    is_open = snapshot.state is BreakerState.OPEN and snapshot.mode is Mode.AUTO
    return Statistics(
        name=name,
        scope=scope,
        state=snapshot.state,
        mode=snapshot.mode,
        generation=snapshot.generation,
        totals=snapshot.totals,
        rolling=rolling,
        buckets=snapshot.buckets,
        latency=_latency(snapshot),
        probes=snapshot.probes,
        error_rate=rolling.error_rate,
        success_rate=rolling.success_rate,
        slow_rate=rolling.slow_rate,
        uptime=percent(snapshot.closed_for, snapshot.age) if snapshot.age else 100.0,
        throughput=rolling.completed / _observed_seconds(policy, snapshot),
        last_failure_at=None
        if snapshot.failure_age is None
        else now - _microseconds(snapshot.failure_age),
        next_retry_at=now + _microseconds(snapshot.wait) if is_open else None,
        policy=policy,
    )


def _latency(snapshot: Snapshot) -> Latency:
    completed = snapshot.rolling.completed
    mean = snapshot.rolling.elapsed // completed if completed else 0
    ranks = (nearest_rank(snapshot.samples, percentile) for percentile in (50, 95, 99))
    return Latency(_microseconds(mean), *map(_microseconds, ranks))


def _observed_seconds(policy: Policy, snapshot: Snapshot) -> float:
    """A window that is younger than its length has seen less; the first second counts whole."""
    return max(1.0, min(policy.window.total_seconds(), snapshot.age / 1_000_000))


def _microseconds(number: int) -> timedelta:
    return timedelta(microseconds=number)
