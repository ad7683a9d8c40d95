"""RetryPolicy: how often and when to try again, as pure arithmetic.

Whether something may be tried again at all is for the caller to know; sleeping is the guard's.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """So many attempts in all; the pause before the next is at most `base`, then twice that, …"""

    attempts: int = 3
    base: timedelta = timedelta(milliseconds=500)
    longest: timedelta = timedelta(seconds=8)

    def __post_init__(self) -> None:
        if self.attempts < 1 or not _NO_TIME <= self.base <= self.longest:
            raise ValueError(f"One attempt at least, and pauses that do not shrink: {self}")

    def pause_after(
        self, attempt: int, luck: float, left: timedelta, asked: timedelta = _NO_TIME
    ) -> timedelta | None:
        """How long to wait after the attempt of this number (from 1); None: try no more.

        `luck` (0 to 1) spreads callers over the whole pause, or they would all come back at once.
        What the target `asked` for comes first; a pause that outlasts what is `left` is refused.
        """
        if attempt >= self.attempts:
            return None
        pause = asked + luck * self.ceiling(attempt)
        return pause if pause < left else None

    def ceiling(self, attempt: int) -> timedelta:
        """The longest pause after an attempt, without what the target asks for."""
        doublings = min(attempt - 1, 32)
        return min(self.longest, self.base * (1 << doublings))


ONCE = RetryPolicy(attempts=1)


def asked_pause(retry_after: str, now: datetime) -> timedelta:
    """What a `Retry-After` header asks for: seconds, or a date. Nothing where it says neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text), 24 * 3600))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return _NO_TIME
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(_NO_TIME, aware - now)
