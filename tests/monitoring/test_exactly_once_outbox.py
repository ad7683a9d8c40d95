"""The audit finds what receivers were never told, and what nobody brings them."""

import pytest
from pytest_django import Settings

from monitoring.exactly_once.audit import Audit
from payments import tasks
from payments.models import Delivery
from tests.events.receivers import later
from tests.monitoring.books import Books, rules
from tests.payments.test_settle import new_payment

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def books() -> Books:
    for _ in range(3):
        new_payment()
    return Books()


def summary(books: Books) -> tuple[int, int, int]:
    audit = Audit(books)
    assert [found for batch in audit.run() for found in batch] == []
    name = "deliveries"
    given_up = audit.left_to_people["deliveries given up"]
    return audit.checked[name], audit.under_way[name], given_up


def test_what_waits_is_under_way_and_what_was_given_up_is_a_persons(books: Books) -> None:
    assert summary(books) == (3, 3, 0)
    tasks.deliver_events()
    Delivery.objects.filter(pk=Delivery.objects.latest("pk").pk).update(status="dead")
    assert summary(books) == (3, 0, 1)


def test_a_delivery_that_nobody_brings_is_found(books: Books) -> None:
    with later(hours=1):
        assert rules(books) == {"events_are_brought"}


def test_an_event_that_a_receiver_was_never_told_of_is_found(books: Books) -> None:
    tasks.deliver_events()
    Delivery.objects.latest("event__timestamp").delete()
    assert rules(books) == {"who_must_hear_has_a_delivery"}


def test_what_was_forgotten_in_time_is_not_missed(books: Books, settings: Settings) -> None:
    tasks.deliver_events()
    with later(days=settings.RETENTION_DELIVERIES_DAYS + 1):
        new_payment()
        tasks.deliver_events()
        assert tasks.prune_deliveries() == 3
        assert rules(books) == set()
