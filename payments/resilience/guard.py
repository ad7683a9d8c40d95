"""Guard: a deadline around retries around a breaker. The one thing callers use."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from payments.resilience.breaker import Breaker
from payments.resilience.errors import CallRefused, DeadlineExceeded
from payments.resilience.retry import ONCE, RetryPolicy

T = TypeVar("T")
_NO_TIME = timedelta(0)


def never(error: Exception) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Guard:
    """Calls one target within a budget of time, through its breaker, more than once if it may.

    `may_repeat`: errors after which the same call is harmless. `was_not_sent`: errors that say
    that nothing left; all others leave it open whether the call was carried out.
    """

    breaker: Breaker
    budget: timedelta
    retry: RetryPolicy = ONCE
    may_repeat: Callable[[Exception], bool] = never
    was_not_sent: Callable[[Exception], bool] = never
    timer: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    luck: Callable[[], float] = random.random

    def call(self, attempt: Callable[[timedelta], T]) -> T:
        """The result of an attempt, each of which is told how long it may take.

        Raises what the attempts ended with. Once an attempt may have left, no later error that
        says "not sent" takes its place: it would be true of the last attempt, and false of the
        call.
        """
        ends_at = self.timer() + self.budget.total_seconds()
        unsure: Exception | None = None
        number = 0
        while True:
            number += 1
            left = timedelta(seconds=ends_at - self.timer())
            if left <= _NO_TIME:
                raise unsure or DeadlineExceeded(f"No time was left to call {self.breaker.name}.")
            try:
                return self.breaker.call(attempt, min(left, self.breaker.policy.request_timeout))
            except Exception as error:
                unsure = unsure if self._is_not_sent(error) else error
                pause = self._pause_after(error, number, ends_at)
                if pause is None:
                    if unsure is None or unsure is error:
                        raise
                    raise unsure  # noqa: B904 - both keep the causes that they have
            self.sleep(pause.total_seconds())

    def _is_not_sent(self, error: Exception) -> bool:
        return isinstance(error, CallRefused) or self.was_not_sent(error)

    def _pause_after(self, error: Exception, number: int, ends_at: float) -> timedelta | None:
        """A breaker that refused will refuse again before the pause is over."""
        if isinstance(error, CallRefused) or not self.may_repeat(error):
            return None
        left = timedelta(seconds=ends_at - self.timer())
        asked = getattr(error, "retry_after", _NO_TIME)
        return self.retry.pause_after(number, self.luck(), left, asked)
