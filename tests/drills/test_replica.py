"""Lists are read from a replica that keeps up; who changed something reads it at once, always."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.drills.copies import Copies
from tests.drills.stage import in_time

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def running() -> Iterator[Copies]:
    """Not in pytest's own folder: PostgreSQL runs as somebody else, who may not look in there."""
    with TemporaryDirectory(prefix="drill-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with Copies(folder) as copies:
            yield copies


@pytest.fixture
def copies(running: Copies) -> Iterator[Copies]:
    """All well, before and after."""
    yield running
    running.recover()


def test_others_are_told_by_the_replica_and_who_changed_something_by_the_primary(
    copies: Copies,
) -> None:
    known = copies.create()
    in_time(lambda: known in copies.listed_for(copies.reader))
    copies.standby.pause()
    made = copies.create()
    assert made not in copies.listed_for(copies.reader)  # it asked the replica
    assert made in copies.listed_for(copies.writer)


def test_a_replica_that_lags_is_left_until_it_has_caught_up(copies: Copies) -> None:
    copies.standby.pause()
    made = copies.create()
    in_time(lambda: made in copies.listed_for(copies.reader))
    assert "the primary answers" in copies.health()
    copies.standby.asked("SELECT pg_wal_replay_resume()")
    in_time(lambda: copies.health() == "ok")
    copies.standby.pause()
    assert copies.create() not in copies.listed_for(copies.reader)  # it is asked again


def test_a_replica_that_is_gone_is_missed_by_nobody(copies: Copies) -> None:
    made = copies.create()
    in_time(lambda: made in copies.listed_for(copies.reader))
    copies.standby.stop()
    later = copies.create()
    for _ in range(3):
        assert {made, later} <= set(copies.listed_for(copies.reader))
    assert "the primary answers" in copies.health()


def test_a_replica_that_hangs_keeps_nobody_waiting_for_ever(copies: Copies) -> None:
    made = copies.create()
    in_time(lambda: made in copies.listed_for(copies.reader))
    copies.standby.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(8) as readers:  # as many as the web has threads, and more
        told = list(readers.map(copies.listed_for, [copies.reader] * 8))
    assert all(made in payments for payments in told)
    assert "the primary answers" in copies.health()


def test_a_replica_that_was_made_a_primary_is_believed_no_more(copies: Copies) -> None:
    copies.standby.promote()
    made = copies.create()
    in_time(lambda: made in copies.listed_for(copies.reader))
    assert "the primary answers" in copies.health()
