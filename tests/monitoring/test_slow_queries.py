"""What was slow is in the log: its shape, its time, its conversation, and never a value."""

from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.db import connection, connections, transaction
from pytest_django import Settings

from monitoring.slow_queries import _watched, shape_of
from payments.events import context
from payments.models import Payment
from tests.factories import PaymentFactory


@pytest.fixture
def logged(settings: Settings) -> Any:
    settings.SLOW_QUERY_THRESHOLD = timedelta(0)
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.mark.django_db
def test_a_slow_statement_is_logged_without_its_values(logged: list[dict[str, Any]]) -> None:
    PaymentFactory.create(reference="order-of-amal")
    logged.clear()
    list(Payment.objects.filter(reference="order-of-amal", amount__gt=12_345))
    (line,) = [each for each in logged if each["event"] == "slow_query"]
    assert line["statement"].startswith('SELECT "payments_payment"."id"')
    assert line["ms"] >= 0
    for value in ("order-of-amal", "12345"):
        assert value not in str(line)


@pytest.mark.django_db
def test_it_stands_in_its_conversation(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SLOW_QUERY_THRESHOLD = timedelta(0)
    with context.bound(correlation_id="c-7"):
        Payment.objects.exists()
    line: Any = caplog.records[-1].msg
    assert (line["event"], line["correlation_id"]) == ("slow_query", "c-7")


@pytest.mark.django_db
def test_what_is_quick_is_not_logged(settings: Settings) -> None:
    settings.SLOW_QUERY_THRESHOLD = timedelta(hours=1)
    with structlog.testing.capture_logs() as lines:
        Payment.objects.exists()
    assert lines == []


@pytest.mark.django_db
def test_a_statement_that_fails_is_logged_too(logged: list[dict[str, Any]]) -> None:
    with (
        pytest.raises(Exception, match="nothing_of_ours"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT * FROM nothing_of_ours")
    assert "SELECT * FROM nothing_of_ours" in [each["statement"] for each in logged]


@pytest.mark.django_db(transaction=True)
def test_a_connection_is_watched_once_however_often_it_is_opened() -> None:
    for _ in range(3):
        connection.close()
        connection.ensure_connection()
    watchers = [each for each in connections["default"].execute_wrappers if "_watched" in str(each)]
    assert len(watchers) == 1


@pytest.mark.django_db(transaction=True)
def test_it_takes_its_place_before_those_who_listen_for_a_while() -> None:
    def listen(execute: Any, *statement: Any) -> Any:
        return execute(*statement)

    connection.close()
    connection.execute_wrappers.clear()
    with connection.execute_wrapper(listen):
        connection.ensure_connection()
        places = connection.execute_wrappers
        assert places.index(_watched) < places.index(listen)


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("SELECT 1", "SELECT ?"),
        (
            "SELECT a\n  FROM b WHERE c = 'it''s Amal' LIMIT 21",
            "SELECT a FROM b WHERE c = ? LIMIT ?",
        ),
        ("WHERE id IN (%s, %s, %s)", "WHERE id IN (%s, …)"),
        (
            "INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s)",
            "INSERT INTO t (a, b) VALUES (%s, …), …",
        ),
        ("UPDATE table2 SET a1 = 2.5", "UPDATE table2 SET a1 = ?"),
    ],
)
def test_the_shape_of_a_statement(sql: str, shape: str) -> None:
    assert shape_of(sql) == shape
