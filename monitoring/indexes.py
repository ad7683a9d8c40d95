"""Which indexes the database lacks, keeps twice, or keeps for nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey, Model

_OURS = ("payments", "webhooks")
_NEVER_USED = """
    SELECT s.indexrelname FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid)
    WHERE s.relname = %s AND s.idx_scan = 0 AND NOT i.indisunique
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One index, or the want of one; `what` is missing, duplicate or unused."""

    what: str
    table: str
    index: str
    detail: str

    def __str__(self) -> str:
        return f"{self.what:9}  {self.table}  {self.index}: {self.detail}"


def findings() -> Iterator[Finding]:
    """Everything about our own tables. What is unused is told by PostgreSQL alone."""
    with connection.cursor() as cursor:
        for model in _our_models():
            found = connection.introspection.get_constraints(cursor, model._meta.db_table)
            yield from _missing(model, found)
            yield from _duplicate(model, found)
            if connection.vendor == "postgresql":
                yield from _unused(model, cursor)


def _our_models() -> list[type[Model]]:
    """Django's own tables are Django's business."""
    return [model for name in _OURS for model in apps.get_app_config(name).get_models()]


def _missing(model: type[Model], found: dict[str, Any]) -> Iterator[Finding]:
    """What the models declare and the database has not; and references that nothing leads to."""
    table = model._meta.db_table
    for index in model._meta.indexes:
        if index.name not in found:
            yield Finding("missing", table, index.name, "is declared; apply the migrations.")
    leads = {tuple(each["columns"] or ())[:1] for each in found.values() if _leads(each)}
    for field in model._meta.local_fields:
        if isinstance(field, ForeignKey) and (field.column,) not in leads:
            detail = "a reference without an index: deleting and joining read the whole table."
            yield Finding("missing", table, field.column, detail)


def _leads(constraint: dict[str, Any]) -> bool:
    return bool(constraint["index"] or constraint["unique"] or constraint["primary_key"])


def _duplicate(model: type[Model], found: dict[str, Any]) -> Iterator[Finding]:
    """An index that begins another one of the same order says nothing that the other does not."""
    partial = {each.name for each in model._meta.indexes if each.condition is not None}
    partial |= {each.name for each in model._meta.constraints if getattr(each, "condition", None)}
    whole = {
        name: _columns_of(each)
        for name, each in found.items()
        if _leads(each) and name not in partial and _is_ordinary(name, each)
    }
    for (name, columns), (other, longer) in permutations(whole.items(), 2):
        is_prefix = longer[: len(columns)] == columns and (len(longer), other) > (
            len(columns),
            name,
        )
        if is_prefix and not found[name]["unique"] and not found[name]["primary_key"]:
            yield Finding("duplicate", model._meta.db_table, name, f"{other} begins with the same.")


def _columns_of(constraint: dict[str, Any]) -> list[tuple[str, str]]:
    columns = constraint["columns"]
    orders = constraint.get("orders") or ["ASC"] * len(columns)
    return list(zip(columns, orders, strict=True))


def _is_ordinary(name: str, constraint: dict[str, Any]) -> bool:
    """Of columns, in the usual order: Django names those for patterns `…_like`."""
    is_usual = constraint.get("type") in (None, "", "idx", "btree")
    return is_usual and all(constraint["columns"] or [None]) and not name.endswith("_like")


def _unused(model: type[Model], cursor: Any) -> Iterator[Finding]:
    table = model._meta.db_table
    cursor.execute(_NEVER_USED, [table])
    for (name,) in cursor.fetchall():
        yield Finding("unused", table, name, "was not read since the statistics were last reset.")
