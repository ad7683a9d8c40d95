"""Operators see what receivers could not be told of, bring it again, and replay events."""

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from payments import tasks
from payments.admin import outbox
from payments.events.durable import Handler
from payments.events.models import Delivery
from tests.events.conftest import subscribe
from tests.events.receivers import handler, heard, keep, later, write

__all__ = ["subscribe"]
pytestmark = pytest.mark.django_db(transaction=True)
AGAIN = "admin:payments_delivery_bring_again"
ALL_AGAIN = "admin:payments_delivery_bring_all_again"
REPLAY = "admin:payments_delivery_replay_events"


@pytest.fixture
def delivery(subscribe: Callable[[Handler], Handler]) -> Delivery:
    subscribe(handler(keep))
    write()
    return Delivery.objects.get()


def test_what_was_given_up_is_brought_again_with_a_reason(
    delivery: Delivery, console: Client
) -> None:
    Delivery.objects.update(status="dead", attempts=12, next_try_at=None)
    page = console.get(reverse("admin:payments_storedevent_change", args=[delivery.event_id]))
    assert b"dead" in page.content
    address = reverse(AGAIN, args=[delivery.pk])
    assert b"field is required" in console.post(address, {"reason": ""}).content
    console.post(address, {"reason": "its mail server is back"})
    assert tasks.deliver_events() == 1
    assert heard() == ["p-1 1"]
    assert LogEntry.objects.get().change_message == "Brought again: its mail server is back"


def test_all_that_a_receiver_gave_up_is_counted_and_brought_again(
    delivery: Delivery, console: Client
) -> None:
    write(about="p-2")
    Delivery.objects.update(status="dead", attempts=12, next_try_at=None)
    form = {"receiver": "keep", "reason": "its disk is empty"}
    counted = console.post(reverse(ALL_AGAIN), form | {"only_count": "on"}, follow=True)
    assert b"2 deliveries would be brought to keep again" in counted.content
    assert tasks.deliver_events() == 0
    console.post(reverse(ALL_AGAIN), form)
    assert tasks.deliver_events() == 2
    message = LogEntry.objects.get().change_message
    assert message == "2 given up brought again: its disk is empty"


def test_more_than_a_page_can_wait_for_is_left_to_the_command(
    delivery: Delivery, console: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_MOST_BY_HAND", 0)
    form = {"receiver": "keep", "type": "payment.created", "reason": "a new receiver"}
    told = console.post(reverse(REPLAY), form, follow=True)
    assert b"manage.py replay_events" in told.content
    assert Delivery.objects.count() == 1


def test_what_is_done_is_not_brought_again(delivery: Delivery, console: Client) -> None:
    tasks.deliver_events()
    answer = console.post(reverse(AGAIN, args=[delivery.pk]), {"reason": "to be sure"}, follow=True)
    assert b"nothing was changed" in answer.content
    assert tasks.deliver_events() == 0


def test_events_are_counted_before_they_are_replayed(delivery: Delivery, console: Client) -> None:
    tasks.deliver_events()
    form = {"receiver": "keep", "type": "payment.created", "reason": "a new receiver"}
    counted = console.post(reverse(REPLAY), form | {"only_count": "on"}, follow=True)
    assert b"would hear of 1 events again" in counted.content
    assert Delivery.objects.count() == 1
    told = console.post(reverse(REPLAY), form, follow=True)
    assert b"hears of 1 events again" in told.content
    with later(seconds=1):
        assert tasks.deliver_events() == 1
    assert Delivery.objects.count() == 2
