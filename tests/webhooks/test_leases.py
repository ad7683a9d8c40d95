"""News that is kept before it is applied: leases, take-overs, fences, workers, order."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from payments import outcomes
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation, Payment, StoredEvent
from tests.fakes import FakeTransport, notification
from tests.webhooks.deliveries import deliver, kept, later, news, open_page, payment_of
from webhooks import at_once, inbox, tasks, worker
from webhooks.models import PaymentWebhookEvent


@pytest.fixture
def operation(transactional_db: None, provider: FakeTransport) -> GatewayOperation:
    return open_page()


@pytest.fixture
def _workers_apply(settings: Settings) -> None:
    settings.WEBHOOK_PROCESSING = "worker"


def event_types() -> list[str]:
    return list(StoredEvent.objects.values_list("type", flat=True))


def test_while_somebody_is_at_it_the_provider_is_told_that_it_is_kept(
    operation: GatewayOperation,
) -> None:
    kept(operation)
    response = deliver(news(operation))
    assert (response.status_code, response.json()["status"]) == (200, "accepted")
    assert payment_of(operation).status == "requires_action"


def test_a_lease_that_is_over_is_taken_by_the_providers_next_try(
    operation: GatewayOperation,
) -> None:
    row, _ = kept(operation)
    with later(minutes=5):
        assert deliver(news(operation)).json()["status"] == "processed"
    row.refresh_from_db()
    assert (row.status, row.attempts, row.lease_token) == ("completed", 2, None)


def test_a_lease_that_is_over_is_taken_by_the_sweep(operation: GatewayOperation) -> None:
    kept(operation)
    with later(seconds=299):
        assert tasks.apply_due_events() == 0
    with later(seconds=301):
        assert tasks.apply_due_events() == 1
    assert payment_of(operation).status == "completed"


def test_a_worker_that_wakes_up_late_applies_nothing_a_second_time(
    operation: GatewayOperation,
) -> None:
    row, event = kept(operation)
    with later(minutes=6):
        assert tasks.apply_due_events() == 1
        before = event_types()
        with pytest.raises(inbox.Fenced):
            worker.apply(row, event)
    assert event_types() == before
    assert before.count("payment.completed") == 1


def test_a_late_worker_cannot_overwrite_what_its_successor_is_doing(
    operation: GatewayOperation,
) -> None:
    row, event = kept(operation)
    with later(minutes=6):
        worker.take(worker.due())
        with pytest.raises(inbox.Fenced):
            worker.apply(row, event)
        with pytest.raises(inbox.Fenced):
            inbox.mark_failed(row, RuntimeError())
    row.refresh_from_db()
    assert row.status == "processing"
    assert payment_of(operation).status == "requires_action"


def test_what_a_late_worker_did_is_rolled_back_with_its_mark(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark is fenced; were the effect kept all the same, it would happen twice."""
    row, event = kept(operation)
    PaymentWebhookEvent.objects.update(lease_token=None)
    with pytest.raises(inbox.Fenced):
        inbox.apply_kept(row, event)
    assert "payment.completed" not in event_types()


@pytest.mark.usefixtures("_workers_apply")
def test_with_workers_a_delivery_is_kept_and_the_worker_applies_it(
    operation: GatewayOperation,
) -> None:
    response = deliver(news(operation))
    assert (response.status_code, response.json()["status"]) == (200, "accepted")
    assert payment_of(operation).status == "requires_action"
    assert deliver(news(operation)).json()["status"] == "accepted"
    assert tasks.apply_due_events() == 1
    assert payment_of(operation).status == "completed"
    assert deliver(news(operation)).json()["status"] == "duplicate"
    row = PaymentWebhookEvent.objects.get()
    assert (row.status, row.payment_id) == ("completed", operation.payment_id)


@pytest.mark.usefixtures("_workers_apply")
def test_events_of_one_payment_are_applied_in_the_order_in_which_they_came(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, applied = open_page(), []
    for number, each in enumerate((operation, other, operation, operation)):
        with later(number):
            deliver(news(each, "D", tran_ref=f"{each.gateway_reference}{number}"))
    monkeypatch.setattr(
        inbox, "apply_gateway_event", lambda op, event, **_: applied.append((op.pk, event.id))
    )
    with later(minutes=1):
        first = {row.pk for row in worker.take(worker.due())}
        assert len(first) == 2  # one of each payment: the others wait for their turn
        assert worker.take(worker.due()) == []
    with later(minutes=10):
        assert tasks.apply_due_events() == 4
    mine = [event_id for pk, event_id in applied if pk == operation.pk]
    assert mine == sorted(mine, key=lambda event_id: event_id.split(":")[1])
    assert len(mine) == 3


@pytest.mark.usefixtures("_workers_apply")
def test_what_a_worker_took_and_did_not_come_to_is_free_again_at_once(
    operation: GatewayOperation,
) -> None:
    for each in (operation, open_page()):
        deliver(news(each))
    sweep = worker.work_off()
    next(sweep)
    sweep.close()
    assert tasks.apply_due_events() == 1
    assert set(PaymentWebhookEvent.objects.values_list("attempts", flat=True)) == {1}
    assert set(Payment.objects.values_list("status", flat=True)) == {"completed"}


def test_what_failed_is_tried_again_by_the_sweep_until_it_is_a_persons_turn(
    operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("in the middle of settling")

    start = timezone.now()
    with monkeypatch.context() as broken:
        broken.setattr(outcomes, "apply", die)
        assert deliver(news(operation)).status_code == 500
        assert tasks.apply_due_events() == 0
        for _ in inbox.RETRIES:
            due_at = PaymentWebhookEvent.objects.get().next_try_at
            assert due_at is not None
            with time_machine.travel(due_at, tick=False):
                assert tasks.apply_due_events() == 1
    row = PaymentWebhookEvent.objects.get()
    assert (row.status, row.next_try_at, row.attempts) == ("failed", None, 7)
    assert row.received_at - start < timedelta(minutes=1)
    assert [line["status"] for line in row.history] == ["failed"] * 7
    assert deliver(news(operation)).json()["status"] == "processed"


def test_news_that_came_before_its_commit_is_applied_once_that_is_there(
    operation: GatewayOperation,
) -> None:
    body = news(operation)
    provider, operation.provider = operation.provider, "elsewhere"
    operation.save()
    assert deliver(body).json()["status"] == "accepted"
    operation.provider = provider
    operation.save()
    with later(9):
        assert tasks.apply_due_events() == 0
    with later(11):
        assert tasks.apply_due_events() == 1
    assert payment_of(operation).status == "completed"
    assert deliver(body).json()["status"] == "duplicate"


def test_what_nobody_ever_knows_of_ends_parked_for_a_person(operation: GatewayOperation) -> None:
    deliver(notification("f" * 32, "TST9"))
    for _ in inbox.RETRIES:
        with later(days=3):
            pass
        due_at = PaymentWebhookEvent.objects.get().next_try_at
        assert due_at is not None
        with time_machine.travel(due_at, tick=False):
            assert tasks.apply_due_events() == 1
    row = PaymentWebhookEvent.objects.get()
    assert (row.status, row.next_try_at) == ("parked", None)


def test_a_hint_that_came_to_nothing_does_not_stand_in_the_true_news_way(
    operation: GatewayOperation,
) -> None:
    """Who knows Flutterwave's plain hash could claim an id first, for a payment of nobody."""
    body = news(operation)
    (event,) = gateway_named("paytabs").events_in(body)
    forged = replace(event, key="f" * 32, references=())
    hint = inbox.Delivery("paytabs", b"forged", {}, is_proven=False)
    assert at_once.apply_at_once(hint, forged) == "accepted"
    assert deliver(body).json()["status"] == "processed"
    row = PaymentWebhookEvent.objects.get()
    assert (row.status, bytes(row.body)) == ("completed", body)
