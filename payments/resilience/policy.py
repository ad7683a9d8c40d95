"""Policy: when a breaker opens, for how long, and what closes it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

_LEASE_MARGIN = timedelta(seconds=5)
_MICROSECOND = timedelta(microseconds=1)


class Limits(NamedTuple):
    """A policy in the numbers that stores reckon with: microseconds, percent and counts."""

    bucket_width: int
    buckets: int
    window: int
    quorum: int
    error_rate: float
    slow_call: int
    slow_rate: float
    reset_timeout: int
    longest_reset_timeout: int
    half_open_max: int
    half_open_successes: int
    lease: int
    samples: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What one breaker is held to.

    `minimum_requests` and `volume_threshold` are two names of one gate, counted in completed
    calls; the larger wins. A `slow_rate` over 100 switches that rule off.
    """

    error_rate: float = 50
    window: timedelta = timedelta(seconds=10)
    buckets: int = 10
    minimum_requests: int | None = 10
    volume_threshold: int | None = None
    slow_call: timedelta = timedelta(seconds=10)
    slow_rate: float = 50
    request_timeout: timedelta = timedelta(seconds=30)
    reset_timeout: timedelta = timedelta(seconds=30)
    longest_reset_timeout: timedelta = timedelta(seconds=60)
    half_open_max: int = 5
    half_open_successes: int = 1
    samples: int = 200

    def __post_init__(self) -> None:
        gates = (self.minimum_requests, self.volume_threshold)
        counts = [self.buckets, self.half_open_max, self.half_open_successes, self.samples]
        counts += [gate for gate in gates if gate is not None]
        times = (self.window, self.slow_call, self.request_timeout, self.reset_timeout)
        if min(counts) < 1:
            raise ValueError(f"A breaker counts from one upwards: {self}")
        if min(times) <= timedelta(0) or self.window // _MICROSECOND < self.buckets:
            raise ValueError(f"A breaker needs time, and each bucket some of it: {self}")
        if not 0 < self.error_rate <= 100 or self.slow_rate <= 0:
            raise ValueError(f"A breaker's rates are percentages above zero: {self}")

    @property
    def quorum(self) -> int:
        """How many calls of the window must be over before it is judged."""
        return max(self.minimum_requests or 1, self.volume_threshold or 1)

    @property
    def lease(self) -> timedelta:
        """How long a probe's permit lives, should its process die."""
        return self.request_timeout + _LEASE_MARGIN

    def limits(self) -> Limits:
        """The same in numbers."""
        bucket_width = self.window // _MICROSECOND // self.buckets
        return Limits(
            bucket_width=bucket_width,
            buckets=self.buckets,
            window=bucket_width * self.buckets,
            quorum=self.quorum,
            error_rate=self.error_rate,
            slow_call=self.slow_call // _MICROSECOND,
            slow_rate=self.slow_rate,
            reset_timeout=self.reset_timeout // _MICROSECOND,
            longest_reset_timeout=max(self.reset_timeout, self.longest_reset_timeout)
            // _MICROSECOND,
            half_open_max=self.half_open_max,
            half_open_successes=self.half_open_successes,
            lease=self.lease // _MICROSECOND,
            samples=self.samples,
        )
