"""Statements about rows, each put together once; several go to the database as one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import chain
from typing import Any, NamedTuple

from django.db import DatabaseError, connection
from django.db.models import Field, Model

from payments.rows.spelling import (
    Fields,
    Ways,
    fields_of,
    new_fields_of,
    quoted,
    values_of,
    ways_of,
)

_UNLESS_THERE = " ON CONFLICT DO NOTHING"
# What needs no name of its type where many rows are changed at once; a length would cut it off.
_TEXT = ("varchar", "text")


class AlreadyThere(Exception):
    """A row that had to be new is there already, as a unique constraint would have it."""


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What is said of a row of a model: that it is new, or how these fields of it are now.

    `problem` is what it is to write nothing. There is one of each, so they are told apart at once;
    those that go together go in the order of their `place`, so that few statements come often.
    """

    model: type[Model]
    fields: Fields
    is_new: bool = True
    ending: str = ""
    problem: type[Exception] | None = DatabaseError
    ways: Ways = field(init=False)
    place: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ways", ways_of(self.fields))
        names = [self.model.__name__, *(each.attname for each in self.fields), self.ending]
        object.__setattr__(self, "place", " ".join(names))


class Write(NamedTuple):
    """A form, filled in for one row."""

    form: Form
    values: list[Any]


@cache
def new_row(model: type[Model], problem: type[Exception] | None = DatabaseError) -> Form:
    """A new row; unless the database itself is to find fault, one that is there stays as it is."""
    ending = "" if problem is DatabaseError else _UNLESS_THERE
    return Form(model, new_fields_of(model), ending=ending, problem=problem)


@cache
def change(model: type[Model], names: tuple[str, ...]) -> Form:
    """These fields of a row that is there."""
    key = fields_of(model)[:1]
    return Form(model, fields_of(model, names) + key, is_new=False)


def filled_in(form: Form, row: Model) -> Write:
    """What this form says of this row."""
    return Write(form, values_of(row, form.ways, is_new=form.is_new))


def execute(write: Write) -> bool:
    """Say it alone, at once. Answers whether a row was written."""
    with connection.cursor() as cursor:
        cursor.execute(_sql(write.form, 1), write.values)
        return bool(cursor.rowcount)


def execute_demanding(write: Write) -> None:
    """As `execute`. Raises the form's problem where nothing was written."""
    _demand(write.form, 1, int(execute(write)))


def execute_joined(writes: Sequence[Write]) -> None:
    """Say all of it in one statement, which sees every row as it was before.

    Raises the problem of a form that did not write as many rows as it was filled in for.
    """
    forms: dict[Form, list[Write]] = {}
    for write in writes:
        forms.setdefault(write.form, []).append(write)
    in_order = sorted(forms.items(), key=lambda each: each[0].place)
    counts = tuple((form, len(each)) for form, each in in_order)
    values = chain.from_iterable(write.values for _, each in in_order for write in each)
    with connection.cursor() as cursor:
        cursor.execute(_joined_sql(counts), list(values))
        for (form, wanted), written in zip(counts, cursor.fetchone(), strict=True):
            _demand(form, wanted, written)


def _demand(form: Form, wanted: int, written: int) -> None:
    if written < wanted and form.problem:
        raise form.problem(f"A row was not there to be written: {_sql(form, 1)[:60]}")


@lru_cache(maxsize=256)
def _joined_sql(counts: tuple[tuple[Form, int], ...]) -> str:
    """One statement of several, which says of each how many rows it wrote."""
    parts = [f"w{n} AS ({_sql(*each)} RETURNING 1)" for n, each in enumerate(counts)]
    told = [f"(SELECT count(*) FROM w{n})" for n in range(len(counts))]  # noqa: S608 - our names
    return f"WITH {', '.join(parts)} SELECT {', '.join(told)}"


@cache
def _sql(form: Form, rows: int) -> str:
    if form.is_new:
        return _insertion(form, rows)
    return _change_of_many(form, rows) if rows > 1 else _change(form)


def _insertion(form: Form, rows: int) -> str:
    names = ", ".join(quoted(each.column) for each in form.fields)
    places = ", ".join([_row(["%s"] * len(form.fields))] * rows)
    return f"INSERT INTO {_table(form)} ({names}) VALUES {places}{form.ending}"  # noqa: S608 - our names


def _change(form: Form) -> str:
    *fields, key = (quoted(each.column) for each in form.fields)
    news = ", ".join(f"{each} = %s" for each in fields)
    return f"UPDATE {_table(form)} SET {news} WHERE {key} = %s"  # noqa: S608 - our names


def _change_of_many(form: Form, rows: int) -> str:
    *fields, key = names = [quoted(each.column) for each in form.fields]
    news = ", ".join(f"{each} = v.{each}" for each in fields)
    places = ", ".join([_row([f"%s{_type_of(each)}" for each in form.fields])] * rows)
    table = _table(form)
    return (
        f"UPDATE {table} SET {news} FROM (VALUES {places}) AS v ({', '.join(names)})"  # noqa: S608 - our names
        f" WHERE {table}.{key} = v.{key}"
    )


def _row(places: list[str]) -> str:
    return f"({', '.join(places)})"


def _type_of(column: "Field[Any, Any]") -> str:
    """What a list of rows has to be told, where an update of one row knows by itself."""
    kind = column.db_type(connection) or ""
    return "" if kind.startswith(_TEXT) else f"::{kind}"


def _table(form: Form) -> str:
    return quoted(form.model._meta.db_table)
