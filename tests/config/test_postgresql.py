"""What our backend for PostgreSQL spares, and what it must notice all the same."""

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from psycopg import _queries

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
