"""Every index is there, and none is kept twice."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

pytestmark = pytest.mark.django_db
TABLE = "payments_payment"


def check() -> tuple[int, list[tuple[str, str, str]]]:
    out = StringIO()
    code: object = 0
    try:
        call_command("check_indexes", "--json", stdout=out)
    except SystemExit as ended:
        code = ended.code
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    told = [(each["what"], each["table"], each["index"]) for each in found]
    assert isinstance(code, int)
    return code, [each for each in told if each[0] != "unused"]


def test_our_own_tables_have_every_index_and_none_twice() -> None:
    assert check() == (0, [])


def test_an_index_that_somebody_dropped_is_missed() -> None:
    connection.cursor().execute("DROP INDEX payment_by_reference")
    assert check() == (1, [("missing", TABLE, "payment_by_reference")])


def test_an_index_that_another_begins_with_is_told() -> None:
    connection.cursor().execute(f"CREATE INDEX twice ON {TABLE} (reference)")
    assert check() == (1, [("duplicate", TABLE, "twice")])


def test_a_reference_that_nothing_leads_to_is_told() -> None:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "payments_dispute")
        (name,) = [
            name
            for name, each in found.items()
            if each["index"] and each["columns"] == ["operation_id"] and not each["unique"]
        ]
        cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
    assert check() == (1, [("missing", "payments_dispute", "operation_id")])
