"""Rows written and read by SQL that is put together once.

The mapper writes its statements anew at every call, which takes longer than the database needs to
carry them out. What happens at every payment is said here instead: models still tell the names and
spell the values, and what is written within `together` goes to the database in one round trip.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, reduce
from itertools import islice
from typing import Any, TypeAlias, TypeVar, cast
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, DatabaseError, OperationalError, connection, connections
from django.db.models import Field, Model
from django.db.models.expressions import Col

_Fields: TypeAlias = "tuple[Field[Any, Any], ...]"
Row = TypeVar("Row", bound=Model)
_Step = tuple[Callable[..., Any], Col]
_UNLESS_THERE = " ON CONFLICT DO NOTHING"
_DEADLOCK = "40P01"


class AlreadyThere(Exception):
    """A row that had to be new is there already, as a unique constraint would have it."""


class Entangled(OperationalError):
    """Another transaction and this one waited for each other, and the database ended this one."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A statement about one row, the values that go with it, and what it is to write nothing."""

    sql: str
    values: list[Any]
    problem: type[Exception] | None = DatabaseError

    def demand(self, has_written: bool) -> None:
        if not has_written and self.problem:
            raise self.problem(f"A row was not there to be written: {self.sql[:60]}")


@dataclass(slots=True)
class _Batch:
    """Writes that wait to be sent together."""

    waiting: list[_Write] = field(default_factory=list)
    rows: set[tuple[type[Model], Any]] = field(default_factory=set)
    held: dict[tuple[type[Model], Any], Model] = field(default_factory=dict)
    left: dict[object, tuple[Any, ...]] = field(default_factory=dict)

    def add(self, row: Model, write: _Write) -> None:
        name = (type(row), row.pk or object())  # without a key it is new, and like no other
        if name in self.rows:  # one statement sees a row as it was before, and writes it once
            self.send()
        self.waiting.append(write)
        self.rows.add(name)

    def send(self) -> None:
        writes, self.waiting = self.waiting, []
        self.rows.clear()
        if len(writes) > 1 and connection.vendor == "postgresql":
            _execute_joined(writes)
        else:
            for write in writes:
                _execute(write)

    def before(self, execute: Callable[..., Any], *statement: Any) -> Any:
        """Whatever else is said to the database is said after what waits here."""
        if self.waiting:
            self.send()
        return execute(*statement)


_batch: ContextVar[_Batch | None] = ContextVar("batch", default=None)


@contextmanager
def together() -> Iterator[None]:
    """Send what is written inside at the end, or before anything else is asked; all or nothing.

    Stands inside a transaction: what is raised in between leaves nothing, and nothing is sent.
    """
    if _batch.get() is not None:
        yield
        return
    batch = _Batch()
    token = _batch.set(batch)
    try:
        with connection.execute_wrapper(batch.before):
            yield
            batch.send()
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == _DEADLOCK:
            raise Entangled(str(error)) from error
        raise
    finally:
        _batch.reset(token)


def shared(row: Row) -> Row:
    """The one instance of a locked row for all who hold it at once, one inside the other.

    Two instances would each count on from where they were read.
    """
    batch = _batch.get()
    return cast("Row", batch.held.setdefault((type(row), row.pk), row)) if batch else row


def leave(name: object, found: tuple[Any, ...]) -> None:
    """Keep what was read and locked for whoever holds it next; only for what goes `together`."""
    if batch := _batch.get():
        batch.left[name] = found


def left(name: object) -> tuple[Any, ...]:
    """What was left under this name, once."""
    batch = _batch.get()
    return batch.left.pop(name, ()) if batch else ()


def insert(row: Model, *, may_exist: bool = False) -> None:
    """Write a new row; with `may_exist`, leave one that is there already as it is."""
    _insert(row, None if may_exist else DatabaseError, _UNLESS_THERE if may_exist else "")


def insert_new(row: Model) -> None:
    """Write a row that must be new. Raises AlreadyThere, here or when it is sent."""
    _insert(row, AlreadyThere, _UNLESS_THERE)


def _insert(row: Model, problem: type[Exception] | None, ending: str) -> None:
    values = _values(row, _written(type(row)), is_new=True)
    _say(row, _Write(_insert_sql(type(row)) + ending, values, problem))
    row._state.adding = False  # noqa: SLF001 - as Django's own inserts do


def insert_if_new(row: Model) -> bool:
    """Write a new row at once, unless a unique constraint has one; answers whether it is ours.

    One statement that never fails: Django's own ways either raise (and cost a savepoint) or do
    not say who won. Two at once meet at the unique index, where one waits for the other.
    """
    values = _values(row, _written(type(row)), is_new=True)
    with connection.cursor() as cursor:
        cursor.execute(_insert_sql(type(row)) + _UNLESS_THERE, values)
        row._state.adding = False  # noqa: SLF001 - as Django's own inserts do
        return bool(cursor.rowcount)


def update(row: Model, names: tuple[str, ...]) -> None:
    """Write these fields of a row that is there. Raises DatabaseError where it is not."""
    values = [*_values(row, _fields(type(row), names)), *_values(row, (type(row)._meta.pk,))]
    _say(row, _Write(_update_sql(type(row), names), values))


def _say(row: Model, write: _Write) -> None:
    if batch := _batch.get():
        batch.add(row, write)
    else:
        _execute(write)


def _execute(write: _Write) -> None:
    with connection.cursor() as cursor:
        cursor.execute(write.sql, write.values)
        write.demand(cursor.rowcount == 1)


def _execute_joined(writes: list[_Write]) -> None:
    with connection.cursor() as cursor:
        values = [value for write in writes for value in write.values]
        cursor.execute(_joined_sql(tuple(write.sql for write in writes)), values)
        for write, has_written in zip(writes, cursor.fetchone(), strict=True):
            write.demand(has_written)


@cache
def _joined_sql(statements: tuple[str, ...]) -> str:
    """One statement of several, which says of each whether it wrote its row."""
    parts = [f"w{n} AS ({sql} RETURNING 1)" for n, sql in enumerate(statements)]
    told = [f"EXISTS (SELECT FROM w{n})" for n in range(len(statements))]
    return f"WITH {', '.join(parts)} SELECT {', '.join(told)}"


@dataclass(frozen=True, slots=True)
class Reading:
    """A question for whole rows of several models at once.

    `{}` in its text stands for their columns; each model goes by the name that is given with it.
    With `locks` all of these rows stay ours until the transaction ends, locked in this order.
    """

    text: str
    models: tuple[tuple[str, type[Model]], ...]
    locks: bool = False

    def first(self, *values: Any) -> tuple[Any, ...]:
        """A row of each model, or nothing where there is no answer."""
        with connection.cursor() as cursor:
            cursor.execute(_select_sql(self), [_spelled(value) for value in values])
            found = cursor.fetchone()
        told = iter(found or ())
        each = (_row_of(model, islice(told, len(_fields(model)))) for _, model in self.models)
        return tuple(each) if found else ()


def _row_of(model: type[Model], values: Iterable[Any]) -> Model:
    names = [each.attname for each in _fields(model)]
    pairs = zip(values, _converters(model), strict=True)
    return model.from_db("default", names, [reduce(_converted, steps, it) for it, steps in pairs])


def _converted(value: Any, step: _Step) -> Any:
    convert, column = step
    return convert(value, column, connection)


def _spelled(value: Any) -> Any:
    is_native = connection.features.has_native_uuid_field
    return value.hex if isinstance(value, UUID) and not is_native else value


@cache
def _converters(model: type[Model]) -> list[list[_Step]]:
    columns = [each.get_col(model._meta.db_table) for each in _fields(model)]
    ours, fields = connection.ops.get_db_converters, Col.get_db_converters
    return [
        [(convert, column) for convert in (*ours(column), *fields(column, connection))]
        for column in columns
    ]


@cache
def _fields(model: type[Model], names: tuple[str, ...] = ()) -> _Fields:
    """These fields of a model, or all of them, the primary key first."""
    if names:
        return tuple(model._meta.get_field(name) for name in names)  # type: ignore[misc]
    return tuple(sorted(model._meta.concrete_fields, key=lambda each: not each.primary_key))


def _written(model: type[Model]) -> _Fields:
    """What a new row is given: everything but the number that the database makes for it."""
    return tuple(each for each in _fields(model) if each is not model._meta.auto_field)


def _values(row: Model, fields: _Fields, *, is_new: bool = False) -> list[Any]:
    here = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up for each value anew
    return [each.get_db_prep_save(each.pre_save(row, is_new), here) for each in fields]


@cache
def _select_sql(reading: Reading) -> str:
    each_of = [(name, each) for name, model in reading.models for each in _fields(model)]
    read = reading.text.format(", ".join(f"{name}.{_quoted(it.column)}" for name, it in each_of))
    names = ", ".join(name for name, _ in reading.models)
    can_lock = reading.locks and connection.features.has_select_for_update
    return f"{read} FOR UPDATE OF {names}" if can_lock else read


@cache
def _insert_sql(model: type[Model]) -> str:
    names = [_quoted(each.column) for each in _written(model)]
    places = ", ".join(["%s"] * len(names))
    table = _quoted(model._meta.db_table)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - our names


@cache
def _update_sql(model: type[Model], names: tuple[str, ...]) -> str:
    news = ", ".join(f"{_quoted(each.column)} = %s" for each in _fields(model, names))
    table, key = _quoted(model._meta.db_table), _quoted(model._meta.pk.column)
    return f"UPDATE {table} SET {news} WHERE {key} = %s"  # noqa: S608 - our names


def _quoted(name: str | None) -> str:
    return connection.ops.quote_name(str(name))
