"""Many rows from one: the SQL that copies what the service made itself, under numbered names.

The last twelve characters of each name give way to a number of twelve digits, in every column in
which they stand. A hundred thousand payments are there in seconds, and each is one that the
service would have made.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models


def copy_statement(
    row: models.Model, tails: Sequence[str], instead: Mapping[str, str] | None = None
) -> str:
    """An INSERT with `{first}` and `{last}` in place of the numbers.

    `instead` has SQL for columns that differ in another way; a row's number is `n` there.
    """
    meta = row._meta
    fields = [each for each in meta.concrete_fields if not isinstance(each, models.AutoField)]
    columns = [connection.ops.quote_name(str(field.column)) for field in fields]
    table, key = meta.db_table, meta.pk.column
    copied = [_copied(*pair, tails) for pair in zip(fields, _stored(row, columns), strict=True)]
    given = instead or {}
    made_of = [given.get(str(each.column), sql) for each, sql in zip(fields, copied, strict=True)]
    return (
        "WITH RECURSIVE numbers(n) AS"  # noqa: S608 - our own names, and no value but the key
        " (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})"
        f" INSERT INTO {table} ({', '.join(columns)})"
        f" SELECT {', '.join(made_of)} FROM {table}, numbers"
        f" WHERE {table}.{key} = '{_key_of(row)}'"
    )


def _stored(row: models.Model, columns: list[str]) -> Sequence[Any]:
    table, key = row._meta.db_table, row._meta.pk.column
    with connection.cursor() as cursor:
        asked = f"SELECT {', '.join(columns)} FROM {table} WHERE {key} = %s"  # noqa: S608
        cursor.execute(asked, [_key_of(row)])
        found: Sequence[Any] = cursor.fetchone()
        return found


def _key_of(row: models.Model) -> Any:
    return row._meta.pk.get_db_prep_value(row.pk, connection)


def _copied(field: "models.Field[Any, Any]", value: Any, tails: Sequence[str]) -> str:
    """The column as it stands, or with numbers for tails."""
    column = connection.ops.quote_name(str(field.column))
    if isinstance(value, bytes | memoryview) or not any(tail in str(value) for tail in tails):
        return column
    text = f"CAST({column} AS text)"
    for tail in tails:
        text = f"replace({text}, '{tail}', CAST(n AS text))"
    return f"CAST({text} AS {field.db_type(connection)})"
