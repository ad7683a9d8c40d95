"""Load: many purchases at once, begun at an even pace, each taken up again when it is due."""

import heapq
import threading
import time
import traceback
from datetime import timedelta

from bench.chaos.callers import Companies, Merchant
from bench.chaos.forms import Form
from bench.chaos.purchases import Purchase, Steps

_IDLE = 0.02
# A shop that is crowded lets nobody in: callers who only wait would keep the others from paying.
_CROWD = 15


class Load:
    """The shoppers. `purchases` are those begun, `accidents` what went wrong with us."""

    def __init__(self, form: Form, seed: int, merchant: Merchant, companies: Companies) -> None:
        self._form, self._seed = form, seed
        self._merchant, self._companies = merchant, companies
        self._lock = threading.Lock()
        # (when it is due, its number, its steps)
        self._waiting: list[tuple[float, int, Steps]] = []
        self._at_work = 0
        self._begun_at = time.monotonic()
        self._is_closing = self._is_over = False
        self.purchases: list[Purchase] = []
        self.accidents: list[str] = []

    def start(self) -> None:
        """Open the doors."""
        self._begun_at = time.monotonic()
        for number in range(self._form.shoppers):
            threading.Thread(target=self._shop, daemon=True, name=f"shopper-{number}").start()

    def close(self, patience: timedelta) -> int:
        """Begin nothing more, and let what was begun end; answers how many did not."""
        self._is_closing = True
        gives_up_at = time.monotonic() + patience.total_seconds()
        while self.under_way() and time.monotonic() < gives_up_at:
            time.sleep(0.2)
        self._is_over = True
        return self.under_way()

    def under_way(self) -> int:
        """Purchases that were begun and have not ended."""
        with self._lock:
            return len(self._waiting) + self._at_work

    def _shop(self) -> None:
        while not self._is_over:
            errand = self._next()
            if errand is None:
                time.sleep(_IDLE)
                continue
            number, steps = errand
            try:
                wait = next(steps, None)
            except Exception:  # noqa: BLE001 - ours to mend, and the run fails for it
                self.accidents.append(traceback.format_exc(limit=-3))
                wait = None
            self._put_back(number, steps, wait)

    def _next(self) -> tuple[int, Steps] | None:
        """What is due comes first; else another purchase, if it is time for it."""
        with self._lock:
            now = time.monotonic()
            if self._waiting and self._waiting[0][0] <= now:
                _, number, steps = heapq.heappop(self._waiting)
            elif self._has_room() and len(self.purchases) < self._due_by(now):
                number = len(self.purchases)
                self.purchases.append(Purchase(self._seed, number))
                steps = self.purchases[-1].story(self._merchant, self._companies)
            else:
                return None
            self._at_work += 1
            return number, steps

    def _has_room(self) -> bool:
        crowd = len(self._waiting) + self._at_work
        return not self._is_closing and crowd < _CROWD * self._form.shoppers

    def _put_back(self, number: int, steps: Steps, wait: float | None) -> None:
        with self._lock:
            self._at_work -= 1
            if wait is not None:
                heapq.heappush(self._waiting, (time.monotonic() + wait, number, steps))

    def _due_by(self, now: float) -> float:
        """How many should have been begun by now: all of them a little before the doors close."""
        share = (now - self._begun_at) / (self._form.load.total_seconds() * 0.95)
        return min(share, 1.0) * self._form.wanted_payments
