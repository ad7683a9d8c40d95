"""What failed long ago is forgotten; what moved money, or waits for a person, never is."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments import lifecycle, signals, tasks
from payments.events.chain import verify_stream
from payments.lifecycle import aggregate_of
from payments.models import GatewayName, GatewayOperation, Payment, StoredEvent
from tests.factories import (
    DiscrepancyFactory,
    GatewayCallFactory,
    GatewayOperationFactory,
    PaymentFactory,
    PaymentWebhookEventFactory,
)

YEAR = timedelta(days=365)


def failed(status: str = "failed", age: timedelta = YEAR + timedelta(days=1), **facts: Any) -> Any:
    """A payment that ended without money, with its attempt and all that is known of that."""
    before = timezone.now() - age
    payment = PaymentFactory.create(status=status, updated_at=before, **facts)
    operation = GatewayOperationFactory.create(payment=payment, outcome="declined", current=True)
    operation.remember_names()
    GatewayCallFactory.create(operation=operation)
    return payment


def prune() -> int:
    return int(tasks.prune_failed_payments.run())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("status", ["failed", "expired", "cancelled"])
def test_what_failed_long_ago_is_forgotten_and_its_history_says_so(status: str) -> None:
    payment = failed(status)
    aggregate = aggregate_of(payment)
    with lifecycle.hold(payment.pk) as held:
        lifecycle.note(held, signals.payment_failed)
    assert prune() == 1
    for model in (Payment, GatewayOperation, GatewayName):
        assert not model.objects.exists()
    assert verify_stream(aggregate) == 2
    last = StoredEvent.objects.latest("sequence")
    assert last.data["details"]["action"] == "forgotten"
    assert prune() == 0


@pytest.mark.django_db(transaction=True)
def test_what_is_younger_or_ended_otherwise_is_kept() -> None:
    failed(age=YEAR - timedelta(days=1))
    for status in ("created", "processing", "completed", "refunded", "authorized"):
        failed(status)
    assert prune() == 0
    assert Payment.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_what_something_else_tells_of_is_kept_whole_and_holds_up_no_other() -> None:
    disputed, heard, plain = failed(), failed(), failed()
    operation = GatewayOperation.objects.get(payment=disputed)
    DiscrepancyFactory.create(operation=operation)
    PaymentWebhookEventFactory.create(payment=heard, status="failed")
    assert prune() == 1
    assert set(Payment.objects.all()) == {disputed, heard}
    assert GatewayOperation.objects.filter(payment=disputed).get() == operation
    assert not StoredEvent.objects.filter(aggregate_id=str(disputed.pk)).exists()
    assert not Payment.objects.filter(pk=plain.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_what_took_money_once_is_kept_whatever_it_is_called() -> None:
    payment = failed("cancelled", amount_authorized=12_550)
    released = GatewayOperationFactory.create(payment=payment, kind="void", outcome="succeeded")
    second = failed()
    GatewayOperation.objects.filter(payment=second).update(outcome="succeeded", is_orphan=True)
    assert prune() == 0
    assert GatewayOperation.objects.filter(pk=released.pk).exists()
