"""Values as the database takes and gives them: by the models' own fields, found out once."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache, reduce
from typing import Any, TypeAlias
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    Field,
    ForeignKey,
    Model,
    TextField,
    UUIDField,
)
from django.db.models.expressions import Col

Fields: TypeAlias = "tuple[Field[Any, Any], ...]"
Ways: TypeAlias = "list[tuple[Field[Any, Any], str, type | None]]"
_Step = tuple[Callable[..., Any], Col]
# What a field of exactly this kind holds, if it is exactly this, is taken as it is …
_PLAIN: dict[type, type] = {CharField: str, TextField: str, BooleanField: bool}
# … and this where the database knows it too.
_NATIVE: dict[type, type] = {UUIDField: UUID, DateTimeField: datetime}


@cache
def fields_of(model: type[Model], names: tuple[str, ...] = ()) -> Fields:
    """These fields of a model, or all of them, the primary key first."""
    if names:
        return tuple(model._meta.get_field(name) for name in names)  # type: ignore[misc]
    return tuple(sorted(model._meta.concrete_fields, key=lambda each: not each.primary_key))


def new_fields_of(model: type[Model]) -> Fields:
    """What a new row is given: everything but the number that the database makes for it."""
    return tuple(each for each in fields_of(model) if each is not model._meta.auto_field)


def values_of(row: Model, ways: Ways, *, is_new: bool = False) -> list[Any]:
    """What fields of a row hold, as a statement takes it."""
    here = connections[DEFAULT_DB_ALIAS]  # `connection` would look it up for each value anew
    values = []
    for field, name, plain in ways:
        value = getattr(row, name)
        if plain is None or (value is not None and type(value) is not plain):
            value = field.get_db_prep_save(field.pre_save(row, is_new), here)
        values.append(value)
    return values


def ways_of(fields: Fields) -> Ways:
    """How each of these fields is spelled: by itself, but for what is taken as it is."""
    is_native = connection.features.has_native_uuid_field
    known = _PLAIN | _NATIVE if is_native else _PLAIN
    return [(each, each.attname, known.get(_kind(each))) for each in fields]


def _kind(field: "Field[Any, Any]") -> type:
    """What is pointed at tells what a pointer holds."""
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return type(None)
    return _kind(field.target_field) if isinstance(field, ForeignKey) else type(field)


def spelled(value: Any) -> Any:
    """A value that a question is asked with."""
    is_native = connection.features.has_native_uuid_field
    return value.hex if isinstance(value, UUID) and not is_native else value


def row_of(model: type[Model], values: Iterable[Any]) -> Model:
    """A model's instance from what was read of all its fields."""
    told = list(values)
    for place, steps in _conversions(model):
        told[place] = reduce(_converted, steps, told[place])
    return model.from_db(DEFAULT_DB_ALIAS, _names(model), told)


def _converted(value: Any, step: _Step) -> Any:
    convert, column = step
    return convert(value, column, connection)


@cache
def _names(model: type[Model]) -> list[str]:
    return [each.attname for each in fields_of(model)]


@cache
def _conversions(model: type[Model]) -> list[tuple[int, list[_Step]]]:
    """Of the values that are not read as they are: where they stand, and what is to be done."""
    found = enumerate(_steps(each) for each in fields_of(model))
    return [(place, steps) for place, steps in found if steps]


def _steps(field: "Field[Any, Any]") -> list[_Step]:
    column = field.get_col(field.model._meta.db_table)
    ours, theirs = connection.ops.get_db_converters(column), column.get_db_converters(connection)
    return [(convert, column) for convert in (*ours, *theirs)]


def quoted(name: str | None) -> str:
    """The name of a table or a column as a statement writes it."""
    return connection.ops.quote_name(str(name))
