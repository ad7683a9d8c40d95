"""When to try again: a table, and what holds for every luck."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.resilience.retry import ONCE, RetryPolicy, asked_pause

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


USUAL = RetryPolicy(attempts=6, base=seconds(0.5), longest=seconds(3))


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 0.5), (2, 1), (3, 2), (4, 3), (5, 3)])
def test_pauses_double_up_to_the_longest(attempt: int, ceiling: float) -> None:
    assert USUAL.pause_after(attempt, 1.0, HOUR) == seconds(ceiling)
    assert USUAL.pause_after(attempt, 0.0, HOUR) == seconds(0)
    assert USUAL.pause_after(attempt, 0.5, HOUR) == seconds(ceiling / 2)


def test_the_last_attempt_is_the_last() -> None:
    assert USUAL.pause_after(6, 0.5, HOUR) is None
    assert ONCE.pause_after(1, 0.0, HOUR) is None


def test_a_pause_that_would_use_up_the_time_is_not_made() -> None:
    assert USUAL.pause_after(1, 1.0, seconds(0.5)) is None
    assert USUAL.pause_after(1, 1.0, seconds(0.51)) == seconds(0.5)


def test_the_target_is_given_the_time_it_asks_for() -> None:
    assert USUAL.pause_after(1, 0.5, HOUR, asked=seconds(7)) == seconds(7.25)
    assert USUAL.pause_after(1, 0.5, seconds(7), asked=seconds(7)) is None


@given(
    attempt=st.integers(1, 10_000),
    luck=st.floats(0, 1),
    left=st.timedeltas(seconds(0), HOUR),
    asked=st.timedeltas(seconds(0), HOUR),
)
def test_whatever_the_luck_it_is_never_too_soon_and_never_too_late(
    attempt: int, luck: float, left: timedelta, asked: timedelta
) -> None:
    policy = RetryPolicy(attempts=20_000)
    pause = policy.pause_after(attempt, luck, left, asked)
    if pause is None:
        assert asked + luck * policy.ceiling(attempt) >= left
    else:
        assert asked <= pause <= asked + policy.longest
        assert pause < left


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("999999999999", 24 * 3600),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("soon", 0),
        ("-5", 0),
        ("1.5", 0),
        ("", 0),
        ("²", 0),
    ],
)
def test_a_retry_after_header_is_seconds_or_a_date(header: str, asked: int) -> None:
    assert asked_pause(header, NOON) == seconds(asked)


@given(st.text())
def test_no_header_is_an_accident(header: str) -> None:
    assert asked_pause(header, NOON) >= seconds(0)


@pytest.mark.parametrize("facts", [{"attempts": 0}, {"base": seconds(9)}, {"base": seconds(-1)}])
def test_a_policy_that_makes_no_sense_is_refused(facts: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="One attempt"):
        RetryPolicy(**facts)  # type: ignore[arg-type]
