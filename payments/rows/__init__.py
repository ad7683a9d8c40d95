"""Rows written and read by SQL that is put together once.

The mapper writes its statements anew at every call, which takes longer than the database needs to
carry them out. What happens at every payment is said here instead: models still tell the names and
spell the values, and what is written within `together` goes to the database in one round trip.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from django.db import OperationalError, connection
from django.db.models import Model

from payments.rows import writing
from payments.rows.reading import Reading
from payments.rows.writing import AlreadyThere, Form, Write

__all__ = [
    "AlreadyThere",
    "Entangled",
    "Reading",
    "insert",
    "insert_if_new",
    "insert_new",
    "leave",
    "left",
    "shared",
    "together",
    "update",
]
Row = TypeVar("Row", bound=Model)
_DEADLOCK = "40P01"


class Entangled(OperationalError):
    """Another transaction and this one waited for each other, and the database ended this one."""


@dataclass(slots=True)
class _Batch:
    """Writes that wait to be sent together."""

    waiting: list[Write] = field(default_factory=list)
    rows: set[tuple[type[Model], Any]] = field(default_factory=set)
    held: dict[tuple[type[Model], Any], Model] = field(default_factory=dict)
    left: dict[object, tuple[Any, ...]] = field(default_factory=dict)

    def add(self, row: Model, write: Write) -> None:
        name = (type(row), row.pk or object())  # without a key it is new, and like no other
        if name in self.rows:  # one statement sees a row as it was before, and writes it once
            self.send()
        self.waiting.append(write)
        self.rows.add(name)

    def send(self) -> None:
        writes, self.waiting = self.waiting, []
        self.rows.clear()
        if len(writes) > 1 and connection.vendor == "postgresql":
            writing.execute_joined(writes)
        else:
            for write in writes:
                writing.execute_demanding(write)

    def before(self, execute: Callable[..., Any], *statement: Any) -> Any:
        """Whatever else is said to the database is said after what waits here."""
        if self.waiting:
            self.send()
        return execute(*statement)


class _Here(threading.local):
    """What this thread's connection is about to be told."""

    batch: _Batch | None = None


_here = _Here()


@contextmanager
def together() -> Iterator[None]:
    """Send what is written inside at the end, or before anything else is asked; all or nothing.

    Stands inside a transaction: what is raised in between leaves nothing, and nothing is sent.
    """
    if _here.batch is not None:
        yield
        return
    batch = _here.batch = _Batch()
    try:
        with connection.execute_wrapper(batch.before):
            yield
            batch.send()
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == _DEADLOCK:
            raise Entangled(str(error)) from error
        raise
    finally:
        _here.batch = None


def shared(row: Row) -> Row:
    """The one instance of a locked row for all who hold it at once, one inside the other.

    Two instances would each count on from where they were read.
    """
    batch = _here.batch
    return cast("Row", batch.held.setdefault((type(row), row.pk), row)) if batch else row


def leave(name: object, found: tuple[Any, ...]) -> None:
    """Keep what was read and locked for whoever holds it next; only for what goes `together`."""
    if batch := _here.batch:
        batch.left[name] = found


def left(name: object) -> tuple[Any, ...]:
    """What was left under this name, once."""
    batch = _here.batch
    return batch.left.pop(name, ()) if batch else ()


def insert(row: Model, *, may_exist: bool = False) -> None:
    """Write a new row; with `may_exist`, leave one that is there already as it is."""
    form = writing.new_row(type(row), None) if may_exist else writing.new_row(type(row))
    _insert(row, form)


def insert_new(row: Model) -> None:
    """Write a row that must be new. Raises AlreadyThere, here or when it is sent."""
    _insert(row, writing.new_row(type(row), AlreadyThere))


def insert_if_new(row: Model) -> bool:
    """Write a new row at once, unless a unique constraint has one; answers whether it is ours.

    One statement that never fails: Django's own ways either raise (and cost a savepoint) or do
    not say who won. Two at once meet at the unique index, where one waits for the other.
    """
    is_ours = writing.execute(writing.filled_in(writing.new_row(type(row), None), row))
    row._state.adding = False  # noqa: SLF001 - as Django's own inserts do
    return is_ours


def update(row: Model, names: tuple[str, ...]) -> None:
    """Write these fields of a row that is there. Raises DatabaseError where it is not."""
    _say(row, writing.change(type(row), names))


def _insert(row: Model, form: Form) -> None:
    _say(row, form)
    row._state.adding = False  # noqa: SLF001 - as Django's own inserts do


def _say(row: Model, form: Form) -> None:
    write = writing.filled_in(form, row)
    if batch := _here.batch:
        batch.add(row, write)
    else:
        writing.execute_demanding(write)
