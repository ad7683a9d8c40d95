"""`manage.py breakers`: what it prints, what it does, and whom it refuses."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from payments.models import BreakerControl, StoredEvent
from payments.resilience import registry
from payments.resilience.errors import CallRefused
from tests.factories import GatewayCallFactory

NAME = "paytabs-create-page"
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


class Terminal(StringIO):
    """Looks like one."""

    def isatty(self) -> bool:
        return True


def said(*words: str, stderr: StringIO | None = None) -> str:
    out = StringIO()
    call_command("breakers", *words, stdout=out, stderr=stderr or StringIO())
    return out.getvalue()


def told(*words: str) -> Any:
    return json.loads(said(*words, "--json"))


@pytest.mark.django_db(transaction=True)
class TestActing:
    def test_the_list_shows_every_breaker(self) -> None:
        registry.get(NAME).call(str)
        lines = said().splitlines()
        assert lines[0].split()[:3] == ["NAME", "STATE", "MODE"]
        line = next(line for line in lines if line.startswith(NAME))
        assert " ".join(line.split()) == f"{NAME} closed auto 0 % of 50 0 % of 50 1 0"

    def test_the_list_is_what_the_api_tells(self) -> None:
        names = [each["name"] for each in told("list")]
        assert {NAME, "paytabs-verify"} < set(names)
        only = told("list", "paytabs-verify")
        assert [each["name"] for each in only] == ["paytabs-verify"]
        assert only[0]["configuration"]["reset_timeout"] == "30 s"

    def test_a_process_that_counts_alone_says_so(self, settings: Any) -> None:
        settings.REDIS_URL = ""
        notes = StringIO()
        said(stderr=notes)
        assert "Without Redis each process counts for itself" in notes.getvalue()

    def test_open_reset_disable_and_release_are_orders_with_actor_and_reason(self) -> None:
        deeds = {"open": "open", "reset": "closed", "disable": "closed", "release": "closed"}
        for deed, state in deeds.items():
            assert f"{NAME} is {state}" in said(deed, NAME, "--reason", f"because of {deed}")
        events = StoredEvent.objects.filter(type__regex="forced|reset").order_by("sequence")
        assert [event.data["reason"] for event in events] == [f"because of {d}" for d in deeds]
        assert {event.metadata["user_id"] for event in events} == {"shell"}

    def test_an_opened_one_refuses_and_says_so_in_json(self) -> None:
        assert told("open", NAME)["forced"] == "forced-open"
        with pytest.raises(CallRefused):
            registry.get(NAME).call(str)

    @pytest.mark.parametrize("until", ["2026-11-21T03:30:00Z", "30m"])
    @time_machine.travel(NOW, tick=False)
    def test_until_is_a_moment_or_a_distance(self, until: str) -> None:
        said("open", NAME, "--until", until)
        assert BreakerControl.objects.get().until == NOW + timedelta(minutes=30)
        event = StoredEvent.objects.get()
        assert event.data["next_retry_at"] == "2026-11-21T03:30:00+00:00"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["reset", "nobody-create"], "there are: paytabs-create-page"),
        (["reset"], "there are: paytabs-create-page"),
        (["simulate", "nobody-create"], "There is no breaker 'nobody-create'"),
        (["explode", NAME], "invalid choice: 'explode'"),
        (["reset", NAME, "--until", "30m"], "--until does not go with reset"),
        (["open", NAME, "--until", "2020-01-01T00:00:00Z"], "is over already"),
        (["open", NAME, "--until", "2030-01-01T00:00:00"], "has no zone"),
        (["open", NAME, "--until", "soon"], "is no duration"),
        (["simulate", NAME, "--minimum-requests", "0"], "counts from one upwards"),
        (["simulate", NAME, "--error-rate", "lots"], "invalid float value: 'lots'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(words: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        said(*words)
    assert not BreakerControl.objects.exists()


# Rehearsals.


def record(*outcomes: str) -> None:
    for second, outcome in enumerate(outcomes):
        started_at = NOW + timedelta(seconds=second)
        GatewayCallFactory.create(breaker=NAME, started_at=started_at, outcome=outcome)


@pytest.mark.django_db
def test_other_thresholds_are_rehearsed_and_the_breaker_itself_is_left_alone() -> None:
    record("success", "failure", "failure", "failure", "success")
    assert "Times it would have opened: 0" in said("simulate", NAME)
    report = said("simulate", NAME, "--minimum-requests", "3", "--error-rate", "60")
    assert "5 calls from 2026-11-21 03:00:00 to 2026-11-21 03:00:04:" in report
    assert "Times it would have opened: 1, for 0:00:02 in all." in report
    assert "2026-11-21 03:00:02  error-rate, and stayed open" in report
    assert "Failing calls it would have spared: 1.\n" in report
    assert "would have refused: 1, declined ones included" in report
    assert "payments among them that succeeded: 0." in report
    assert registry.get(NAME).statistics().totals.fires == 0


@pytest.mark.django_db
def test_a_rehearsal_in_json() -> None:
    record(*["failure"] * 3, "success")
    flags = ("--minimum-requests", "2", "--reset-timeout", "1s", "--window", "5s")
    found = told("simulate", NAME, *flags)
    assert found["name"] == NAME
    assert found["outages"] == [
        {
            "opened_at": "2026-11-21T03:00:01.200Z",
            "reason": "error-rate",
            "closed_at": "2026-11-21T03:00:03.200Z",
            "failed_trials": 0,
        }
    ]
    assert (found["saved"], found["lost"], found["open_for"]) == (1, 0, 2)
    assert found["configuration"]["window"] == "5 s"


@pytest.mark.django_db
def test_the_volume_that_is_set_does_not_outweigh_the_minimum_that_is_asked_for(
    settings: Any,
) -> None:
    settings.CIRCUIT_BREAKERS = {NAME: {"volume_threshold": 50}}
    record("failure", "failure")
    assert told("simulate", NAME)["outages"] == []
    assert len(told("simulate", NAME, "--minimum-requests", "2")["outages"]) == 1


@pytest.mark.django_db
@time_machine.travel(NOW + timedelta(hours=2), tick=False)
def test_since_leaves_older_calls_out() -> None:
    record("failure", "failure")
    assert told("simulate", NAME)["calls"] == 2
    assert told("simulate", NAME, "--since", "2026-11-21T03:00:01Z")["calls"] == 1
    assert told("simulate", NAME, "--since", "3h")["calls"] == 2
    assert said("simulate", NAME, "--since", "1h") == "No call of it is recorded.\n"


@pytest.mark.django_db
def test_on_a_terminal_a_rehearsal_shows_how_far_it_is() -> None:
    record("success", "success")
    terminal = Terminal()
    said("simulate", NAME, stderr=terminal)
    assert "2/2" in terminal.getvalue()
    nowhere = StringIO()
    said("simulate", NAME, stderr=nowhere)
    assert nowhere.getvalue() == ""
