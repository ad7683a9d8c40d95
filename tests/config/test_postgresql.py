"""A PostgreSQL that says nothing is turned away; one that says no is listened to."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import DataError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from config.postgresql.base import DatabaseWrapper

IS_THERE = connection.vendor == "postgresql"


@pytest.fixture(params=["postgresql"] if IS_THERE else [])
def hurried(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own, as the web has them, with little time."""
    monkeypatch.setattr(DatabaseWrapper, "patience", timedelta(seconds=0.3))
    monkeypatch.setattr(DatabaseWrapper, "ask_again_at", 0)
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
    monkeypatch.setattr(DatabaseWrapper, "ask_again_at", 0)
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
    assert DatabaseWrapper.ask_again_at == 0


def test_without_a_bound_it_is_waited_for(
    hurried: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatabaseWrapper, "patience", None)
    ask(hurried, "SELECT pg_sleep(0.5)")
