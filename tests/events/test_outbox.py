"""An event reaches every durable receiver, in order and with one effect, whatever breaks."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from payments import leases, signals, tasks, turns
from payments.events import context, durable, relay
from payments.events.durable import Handler
from payments.events.models import Delivery, StoredEvent
from tests.events.receivers import (
    Killed,
    handler,
    heard,
    keep,
    keep_and_die,
    keep_and_stumble,
    later,
    write,
)
from webhooks.models import KnownDelivery

pytestmark = pytest.mark.django_db(transaction=True)
Subscribe = Callable[[Handler], Handler]
Status = Delivery.Status
_listened: list[Any] = []


def listen(event: StoredEvent) -> None:
    _listened.extend([event, context.current()])


def steal_the_delivery(event: StoredEvent) -> None:
    keep(event)
    Delivery.objects.update(lease_token="0" * 32)


def statuses() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("status", flat=True))


def deliver_at_any_distance(times: int) -> None:
    for hours in range(times):
        with later(hours=hours):
            tasks.deliver_events()


# --- written with the event


def test_a_delivery_is_one_commit_with_its_event(subscribe: Subscribe) -> None:
    subscribe(handler(keep))
    with transaction.atomic():
        write(2)
        transaction.set_rollback(True)
    assert not StoredEvent.objects.exists()
    assert not Delivery.objects.exists()


def test_only_who_subscribed_hears_of_an_event(subscribe: Subscribe) -> None:
    subscribe(handler(keep))
    write(signal=signals.payment_failed)
    assert not Delivery.objects.exists()
    write()
    assert tasks.deliver_events() == 1
    assert heard() == ["p-1 2"]


def test_a_receiver_is_a_function_of_a_module_under_one_name(subscribe: Subscribe) -> None:
    subscribe(handler(keep))
    for wrong in (handler(keep), handler(lambda event: None, name="other")):
        with pytest.raises(ValueError, match="stands in its module"):
            subscribe(wrong)


def test_nobody_subscribes_once_the_service_has_started() -> None:
    with pytest.raises(RuntimeError, match="while the apps are loaded"):
        durable.durable_receiver(signals.payment_created)(keep)


def test_a_receiver_hears_one_event_once_only_by_one_delivery(subscribe: Subscribe) -> None:
    subscribe(handler(keep))
    (event,) = write()
    with pytest.raises(IntegrityError):
        Delivery.objects.create(event=event, handler="keep", aggregate_id="p-1", sequence=1)


# --- brought


def test_a_receiver_knows_the_conversation_and_what_caused_it(subscribe: Subscribe) -> None:
    subscribe(handler(listen))
    _listened.clear()
    with context.bound(correlation_id="c-1", actor="user:1", source="api"):
        (event,) = write()
    tasks.deliver_events()
    told, here = _listened
    assert told == event
    assert isinstance(here, context.Context)
    assert (here.correlation_id, here.causation_id, here.source) == ("c-1", str(event.pk), "relay")
    assert context.current().causation_id == ""


def test_the_events_of_one_history_are_heard_in_order(subscribe: Subscribe) -> None:
    subscribe(handler(keep))
    write(3)
    write(2, about="p-2")
    assert tasks.deliver_events() == 5
    assert [name for name in heard() if name.startswith("p-1")] == ["p-1 1", "p-1 2", "p-1 3"]


def test_an_event_waits_for_the_one_before_it(subscribe: Subscribe) -> None:
    subscribe(handler(keep))
    write(2)
    first = Delivery.objects.get(sequence=1)
    Delivery.objects.filter(pk=first.pk).update(next_try_at=timezone.now() + timedelta(hours=1))
    assert tasks.deliver_events() == 0
    with later(hours=2):
        assert tasks.deliver_events() == 2
    assert heard() == ["p-1 1", "p-1 2"]


def test_what_is_critical_is_heard_of_first(subscribe: Subscribe) -> None:
    subscribe(handler(keep, signals.payment_created, signals.dispute_opened))
    write()
    write(about="p-2", signal=signals.dispute_opened)
    assert tasks.deliver_events() == 2
    assert heard() == ["p-2 1", "p-1 1"]


# --- crashes


def test_an_effect_and_the_end_of_its_delivery_are_one_commit(subscribe: Subscribe) -> None:
    subscribe(handler(keep_and_die))
    write()
    with pytest.raises(Killed):
        tasks.deliver_events()
    assert heard() == []
    assert statuses() == ["leased"]


def test_what_a_dead_relay_had_taken_is_taken_over_after_its_lease(subscribe: Subscribe) -> None:
    subscribe(handler(keep))
    write(2)
    relay.take(relay.due())
    with later(seconds=59):
        assert tasks.deliver_events() == 0
    with later(seconds=61):
        assert tasks.deliver_events() == 2
    assert heard() == ["p-1 1", "p-1 2"]


def test_a_relay_that_wakes_up_late_has_no_second_effect(subscribe: Subscribe) -> None:
    subscribe(handler(keep))
    write()
    (late,) = relay.take(relay.due())
    with later(seconds=61):
        assert tasks.deliver_events() == 1
        relay.deliver([late])
    assert heard() == ["p-1 1"]
    assert statuses() == ["done"]


def test_who_loses_the_lease_at_work_keeps_nothing_of_it(subscribe: Subscribe) -> None:
    """Acting outside it cannot be undone; what is written down is the new holder's."""
    subscribe(handler(steal_the_delivery, acts_outside=True))
    write()
    tasks.deliver_outside()
    assert statuses() == ["leased"]


def test_what_acts_outside_is_told_again_with_the_same_event_after_a_crash(
    subscribe: Subscribe,
) -> None:
    subscribe(handler(keep_and_die, acts_outside=True))
    write()
    with pytest.raises(Killed):
        tasks.deliver_outside()
    KnownDelivery.objects.all().delete()
    with later(minutes=4), pytest.raises(Killed):
        tasks.deliver_outside()
    assert heard() == ["p-1 1"]


def test_no_transaction_is_open_while_something_acts_outside(subscribe: Subscribe) -> None:
    subscribe(handler(open_a_durable_transaction, acts_outside=True))
    write()
    tasks.deliver_outside()
    assert statuses() == ["done"]


def open_a_durable_transaction(event: StoredEvent) -> None:
    with transaction.atomic(durable=True):
        keep(event)


def test_a_broker_that_is_gone_costs_nothing_but_time(
    subscribe: Subscribe, settings: Settings
) -> None:
    subscribe(handler(keep))
    write()  # nobody is called here: the tests' broker has no worker
    with later(hours=1):
        assert tasks.deliver_events() == 1


# --- failures


def test_a_receiver_that_fails_is_told_again_later_and_leaves_nothing(
    subscribe: Subscribe,
) -> None:
    subscribe(handler(keep_and_stumble))
    write()
    before = timezone.now()
    tasks.deliver_events()
    (delivery,) = Delivery.objects.all()
    assert (delivery.status, delivery.attempts, delivery.last_error) == ("ready", 1, "ValueError")
    assert delivery.next_try_at
    assert delivery.next_try_at <= before + timedelta(seconds=2)
    assert heard() == []


def test_after_so_many_failures_it_is_dead_and_hinders_nobody(subscribe: Subscribe) -> None:
    subscribe(handler(keep_and_stumble))
    subscribe(handler(keep, name="steady"))
    write(2)
    deliver_at_any_distance(relay.RETRIES.attempts * 2 + 2)
    assert (
        list(Delivery.objects.filter(handler="keep").values_list("status", "attempts"))
        == [("dead", relay.RETRIES.attempts)] * 2
    )
    assert heard() == ["p-1 1", "p-1 2"]


def test_a_strict_receiver_hears_nothing_more_of_a_history_with_a_gap(
    subscribe: Subscribe,
) -> None:
    subscribe(handler(keep_and_stumble, is_strict=True))
    write(2)
    deliver_at_any_distance(relay.RETRIES.attempts + 2)
    assert statuses() == ["dead", "ready"]


def test_what_kills_its_relay_ends_dead_and_takes_no_other_with_it(
    subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "give_back", lambda *_, **__: None)  # the dead give nothing
    subscribe(handler(die_of_the_first))
    write()
    write(about="p-2")
    for minutes in range(relay.RETRIES.attempts):
        with later(minutes=2 * minutes), pytest.raises(Killed):
            tasks.deliver_events()
    with later(hours=1):
        tasks.deliver_events()
    assert statuses() == ["dead", "done"]
    assert heard() == ["p-2 1"]


def test_one_that_fails_among_many_fails_alone(subscribe: Subscribe) -> None:
    subscribe(handler(stumble_over_the_first))
    for name in ("p-1", "p-2", "p-3"):
        write(about=name)
    tasks.deliver_events()
    assert statuses() == ["ready", "done", "done"]
    assert heard() == ["p-2 1", "p-3 1"]


def test_what_is_taken_together_is_one_commit(subscribe: Subscribe) -> None:
    subscribe(handler(keep))
    for number in range(5):
        write(about=f"p-{number}")
    with CaptureQueriesContext(connection) as queries:
        assert tasks.deliver_events() == 5
    commits = [each for each in queries if each["sql"] == "COMMIT"]
    assert len(commits) == 3  # the lease, what was brought, and nothing more to lease


def test_many_events_of_other_histories_come_as_one_list(subscribe: Subscribe) -> None:
    subscribe(Handler("listen", listen_to_all, (signals.payment_created,), in_batches=True))
    _listened.clear()
    write(2)
    write(about="p-2")
    tasks.deliver_events()
    assert [[event.aggregate_id for event in each] for each in _listened] == [
        ["p-1", "p-2"],
        ["p-1"],
    ]


def listen_to_all(events: list[StoredEvent]) -> None:
    _listened.append(events)


def stumble_over_the_first(event: StoredEvent) -> None:
    keep(event)
    if event.aggregate_id == "p-1":
        raise ValueError("of this one alone")


def die_of_the_first(event: StoredEvent) -> None:
    if event.aggregate_id == "p-1":
        raise Killed
    keep(event)


def test_what_nobody_here_knows_waits_for_a_newer_release_and_then_for_a_person(
    subscribe: Subscribe,
) -> None:
    subscribe(handler(keep))
    write()
    Delivery.objects.update(handler="of_another_version")
    for minutes in range(0, 60, 2):
        with later(minutes=minutes):
            tasks.deliver_events()
    assert list(Delivery.objects.values_list("status", "attempts")) == [("ready", 0)]
    with later(minutes=62):
        tasks.deliver_events()
    assert statuses() == ["parked"]


def test_what_a_newer_release_knows_it_is_brought_by_that(
    subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(handler(keep))
    monkeypatch.setattr(signals.payment_created, "version", 2)
    write()
    monkeypatch.setattr(signals.payment_created, "version", 1)
    tasks.deliver_events()
    assert (statuses(), heard()) == (["ready"], [])
    monkeypatch.setattr(signals.payment_created, "version", 2)
    with later(minutes=2):
        assert tasks.deliver_events() == 1
    assert heard() == ["p-1 1"]


def test_an_event_of_an_unknown_type_hinders_no_other(
    subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(handler(keep))
    with monkeypatch.context() as tomorrow:
        tomorrow.setattr(signals.payment_created, "name", "payment.of_tomorrow")
        tomorrow.setattr(durable, "_by_signal", {"payment.of_tomorrow": durable.all_handlers()})
        write()
    write(about="p-2")
    assert tasks.deliver_events() == 2
    assert (statuses(), heard()) == (["ready", "done"], ["p-2 1"])


# --- bounds


def keep_of_each(event: StoredEvent) -> None:
    KnownDelivery.objects.create(provider="keep", name=str(KnownDelivery.objects.count()))


def test_letters_are_written_by_one_worker_at_a_time_and_keep_nobody_waiting(
    subscribe: Subscribe,
) -> None:
    subscribe(handler(and_meanwhile, acts_outside=True))
    subscribe(handler(keep, name="ours"))
    write()
    write(about="p-2")
    _listened.clear()
    assert tasks.deliver_outside() == 2
    assert _listened == [0, 2, 0, 0]  # another worker's letters, and what it brought besides
    assert heard() == ["p-1 1", "p-2 1"]
    assert tasks.deliver_outside() == 0


def and_meanwhile(_: StoredEvent) -> None:
    _listened.extend([tasks.deliver_outside(), tasks.deliver_events()])


def test_a_turn_that_its_holders_death_left_behind_ends_by_itself() -> None:
    with turns.turn("letters", timedelta(minutes=3)) as is_ours:
        assert is_ours
        with turns.turn("letters", timedelta(minutes=3)) as is_theirs:
            assert not is_theirs
        with later(minutes=4), turns.turn("letters", timedelta(minutes=3)) as is_theirs:
            assert is_theirs
            with turns.turn("letters", timedelta(minutes=3)) as is_ours_again:
                assert not is_ours_again
    with turns.turn("letters", timedelta(minutes=3)) as is_ours:
        assert is_ours


def test_a_batch_that_takes_long_is_given_back_unbegun(
    subscribe: Subscribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        subscribe(handler(keep_of_each, name=name))
    write()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        deliver = relay.deliver

        def slowly(portion: list[Delivery]) -> None:
            deliver(portion)
            clock.shift(40)

        monkeypatch.setattr(relay, "deliver", slowly)
        drain = relay.drain()
        next(drain)
        drain.close()
    assert sorted(statuses()) == ["done", "ready", "ready"]
    assert set(Delivery.objects.filter(status="ready").values_list("attempts", flat=True)) == {0}


def test_done_deliveries_are_forgotten_and_what_waits_for_a_person_is_kept(
    subscribe: Subscribe, settings: Settings
) -> None:
    subscribe(handler(keep))
    write(2)
    tasks.deliver_events()
    Delivery.objects.filter(sequence=2).update(status="dead")
    with later(days=settings.RETENTION_DELIVERIES_DAYS - 1):
        assert tasks.prune_deliveries() == 0
    with later(days=settings.RETENTION_DELIVERIES_DAYS + 1):
        assert tasks.prune_deliveries() == 1
    assert statuses() == ["dead"]


@pytest.mark.parametrize(
    "nonsense",
    [
        {"status": "leased"},
        {"status": "done"},
        {"status": "lost", "next_try_at": None},
        {"lease_token": "0" * 32},
        {"next_try_at": None},
    ],
)
def test_the_database_refuses_a_delivery_that_makes_no_sense(
    nonsense: dict[str, object], subscribe: Subscribe
) -> None:
    subscribe(handler(keep))
    write()
    with pytest.raises(DatabaseError):
        Delivery.objects.update(**nonsense)
