"""Who waits is served with whoever else waits: by one of them, in one turn."""

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial

import pytest

from webhooks.company import Company, SharedFate, Table

_said = ContextVar("said", default="nobody")
Host = Company[int, str]


class Kitchen:
    """Serves what it is asked for, and the first table only when it is told to."""

    def __init__(self, at_most: int = 16, patience: float = 60) -> None:
        self.tables: list[list[int]] = []
        self.is_open, self.has_begun, self.may_end = (threading.Event() for _ in range(3))
        self.company = Host(self.serve, at_most, patience)
        self.answers: dict[int, str | None] = {}
        self.faults: list[BaseException] = []

    def serve(self, table: Table[int, str]) -> None:
        items = [guest.item for guest in table.guests]
        self.tables.append(items)
        self.has_begun.set()
        assert self.is_open.wait(30)
        for guest in table.guests:
            guest.answer = guest.context.run(lambda item: f"{item} by {_said.get()}", guest.item)
        if 13 in items:
            raise ValueError("the thirteenth")
        if 666 in items:
            raise KeyboardInterrupt
        if 404 in items:
            raise SharedFate
        if 7 in items:
            table.close()
            assert self.may_end.wait(30)
            raise ValueError("after the end")

    def visit(self, item: int) -> None:
        _said.set(f"guest {item}")
        try:
            self.answers[item] = self.company.answer_for(item)
        except (KeyboardInterrupt, SharedFate) as fault:
            self.faults.append(fault)

    def _do_wait(self, guests: int) -> bool:
        return len(self.company._waiting) == guests

    def is_visited_by(self, *items: int) -> None:
        """The first comes alone; the others while it is served, in this order."""
        visitors = [threading.Thread(target=self.visit, args=(item,)) for item in items]
        for place, visitor in enumerate(visitors):
            visitor.start()
            assert self.has_begun.wait(30)
            _until(partial(self._do_wait, place))
        self.is_open.set()
        for visitor in visitors:
            visitor.join(30)
            assert not visitor.is_alive()


def _until(holds: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.001)


def test_who_comes_alone_is_served_alone_and_at_once() -> None:
    kitchen = Kitchen()
    kitchen.is_open.set()
    for item in (1, 2):
        kitchen.visit(item)
    assert kitchen.tables == [[1], [2]]
    assert kitchen.answers == {1: "1 by guest 1", 2: "2 by guest 2"}


def test_who_waits_is_served_with_all_who_wait_each_in_its_own_context() -> None:
    kitchen = Kitchen()
    kitchen.is_visited_by(1, 2, 3, 4)
    assert kitchen.tables == [[1], [2, 3, 4]]
    assert kitchen.answers == {item: f"{item} by guest {item}" for item in (1, 2, 3, 4)}


def test_no_table_is_larger_than_it_may_be() -> None:
    kitchen = Kitchen(at_most=2)
    kitchen.is_visited_by(1, 2, 3, 4)
    assert kitchen.tables == [[1], [2, 3], [4]]
    assert len(kitchen.answers) == 4


def test_where_serving_fails_all_of_that_table_go_alone() -> None:
    kitchen = Kitchen()
    kitchen.is_visited_by(1, 13, 2)
    assert kitchen.answers == {1: "1 by guest 1", 13: None, 2: None}
    kitchen.visit(5)
    assert kitchen.answers[5] == "5 by guest 5"


def test_a_leader_that_is_ended_leaves_nobody_waiting() -> None:
    kitchen = Kitchen()
    kitchen.is_visited_by(1, 666, 2)
    assert kitchen.answers == {1: "1 by guest 1", 2: None}
    assert [type(fault) for fault in kitchen.faults] == [KeyboardInterrupt]
    kitchen.visit(5)
    assert kitchen.answers[5] == "5 by guest 5"


def test_a_forked_child_waits_for_nobody_of_its_parent() -> None:
    kitchen = Kitchen()
    kitchen.is_open.set()
    kitchen.company._is_led = True  # as a thread of the parent left it
    kitchen.company.begin_anew()
    kitchen.visit(1)
    assert kitchen.answers == {1: "1 by guest 1"}


def test_what_would_befall_each_is_told_to_all_of_that_table_and_to_nobody_else() -> None:
    kitchen = Kitchen()
    kitchen.is_visited_by(1, 404, 2)
    assert kitchen.answers == {1: "1 by guest 1"}
    assert [type(fault) for fault in kitchen.faults] == [SharedFate, SharedFate]


def test_who_has_waited_long_enough_for_others_goes_alone() -> None:
    kitchen = Kitchen(patience=0.01)
    first = threading.Thread(target=kitchen.visit, args=(1,))
    first.start()
    assert kitchen.has_begun.wait(30)
    kitchen.visit(2)
    assert kitchen.answers == {2: None}
    kitchen.is_open.set()
    first.join(30)
    kitchen.visit(3)
    assert kitchen.answers == {1: "1 by guest 1", 2: None, 3: "3 by guest 3"}
    assert kitchen.tables == [[1], [3]]


def test_a_table_that_is_closed_lets_all_go_and_its_answers_stand() -> None:
    kitchen = Kitchen()
    first = threading.Thread(target=kitchen.visit, args=(7,))
    first.start()
    kitchen.is_open.set()
    _until(lambda: kitchen.has_begun.is_set() and not kitchen.company._is_led)
    kitchen.visit(2)
    assert kitchen.answers == {2: "2 by guest 2"}
    kitchen.may_end.set()
    first.join(30)
    assert kitchen.answers[7] == "7 by guest 7"


@pytest.mark.parametrize("visits", [300])
def test_of_many_who_come_at_any_time_each_is_served_once(visits: int) -> None:
    kitchen = Kitchen(at_most=3)
    kitchen.is_open.set()
    visitors = [threading.Thread(target=kitchen.visit, args=(n + 1000,)) for n in range(visits)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join(30)
    served = [item for table in kitchen.tables for item in table]
    assert sorted(served) == sorted(kitchen.answers) == [n + 1000 for n in range(visits)]
    assert all(kitchen.answers.values())
