"""Questions for whole rows, put together once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Model

from payments.rows.spelling import fields_of, quoted, row_of, spelled


@dataclass(frozen=True, slots=True)
class Reading:
    """A question for whole rows of several models at once.

    `{}` in its text stands for their columns; each model goes by the name that is given with it.
    With `locks` all of these rows stay ours until the transaction ends, locked in this order;
    with `passes` what somebody else has locked is not waited for, and is not in the answer.
    """

    text: str
    models: tuple[tuple[str, type[Model]], ...]
    locks: bool = False
    passes: bool = False

    def first(self, *values: Any) -> tuple[Any, ...]:
        """A row of each model, or nothing where there is no answer."""
        with connection.cursor() as cursor:
            cursor.execute(_sql(self), [spelled(value) for value in values])
            found = cursor.fetchone()
        return self._rows_in(found) if found else ()

    def all(self, *values: Any) -> Iterator[tuple[Any, ...]]:
        """A row of each model, as often as there is an answer."""
        with connection.cursor() as cursor:
            cursor.execute(_sql(self), [spelled(value) for value in values])
            found = cursor.fetchall()
        return (self._rows_in(each) for each in found)

    def _rows_in(self, found: Sequence[Any]) -> tuple[Any, ...]:
        told = iter(found)
        return tuple(row_of(it, islice(told, len(fields_of(it)))) for _, it in self.models)


@cache
def _sql(reading: Reading) -> str:
    each_of = [(name, each) for name, model in reading.models for each in fields_of(model)]
    read = reading.text.format(", ".join(f"{name}.{quoted(it.column)}" for name, it in each_of))
    names = ", ".join(name for name, _ in reading.models)
    can_lock = reading.locks and connection.features.has_select_for_update
    waiting = " SKIP LOCKED" if reading.passes else ""
    return f"{read} FOR UPDATE OF {names}{waiting}" if can_lock else read
