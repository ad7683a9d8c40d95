"""Recorded calls, played again: when a breaker would have opened, what it spared and lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from payments.models import GatewayCall
from payments.resilience.policy import Policy
from payments.services.rehearsal import Findings, Outage, Rehearsal, recorded, rehearse
from tests.factories import GatewayCallFactory, GatewayOperationFactory

BEGIN = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
NAME = "paytabs-create-page"
BRISK = Policy(minimum_requests=2, window=timedelta(seconds=10), reset_timeout=timedelta(seconds=5))

Play = Callable[..., Findings]


def at(second: float) -> datetime:
    return BEGIN + timedelta(seconds=second)


def call(second: float, outcome: str, took: float = 0.1) -> GatewayCall:
    spent = timedelta(seconds=took)
    return GatewayCall(breaker=NAME, started_at=at(second), duration=spent, outcome=outcome)


def played(*calls: GatewayCall, policy: Policy = BRISK) -> Findings:
    rehearsal = Rehearsal(NAME, policy)
    for each in calls:
        rehearsal.play(each)
    return rehearsal.finish()


def test_it_opens_when_the_call_that_decides_has_ended_and_closes_with_a_good_trial() -> None:
    found = played(
        call(0, "failure"),
        call(1, "timeout", took=2),
        call(4, "failure"),
        call(5, "success"),
        call(9, "success"),
        call(10, "success"),
    )
    assert found.outages == [Outage(at(3), "error-rate", at(9.1))]
    assert (found.calls, found.failed) == (6, 3)
    assert (found.saved, found.lost) == (1, 1)
    assert found.open_for == timedelta(seconds=6.1)


def test_failed_trials_prolong_an_outage_and_are_no_new_one() -> None:
    found = played(
        call(0, "failure"), call(1, "failure"), call(7, "failure"), call(30, "success")
    )  # fmt: skip
    assert found.outages == [Outage(at(1.1), "error-rate", at(30.1), failed_trials=1)]


def test_an_outage_without_an_end_lasts_to_the_end_of_the_last_call() -> None:
    found = played(call(0, "failure"), call(1, "failure"), call(4.1, "success"))
    assert found.outages == [Outage(at(1.1), "error-rate")]
    assert found.open_for == timedelta(seconds=3.1)


def test_slow_calls_open_it_too() -> None:
    policy = Policy(minimum_requests=2, slow_call=timedelta(seconds=1))
    found = played(call(0, "success", took=2), call(1, "success", took=2), policy=policy)
    assert [outage.reason for outage in found.outages] == ["slow-rate"]


def test_calls_that_were_under_way_together_end_in_their_own_order() -> None:
    """The second ends first, and its failure alone decides nothing."""
    found = played(call(0, "failure", took=5), call(1, "failure", took=1), call(3, "success"))
    assert found.outages == [Outage(at(3.1), "error-rate")]
    assert (found.saved, found.lost) == (0, 0)


def test_what_was_refused_then_proves_nothing_either_way() -> None:
    found = played(*[call(number, "refused", took=0) for number in range(20)])
    assert (found.calls, found.refused_then, found.outages) == (20, 20, [])
    assert (found.saved, found.lost) == (0, 0)


def test_a_trial_that_was_refused_then_closes_nothing() -> None:
    found = played(call(0, "failure"), call(1, "failure"), call(20, "refused", took=0))
    assert found.outages == [Outage(at(1.1), "error-rate")]


def test_what_never_left_counts_for_nothing() -> None:
    assert played(*[call(number, "ignored") for number in range(20)]).outages == []


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["success", "failure", "timeout"]))))
def test_every_call_is_spared_lost_or_made(steps: list[tuple[int, str]]) -> None:
    calls, second = [], 0
    for gap, outcome in steps:
        second += gap
        calls.append(call(second, outcome, took=gap / 10))
    found = played(*calls)
    assert found.calls == len(calls)
    assert found.failed == sum(each.outcome != "success" for each in calls)
    assert found.saved <= found.failed
    assert found.lost <= len(calls) - found.failed
    assert timedelta(0) <= found.open_for


@given(st.lists(st.sampled_from(["success", "failure"]), max_size=40))
def test_a_breaker_that_is_never_judged_never_opens(outcomes: list[str]) -> None:
    calls = [call(number, outcome) for number, outcome in enumerate(outcomes)]
    found = played(*calls, policy=Policy(minimum_requests=1000))
    assert (found.outages, found.saved, found.lost) == ([], 0, 0)


@pytest.mark.django_db
def test_the_recorded_calls_of_one_breaker_are_played_in_the_order_in_which_they_began() -> None:
    for second in (2, 0, 1):
        GatewayCallFactory.create(breaker=NAME, started_at=at(second), outcome="failure")
    GatewayCallFactory.create(breaker="paytabs-verify", started_at=at(0))
    rehearsal = Rehearsal(NAME, BRISK)
    numbers = list(rehearse(recorded(NAME, since=at(1)), rehearsal))
    found: Any = rehearsal.finish()
    assert numbers == [1, 2]
    assert (found.first_at, found.last_at) == (at(1), at(2.2))


@pytest.mark.django_db
def test_what_was_answered_with_a_decline_is_refused_and_no_payment_is_lost_by_it() -> None:
    for second in (0, 1):
        GatewayCallFactory.create(breaker=NAME, started_at=at(second), outcome="failure")
    declined = GatewayOperationFactory.create(outcome="declined")
    paid = GatewayOperationFactory.create(outcome="succeeded")
    for second, operation in ((2, declined), (3, paid), (4, paid)):
        GatewayCallFactory.create(
            breaker=NAME, started_at=at(second), outcome="excluded", operation=operation
        )
    rehearsal = Rehearsal(NAME, BRISK)
    assert len(list(rehearse(recorded(NAME, since=None), rehearsal))) == 5
    found = rehearsal.finish()
    assert (found.lost, found.lost_payments) == (3, 1)


@pytest.mark.django_db
def test_calls_are_read_together_with_what_became_of_them() -> None:
    for second in range(5):
        GatewayCallFactory.create(breaker=NAME, started_at=at(second), outcome="failure")
    for second in (5, 6):
        GatewayCallFactory.create(breaker=NAME, started_at=at(second))
    with CaptureQueriesContext(connection) as queries:
        list(rehearse(recorded(NAME, since=None), Rehearsal(NAME, BRISK)))
    assert len(queries) == 1
