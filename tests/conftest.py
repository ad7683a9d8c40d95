"""What every test stands on: a database of this run's own, and a cache that starts empty."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import settings as django_settings
from django.core.management.color import Style
from django.core.management.commands import flush
from django.db import connection
from pytest_django import DjangoDbBlocker, Settings

from payments import remembered
from payments.events.guards import AppendOnly
from payments.resilience import registry
from payments.services.breakers import make_breaker
from tests import secrets_watch
from tests.callers import api, provider
from webhooks import seen

__all__ = ["api", "provider"]
END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
# Who opens the web's door opens it in this process, whose own work may take its time.
django_settings.DATABASE_TIMEOUT = None
_TRUTH = "time to truth"
_GROWING = ("payments_storedevent", "payments_posting", "payments_anchor")
_MIGRATED = ("django_content_type", "auth_permission")
HISTORY = [AppendOnly(table) for table in _GROWING]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two runs at once, and the workers of one run, must not meet in one test database.

    SQLite's is a file, as in production: in memory, threads would share one connection's locks.
    """
    database = django_settings.DATABASES["default"]
    name: str | Path = f"test_ballast_{os.getpid()}"
    if database["ENGINE"].endswith("sqlite3"):
        name = tmp_path_factory.mktemp("database") / "test.sqlite3"
    database.setdefault("TEST", {})["NAME"] = str(name)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Tests are emptied after themselves, which an append-only table would not suffer.

    At the end a live server's thread may still hold a connection, and the database could not
    be dropped.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for guarded in HISTORY:
            for statement in guarded.releases(connection.vendor):
                cursor.execute(statement)
    setattr(connection.ops, "sql_flush", _emptied)  # noqa: B010 - a method, to the type checker
    setattr(flush, "emit_post_migrate_signal", _nothing_new)  # noqa: B010 - as above
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(END_OTHERS)


def _emptied(style: Style, tables: Iterable[str], **_: Any) -> list[str]:
    """After a test most tables are empty; TRUNCATE writes each of them anew to the disk."""
    emptied = [table for table in tables if table not in _MIGRATED]
    return [f"DELETE FROM {connection.ops.quote_name(table)}" for table in emptied]


def _nothing_new(*_: Any, **__: Any) -> None:
    """What migrating wrote stays where it is, so it need not be written after each test."""


def pytest_configure() -> None:
    django_settings.MIDDLEWARE.insert(0, "tests.secrets_watch.WatchAnswers")


@pytest.fixture(autouse=True, scope="session")
def _watch_for_secrets() -> Iterator[None]:
    with secrets_watch.watching():
        yield


@pytest.fixture(autouse=True)
def _no_secret_is_written() -> Iterator[None]:
    """Whatever a test is about: no log line, no row and no answer of it bears a secret."""
    yield
    found, secrets_watch.found[:] = list(secrets_watch.found), []
    assert not found, f"Secrets were written: {found}"


@pytest.fixture(autouse=True)
def _empty_cache(settings: Settings) -> None:
    """A prefix of its own for each test; clearing would empty the whole Redis database."""
    settings.REDIS_KEY_PREFIX = prefix = f"{settings.REDIS_KEY_PREFIX}-{uuid4().hex}"
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": prefix}}
    remembered.start_anew()
    seen.start_anew()
    registry.configure(make_breaker)  # none of them has seen a call yet


@pytest.fixture(autouse=True, scope="session")
def _clean_redis() -> Iterator[None]:
    """Leave nothing behind in a Redis that was lent to us, and touch nothing else in it."""
    yield
    if django_settings.REDIS_URL:
        with redis.Redis.from_url(django_settings.REDIS_URL) as client:
            for key in client.scan_iter(f"*{django_settings.REDIS_KEY_PREFIX}-*"):
                client.delete(key)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How long it took until the truth was known, of each call whose answer was lost."""
    reports = terminalreporter.stats.get("passed", [])
    told = [fact for report in reports for name, fact in report.user_properties if name == _TRUTH]
    if told:
        terminalreporter.section("seconds from a lost answer to the truth")
    for name, what, seconds in sorted(told, key=lambda fact: (fact[1], fact[0])):
        terminalreporter.line(f"{what:<24}{name:<12}{seconds:>8.0f}")
