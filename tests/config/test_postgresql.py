"""A PostgreSQL that says nothing is turned away; one that says no is listened to."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import DataError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import CaptureQueriesContext
from psycopg import _queries

from config.postgresql.base import DatabaseWrapper

IS_THERE = connection.vendor == "postgresql"


@pytest.fixture(params=["postgresql"] if IS_THERE else [])
def hurried(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own, as the web has them, with little time."""
    monkeypatch.setattr(DatabaseWrapper, "patience", timedelta(seconds=0.3))
    monkeypatch.setattr(DatabaseWrapper, "ask_again_at", {})
    made = connection.copy()
    yield made
    made.close()


def ask(asked: BaseDatabaseWrapper, statement: str) -> None:
    with asked.cursor() as cursor:
        cursor.execute(statement)


def test_silence_ends_the_connection_and_for_a_moment_none_is_opened(
    hurried: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperationalError):
        ask(hurried, "SELECT pg_sleep(30)")
    assert not hurried.is_usable()
    hurried.close()
    with pytest.raises(OperationalError, match="left alone"):
        ask(hurried, "SELECT 1")
    monkeypatch.setattr(DatabaseWrapper, "ask_again_at", {})
    ask(hurried, "SELECT 1")


def test_an_answer_on_another_connection_says_that_it_is_back(
    hurried: BaseDatabaseWrapper,
) -> None:
    other = connection.copy()
    ask(other, "SELECT 1")
    with pytest.raises(OperationalError):
        ask(hurried, "SELECT pg_sleep(30)")
    ask(other, "SELECT 1")
    hurried.close()
    ask(hurried, "SELECT 1")
    other.close()


def test_an_error_of_its_own_is_an_answer(hurried: BaseDatabaseWrapper) -> None:
    with pytest.raises(DataError):
        ask(hurried, "SELECT 1 / 0")
    with pytest.raises(OperationalError, match="statement timeout"):
        ask(hurried, "SET statement_timeout = 50; SELECT pg_sleep(30)")
    assert hurried.is_usable()
    assert not DatabaseWrapper.ask_again_at


def test_without_a_bound_it_is_waited_for(
    hurried: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatabaseWrapper, "patience", None)
    ask(hurried, "SELECT pg_sleep(0.5)")


# Waits until they have ended.
END_OTHERS = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def hang_up() -> None:
    told = settings.DATABASES["default"]
    place = {"host": told["HOST"], "port": told["PORT"] or 5432, "user": told["USER"]}
    with psycopg.connect(**place, dbname=told["NAME"], autocommit=True) as other:
        other.execute(END_OTHERS)


if connection.vendor == "postgresql":

    @pytest.mark.django_db(transaction=True)
    def test_a_server_that_hung_up_is_noticed_without_a_question() -> None:
        connection.ensure_connection()
        with CaptureQueriesContext(connection) as heard:
            assert connection.is_usable()
            hang_up()
            assert not connection.is_usable()
        assert not heard.captured_queries
        connection.close()

    @pytest.mark.django_db(transaction=True)
    def test_the_next_request_after_that_has_a_connection_of_its_own() -> None:
        connection.ensure_connection()
        hang_up()
        connection.close_if_unusable_or_obsolete()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)

    @pytest.mark.django_db
    def test_a_long_statement_is_read_for_its_placeholders_once() -> None:
        sql = f"SELECT {' + '.join(['%s::int'] * 120)} AS {'long' * 10}_{'x' * 10}"
        before = _queries._query2pg.cache_info().hits
        with connection.cursor() as cursor:
            for _ in range(3):
                cursor.execute(sql, [1] * 120)
        assert _queries._query2pg.cache_info().hits >= before + 2
