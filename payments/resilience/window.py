"""The rolling window: counts and durations of the last seconds, and what they amount to.

The window goes forward bucket by bucket: what was counted in a bucket leaves it as one, when the
bucket's beginning is a whole window ago.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from payments.resilience.policy import Limits


@dataclass(slots=True)
class Counts:
    """What happened; `elapsed` is the sum of durations in microseconds."""

    fires: int = 0
    rejects: int = 0
    successes: int = 0
    failures: int = 0
    timeouts: int = 0
    slow: int = 0
    elapsed: int = 0

    def add_result(self, duration: int, failed: bool, timed_out: bool, slow: bool) -> None:
        self.elapsed += duration
        self.slow += slow
        if failed:
            self.failures += 1
            self.timeouts += timed_out
        else:
            self.successes += 1

    @property
    def completed(self) -> int:
        return self.successes + self.failures

    @property
    def error_rate(self) -> float:
        return percent(self.failures, self.completed)

    @property
    def success_rate(self) -> float:
        return 100 - self.error_rate

    @property
    def slow_rate(self) -> float:
        return percent(self.slow, self.completed)


_NAMES = [each.name for each in fields(Counts)]


def percent(part: int, whole: int) -> float:
    """Nothing of nothing is none."""
    return 100 * part / whole if whole else 0.0


def nearest_rank(ordered: Sequence[int], percentile: int) -> int:
    """The smallest sample that is not below so many percent of all; 0 where there is none."""
    if not ordered:
        return 0
    return ordered[-(-percentile * len(ordered) // 100) - 1]


class Window:
    """The counts of the last seconds, kept as a sum so that judging them costs nothing."""

    __slots__ = (
        "_buckets",
        "_durations",
        "_limits",
        "bucket",
        "durations",
        "ends_at",
        "slot",
        "total",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.slot = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.total = Counts()
        self._buckets = [Counts() for _ in range(self._limits.buckets)]
        self._durations: list[deque[int]] = [
            deque(maxlen=self._limits.samples) for _ in range(self._limits.buckets)
        ]
        self._stand_at(self.slot)

    def advance(self, now: int) -> None:
        """Go to the bucket of this moment, and drop those that are a whole window old."""
        slot = now // self._limits.bucket_width
        if slot == self.slot:
            return
        if not 0 < slot - self.slot < self._limits.buckets:
            self.slot = slot
            self.clear()
            return
        for passed in range(self.slot + 1, slot + 1):
            self._drop(passed % self._limits.buckets)
        self._stand_at(slot)

    def _drop(self, index: int) -> None:
        old = self._buckets[index]
        self.total = Counts(*(getattr(self.total, n) - getattr(old, n) for n in _NAMES))
        self._buckets[index] = Counts()
        self._durations[index].clear()

    def _stand_at(self, slot: int) -> None:
        self.slot = slot
        self.ends_at = (slot + 1) * self._limits.bucket_width
        self.bucket = self._buckets[slot % self._limits.buckets]
        self.durations = self._durations[slot % self._limits.buckets]

    def buckets(self) -> tuple[Counts, ...]:
        """What was counted piece by piece, the oldest first."""
        pieces = self._limits.buckets
        return tuple(replace(self._buckets[(self.slot + n) % pieces]) for n in range(1, pieces + 1))

    def samples(self) -> tuple[int, ...]:
        """Every duration that was kept, shortest first."""
        return tuple(sorted(duration for bucket in self._durations for duration in bucket))
