"""Who comes while others are served is served with whoever else came: one turn for all who wait.

Writers that go to a database one by one wait for each other there, and each pays for its own way.
Here the first goes for all (flat combining: Hendler, Incze, Shavit and Tzafrir, SPAA 2010). Nobody
waits to be more: who comes alone is served at once, and only a busy process goes for several. Nor
does anybody wait long for others: a turn that takes too long keeps none but its own guests.
"""

import os
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar
from weakref import WeakSet

import structlog

log = structlog.get_logger(__name__)
Item = TypeVar("Item")
Answer = TypeVar("Answer")
# Many times what a turn takes; in seconds.
_PATIENCE = 0.25


class SharedFate(Exception):
    """What went wrong with a turn would go wrong with each of its guests as well: the cause."""


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
    fate: SharedFate | None = None
    leads: "Table[Item, Answer] | None" = None
    _door: Lock = field(default_factory=_closed)

    def wait(self, seconds: float = -1) -> bool:
        """Until it is served, or shall lead. False where that took longer."""
        return self._door.acquire(timeout=seconds)

    def wake(self) -> None:
        """Let it go on."""
        self._door.release()


class Table(Generic[Item, Answer]):
    """Those who are served in one turn. The first of them leads: all is done in its thread."""

    def __init__(self, guests: list[Guest[Item, Answer]], hand_on: Callable[[], None]) -> None:
        self.guests, self._hand_on = guests, hand_on
        self.is_over = False

    def close(self) -> None:
        """Let the next have their turn, and these go: their answers are true for good."""
        if not self.is_over:
            self.is_over = True
            self._hand_on()
            for guest in self.guests[1:]:
                guest.wake()

    def dissolve(self, fate: SharedFate | None = None) -> None:
        """Take all answers back, unless they are true already."""
        for guest in () if self.is_over else self.guests:
            guest.answer, guest.fate = None, fate


class Company(Generic[Item, Answer]):
    """Serves all who wait in one turn, in one thread: that of the first of them.

    `serve` gives each guest of a table an answer, or leaves it None where it has to go alone, and
    may close the table before it ends. If it fails, all of them go alone, so that each meets its
    own fault and nobody another's; only SharedFate is raised to each.
    """

    def __init__(
        self,
        serve: Callable[[Table[Item, Answer]], None],
        at_most: int,
        patience: float = _PATIENCE,
    ) -> None:
        self._serve, self._at_most, self._patience = serve, at_most, patience
        self.begin_anew()
        _companies.add(self)

    def begin_anew(self) -> None:
        """A forked child's: whoever waits, waits in its parent."""
        self._lock = Lock()
        self._waiting: deque[Guest[Item, Answer]] = deque()
        self._is_led = False

    def answer_for(self, item: Item) -> Answer | None:
        """What came of it; None where it has to go alone. Raises SharedFate."""
        guest = Guest[Item, Answer](item)
        if not self._leads_at_once(guest):
            self._wait(guest)
        if guest.leads:
            self._lead(guest.leads)
        if guest.fate:
            raise guest.fate
        return guest.answer

    def _leads_at_once(self, guest: Guest[Item, Answer]) -> bool:
        with self._lock:
            if self._is_led:
                self._waiting.append(guest)
                return False
            guest.leads = Table([guest], self._hand_on)
            self._is_led = True
            return True

    def _wait(self, guest: Guest[Item, Answer]) -> None:
        if guest.wait(self._patience):
            return
        with self._lock:
            if guest in self._waiting:
                self._waiting.remove(guest)
                return
        guest.wait()  # it is its turn just now

    def _hand_on(self) -> None:
        """Who has waited longest leads next, and all who wait by now are its company."""
        with self._lock:
            some = min(len(self._waiting), self._at_most)
            guests = [self._waiting.popleft() for _ in range(some)]
            self._is_led = bool(guests)
        if guests:
            guests[0].leads = Table(guests, self._hand_on)
            guests[0].wake()

    def _lead(self, table: Table[Item, Answer]) -> None:
        try:
            self._serve(table)
        except SharedFate as fate:
            table.dissolve(fate)
        except BaseException as error:
            table.dissolve()
            if not isinstance(error, Exception):
                raise
            log.info("company_dissolved", guests=len(table.guests), error=type(error).__name__)
        finally:
            table.close()


_companies: "WeakSet[Company[Any, Any]]" = WeakSet()


def _begin_anew() -> None:
    for company in list(_companies):
        company.begin_anew()


os.register_at_fork(after_in_child=_begin_anew)
