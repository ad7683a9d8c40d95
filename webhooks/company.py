"""Who comes while others are served is served with whoever else came: one turn for all who wait.

Writers that go to a database one by one wait for each other there, and each pays for its own way.
Here the first goes for all (flat combining: Hendler, Incze, Shavit and Tzafrir, SPAA 2010). Nobody
waits to be more: who comes alone is served at once, and only a busy process goes for several.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar
from weakref import WeakSet

import structlog

log = structlog.get_logger(__name__)
Item = TypeVar("Item")
Answer = TypeVar("Answer")


def _closed() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class Guest(Generic[Item, Answer]):
    """One who waits; what is done for it is done in its own `context`."""

    item: Item
    context: Context = field(default_factory=copy_context)
    answer: Answer | None = None
    leads: bool = False
    _door: Lock = field(default_factory=_closed)

    def wait(self) -> None:
        """Until it is served, or shall lead."""
        self._door.acquire()

    def wake(self) -> None:
        """Let it go on."""
        self._door.release()


class Company(Generic[Item, Answer]):
    """Serves all who wait in one turn, in one thread: that of the first of them.

    `serve` gives each of its guests an answer, or leaves it None where it has to go alone. If it
    fails, all of them go alone, so that each meets its own fault and nobody another's.
    """

    def __init__(
        self, serve: Callable[[Sequence[Guest[Item, Answer]]], None], at_most: int
    ) -> None:
        self._serve, self._at_most = serve, at_most
        self.begin_anew()
        _companies.add(self)

    def begin_anew(self) -> None:
        """A forked child's: whoever waits, waits in its parent."""
        self._lock = Lock()
        self._waiting: deque[Guest[Item, Answer]] = deque()
        self._is_led = False

    def answer_for(self, item: Item) -> Answer | None:
        """What came of it; None where it has to go alone."""
        guest = Guest[Item, Answer](item)
        with self._lock:
            self._waiting.append(guest)
            guest.leads, self._is_led = not self._is_led, True
        if not guest.leads:
            guest.wait()
        if guest.leads:
            self._lead()
        return guest.answer

    def _lead(self) -> None:
        """Who leads has waited longest, so that its own turn is this one."""
        with self._lock:
            some = min(len(self._waiting), self._at_most)
            guests = [self._waiting.popleft() for _ in range(some)]
        try:
            self._serve_or_dissolve(guests)
        finally:
            self._hand_on()
            for guest in guests[1:]:
                guest.wake()

    def _serve_or_dissolve(self, guests: Sequence[Guest[Item, Answer]]) -> None:
        try:
            self._serve(guests)
        except BaseException as error:
            for guest in guests:
                guest.answer = None
            if not isinstance(error, Exception):
                raise
            log.info("company_dissolved", guests=len(guests), error=type(error).__name__)

    def _hand_on(self) -> None:
        with self._lock:
            self._is_led = bool(self._waiting)
            if self._is_led:
                self._waiting[0].leads = True
                self._waiting[0].wake()


_companies: "WeakSet[Company[Any, Any]]" = WeakSet()


def _begin_anew() -> None:
    for company in list(_companies):
        company.begin_anew()


os.register_at_fork(after_in_child=_begin_anew)
