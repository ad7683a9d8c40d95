"""Call a worker soon: never in the way of who calls, and never more often than is of use.

Every task that is called here has a sweep behind it, so a call that is lost costs seconds.
"""

import threading
import time

import structlog
from celery import current_app

log = structlog.get_logger(__name__)
_MOMENT = 0.2
# By then the sweep has come: a call that a busy worker hears later is of no use to anybody.
_STALE_SECONDS = 30


class Waker:
    """Sends one task for all the calls of a moment, from a thread of its own.

    A broker that is gone or hangs is the thread's trouble, not the request's.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self._wanted = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have the task sent within a moment, one with all that is called for until then."""
        self._wanted.set()
        if not self._is_served():
            with self._lock:
                if not self._is_served():
                    self._thread = threading.Thread(target=self._serve, daemon=True)
                    self._thread.start()

    def _is_served(self) -> bool:
        """A process that was forked knows the thread, and does not have it."""
        return self._thread is not None and self._thread.is_alive()

    def _serve(self) -> None:
        while self._wanted.wait():
            time.sleep(_MOMENT)
            self._wanted.clear()  # first: who calls from now on may be too late for this one
            self._send()

    def _send(self) -> None:
        try:
            current_app.send_task(self._task, retry=False, expires=_STALE_SECONDS)
        except Exception as error:  # noqa: BLE001 - brokers fail in many ways, none of them ours
            log.warning("worker_not_woken", task=self._task, error=repr(error))
