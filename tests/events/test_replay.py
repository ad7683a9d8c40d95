"""Telling durable receivers of stored events again."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from payments import signals, tasks
from payments.events import relay
from payments.events import replay as replay_module
from payments.events.durable import Handler
from payments.events.models import Delivery, StoredEvent
from payments.events.replay import chosen, receivers, schedule
from tests.events.receivers import handler, heard, keep, later, write
from webhooks.models import KnownDelivery

pytestmark = pytest.mark.django_db(transaction=True)
Subscribe = Callable[[Handler], Handler]


def keep_each_time(event: StoredEvent) -> None:
    name = f"{event.type} {event.aggregate_id} {event.sequence} {KnownDelivery.objects.count()}"
    KnownDelivery.objects.create(provider="keep", name=name)


def replay(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("replay_events", "--json", *arguments, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


@pytest.fixture
def _history(subscribe: Subscribe) -> None:
    """Two of one payment, one of another; a receiver of both kinds, one of the first alone."""
    both = (signals.payment_created, signals.payment_failed)
    subscribe(handler(keep_each_time, *both, name="both"))
    subscribe(handler(keep_each_time, name="created", acts_outside=True))
    write()
    write(signal=signals.payment_failed)
    write(about="p-2")
    tasks.deliver_events()
    tasks.deliver_outside()
    KnownDelivery.objects.all().delete()


@pytest.mark.usefixtures("_history")
def test_a_dry_run_counts_and_does_nothing() -> None:
    assert replay("--dry-run") == {"both": 3}
    assert replay("--dry-run", "--outside") == {"both": 3, "created": 2}
    assert (heard(), Delivery.objects.exclude(replay_id="").count()) == ([], 0)


@pytest.mark.usefixtures("_history")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), ["payment.created p-1 1", "payment.failed p-1 2", "payment.created p-2 1"]),
        (("--type", "payment.failed"), ["payment.failed p-1 2"]),
        (("--aggregate", "p-2"), ["payment.created p-2 1"]),
        (("--handler", "both", "--aggregate", "p-2"), ["payment.created p-2 1"]),
        (("--since", "2199-01-01T00:00:00Z"), []),
    ],
)
def test_the_chosen_events_are_told_again_in_their_order(
    arguments: tuple[str, ...], told: list[str]
) -> None:
    assert replay(*arguments) == {"both": len(told)}
    assert sorted(name.rpartition(" ")[0] for name in heard()) == sorted(told)
    of_one = [name.rpartition(" ")[0] for name in heard() if " p-1 " in name]
    assert of_one == [each for each in told if " p-1 " in each]


@pytest.mark.usefixtures("_history")
def test_what_acts_outside_is_told_again_only_by_name_and_on_purpose() -> None:
    with pytest.raises(CommandError, match="--outside"):
        replay("--handler", "created")
    assert heard() == []
    assert replay("--handler", "created", "--outside") == {"created": 2}
    assert len(heard()) == 2


@pytest.mark.usefixtures("_history")
def test_a_name_that_nobody_bears_is_answered_with_those_that_are_borne() -> None:
    with pytest.raises(CommandError, match="both, created"):
        replay("--handler", "nobody")


@pytest.mark.usefixtures("_history")
def test_until_ends_what_is_told_again() -> None:
    assert replay("--until", "2020-01-01T00:00:00Z") == {"both": 0}
    assert replay("--until", "2199-01-01T00:00:00Z") == {"both": 3}


@pytest.mark.usefixtures("_history")
def test_what_is_told_again_waits_for_what_is_new() -> None:
    list(schedule(chosen(), receivers("both")))
    write(about="p-3")
    (first, *others) = relay.due()
    assert first.aggregate_id == "p-3"
    assert {each.aggregate_id for each in others} == {"p-1", "p-2"}


def test_all_that_was_given_up_is_brought_in_its_old_place(subscribe: Subscribe) -> None:
    subscribe(handler(keep, is_strict=True))
    subscribe(handler(keep, name="letters", acts_outside=True))
    write(3)
    given_up = Delivery.objects.filter(sequence=1)
    given_up.update(status="dead", attempts=12, next_try_at=None)
    assert tasks.deliver_events() == 0  # it is strict
    assert replay("--given-up", "--dry-run", "--outside") == {"keep": 1, "letters": 1}
    assert given_up.filter(status="dead").count() == 2
    assert replay("--given-up") == {"keep": 1}
    assert heard() == ["p-1 1", "p-1 2", "p-1 3"]
    assert given_up.filter(status="dead").get().handler == "letters"
    assert replay("--given-up", "--handler", "letters") == {"letters": 1}
    assert not Delivery.objects.exclude(replay_id="").exists()


def test_a_long_history_is_told_while_others_write(
    subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(handler(keep_each_time))
    write(4)
    monkeypatch.setattr(replay_module, "_BATCH", 1)
    with ThreadPoolExecutor(1) as pool:
        for _ in schedule(chosen(), receivers("keep")):
            pool.submit(write_elsewhere).result()
    assert Delivery.objects.exclude(replay_id="").count() >= 4


def write_elsewhere() -> None:
    write(about="p-9")
    connection.close()


def test_hearing_again_has_no_second_effect_on_our_records(subscribe: Subscribe) -> None:
    """A receiver that could not bear it fails, and its writes go with it."""
    subscribe(handler(keep))
    write(2)
    tasks.deliver_events()
    replay()
    with later(hours=1):
        tasks.deliver_events()
    assert heard() == ["p-1 1", "p-1 2"]
