"""Seal anew under the newest key whatever an older one sealed, beside the running service.

Which key a value is under stands in front of it, so it may be cut off anywhere and begun again.
Rows that somebody holds are passed by and come with the next pass: nobody is waited for with locks
in hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction
from django.db.models import BinaryField, F, Func, Model, Q, QuerySet, Value

from payments.crypto.fields import SealedField
from payments.crypto.keyring import CannotOpen, key_ring, mark_of_newest

BATCH = 200


@dataclass(frozen=True, slots=True)
class Column:
    """One sealed column."""

    model: type[Model]
    field: SealedField

    def __str__(self) -> str:
        return f"{self.model._meta.db_table}.{self.field.column}"

    def old(self) -> QuerySet[Any]:
        """The rows whose value is under another key than the newest."""
        name, mark = self.field.attname, mark_of_newest()
        begins: Any = Func(
            F(name), Value(2), Value(len(mark)), function="SUBSTR", output_field=BinaryField()
        )
        marked = self.rows().filter(**{f"{name}__isnull": False}).annotate(begins=begins)
        newest = Q(begins=Value(mark, output_field=BinaryField()))
        old: QuerySet[Any] = marked.filter(~newest).order_by("pk")
        return old

    def rows(self) -> QuerySet[Any]:
        """All of its table."""
        return QuerySet(self.model)


@dataclass(slots=True)
class Progress:
    """How many values of a column were sealed anew, and which rows cannot be opened."""

    resealed: int = 0
    unreadable: int = 0


def columns() -> list[Column]:
    """Every sealed column there is."""
    return [
        Column(model, field)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, SealedField)
    ]


def reseal(column: Column, batch: int = BATCH) -> Iterator[Progress]:
    """Seal a column anew; yields how far it is after each batch, a commit of its own.

    Over and again, until a pass finds nothing that it can seal.
    """
    progress, before = Progress(), -1
    while progress.resealed > before:
        before, last = progress.resealed, None
        progress.unreadable = 0
        while rows := _resealed(column, last, batch, progress):
            last = rows[-1]
            yield progress


def _resealed(column: Column, last: UUID | None, batch: int, progress: Progress) -> list[UUID]:
    """The rows of one batch, in their order."""
    rest = column.old().filter(pk__gt=last) if last else column.old()
    with transaction.atomic(durable=True):
        rows = list(rest.select_for_update(skip_locked=True, of=("self",))[:batch])
        for row in rows:
            _reseal_row(column, row, progress)
    return [row.pk for row in rows]


def _reseal_row(column: Column, row: Model, progress: Progress) -> None:
    try:
        anew = column.field.sealed_anew(row)
    except CannotOpen:
        progress.unreadable += 1
    else:
        column.rows().filter(pk=row.pk).update(**{column.field.attname: anew})
        progress.resealed += 1


def newest_key() -> str:
    """The id of the key that seals from now on."""
    return key_ring().newest
