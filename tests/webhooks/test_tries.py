"""How often an event is taken up: tries of our own, takes without an end, and when a batch ends."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone
from pytest_django import Settings

from payments import leases, outcomes
from payments.gateways.contract import Unreadable
from payments.gateways.messages import GatewayEvent
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation
from tests.fakes import FakeTransport
from tests.webhooks.deliveries import deliver, kept, later, news, open_page
from webhooks import inbox, roads, tasks, worker
from webhooks.models import PaymentWebhookEvent


@pytest.fixture
def operation(transactional_db: None, provider: FakeTransport) -> GatewayOperation:
    return open_page()


@pytest.fixture
def _workers_apply(settings: Settings) -> None:
    settings.WEBHOOK_PROCESSING = "worker"


@pytest.fixture
def _broken(operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("in the middle of settling")

    monkeypatch.setattr(outcomes, "apply", die)


@pytest.mark.usefixtures("_broken")
def test_a_provider_that_sends_again_and_again_uses_up_none_of_our_tries(
    operation: GatewayOperation,
) -> None:
    for _ in range(8):
        assert deliver(news(operation)).status_code == 500
    row = PaymentWebhookEvent.objects.get()
    assert (row.attempts, row.tries) == (8, 1)
    assert row.next_try_at is not None
    with later(11):
        assert tasks.apply_due_events() == 1
    row.refresh_from_db()
    assert row.tries == 2


@pytest.mark.usefixtures("_broken", "_workers_apply")
def test_a_workers_first_failure_is_tried_again_on_the_first_step(
    operation: GatewayOperation,
) -> None:
    deliver(news(operation))
    with later():
        assert tasks.apply_due_events() == 1
        row = PaymentWebhookEvent.objects.get()
        assert row.next_try_at == timezone.now() + inbox.RETRIES[0]


def test_what_was_taken_and_not_tried_is_no_try(operation: GatewayOperation) -> None:
    row, _ = kept(operation)
    with later(minutes=6):
        (taken,) = worker.take(worker.due())
    with later(minutes=12):
        assert worker.try_again(taken).startswith("left")
    row.refresh_from_db()
    assert (row.tries, row.attempts) == (1, 1)


class Killed(BaseException):
    """What nobody catches: the process is gone."""


def die_with(monkeypatch: pytest.MonkeyPatch, deadly: str) -> None:
    """Applying this event kills whoever does."""
    apply = worker.apply

    def applied(row: PaymentWebhookEvent, event: GatewayEvent) -> str:
        if row.event_id == deadly:
            raise Killed
        return apply(row, event)

    monkeypatch.setattr(worker, "apply", applied)
    # Nobody gives back what a killed process had taken.
    monkeypatch.setattr(leases, "give_back", lambda *_, **__: None)


@pytest.mark.usefixtures("_workers_apply")
def test_an_event_that_kills_its_workers_is_left_to_a_person_and_its_neighbours_are_applied(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, each in enumerate((operation, open_page(), open_page())):
        with later(number / 10):
            deliver(news(each))
    deadly = PaymentWebhookEvent.objects.earliest("received_at")
    die_with(monkeypatch, deadly.event_id)
    for round_ in range(worker.MOST_UNENDED):
        with later(minutes=10 * round_ + 1), pytest.raises(Killed):
            tasks.apply_due_events()
    with later(hours=1):
        assert tasks.apply_due_events() == 1
    deadly.refresh_from_db()
    assert (deadly.status, deadly.next_try_at, deadly.unended) == ("parked", None, 0)
    assert "never brought to an end" in deadly.history[-1]["error"]
    others = PaymentWebhookEvent.objects.exclude(pk=deadly.pk)
    assert set(others.values_list("status", flat=True)) == {"completed"}


def test_a_hint_that_kills_whoever_applies_it_is_not_taken_for_ever(
    operation: GatewayOperation,
) -> None:
    row, event = kept(operation)
    PaymentWebhookEvent.objects.update(unended=worker.MOST_UNENDED, is_proven=False)
    hint = inbox.Delivery("paytabs", bytes(row.body), {}, is_proven=False)
    with later(minutes=6):
        assert roads.take_in(hint, event) == "accepted"
    row.refresh_from_db()
    assert row.status == "parked"


@pytest.mark.usefixtures("_workers_apply")
def test_a_batch_ends_in_time_and_gives_back_what_it_did_not_begin(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (operation, open_page(), open_page()):
        deliver(news(each))
    apply, start = worker.apply, timezone.now()
    with time_machine.travel(start, tick=False) as clock:

        def slowly(row: PaymentWebhookEvent, event: GatewayEvent) -> str:
            clock.shift(worker.TIME / 2)
            return apply(row, event)

        monkeypatch.setattr(worker, "apply", slowly)
        assert tasks.apply_due_events() == 2
        left = PaymentWebhookEvent.objects.get(status="processing")
        assert (left.lease_token, left.unended, left.next_try_at) == (None, 0, timezone.now())
        assert tasks.apply_due_events() == 1


@pytest.mark.usefixtures("_workers_apply")
def test_the_tasks_own_limit_ends_the_task_and_not_just_one_event(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (operation, open_page()):
        deliver(news(each))

    def late(*_: Any, **__: Any) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(outcomes, "apply", late)
    with pytest.raises(SoftTimeLimitExceeded):
        tasks.apply_due_events()
    begun, left = PaymentWebhookEvent.objects.order_by("received_at")
    assert (begun.status, begun.tries) == ("failed", 1)
    assert (left.status, left.lease_token, left.tries) == ("processing", None, 0)


def test_a_batch_is_over_well_before_its_tasks_limit_and_its_lease(settings: Settings) -> None:
    longest = worker.TIME + 2 * settings.CALL_BUDGET
    assert longest < timedelta(seconds=settings.CELERY_TASK_SOFT_TIME_LIMIT)
    assert longest < inbox.LEASE


def fail_after_losing_the_lease(error: Exception) -> Any:
    """Apply so slowly that somebody else takes over, and fail then."""

    def applied(*_: Any, **__: Any) -> None:
        PaymentWebhookEvent.objects.update(lease_token=uuid4())
        raise error

    return applied


@pytest.mark.parametrize("error", [RuntimeError(), Unreadable("not any more")])
def test_who_fails_after_another_took_over_leaves_it_to_them(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    kept(operation)
    monkeypatch.setattr(worker, "apply", fail_after_losing_the_lease(error))
    with later(minutes=6):
        ((_, answer),) = worker.work_off()
    assert answer.startswith("left")
    assert PaymentWebhookEvent.objects.get().status == "processing"


def test_the_tasks_limit_ends_it_also_after_another_took_over(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(operation)
    monkeypatch.setattr(worker, "apply", fail_after_losing_the_lease(SoftTimeLimitExceeded()))
    with later(minutes=6), pytest.raises(SoftTimeLimitExceeded):
        tasks.apply_due_events()


def test_a_hint_that_fails_after_another_took_over_is_accepted(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = news(operation)
    (event,) = gateway_named("paytabs").events_in(body)
    monkeypatch.setattr(worker, "apply", fail_after_losing_the_lease(RuntimeError()))
    assert roads.take_in(inbox.Delivery("paytabs", body, {}, is_proven=False), event) == "accepted"
    assert PaymentWebhookEvent.objects.get().status == "processing"
