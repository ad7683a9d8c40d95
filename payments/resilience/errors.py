"""What a guarded call can end with besides its own result and its own error."""

from datetime import timedelta
from typing import Any

from pybreaker import CircuitBreakerError


class CallRefused(CircuitBreakerError):
    """Turned away by a breaker: nothing was sent. Another route may be tried at once."""

    def __init__(self, name: str, reason: str, retry_after: timedelta) -> None:
        seconds = retry_after.total_seconds()
        super().__init__(f"{name} takes no calls now ({reason}); try again in {seconds:g} s.")
        self.name, self.reason, self.retry_after = name, reason, retry_after


class CallFailed(Exception):
    """Executed, with a result that was judged bad; what a fallback is told of it."""

    def __init__(self, name: str, result: Any) -> None:
        super().__init__(f"{name} answered, but with what counts as a failure.")
        self.name, self.result = name, result


class DeadlineExceeded(TimeoutError):
    """The time for the whole call was over."""
