"""What is kept, and for how many days, is as it is set."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from payments import tasks
from payments.models import IdempotencyKey, Payment
from tests.factories import PaymentFactory

DAYS = 7


def old_payment(age: timedelta) -> Payment:
    payment: Payment = PaymentFactory.create(status="failed", updated_at=timezone.now() - age)
    return payment


def old_key(age: timedelta) -> IdempotencyKey:
    named = {"caller": "merchant", "method": "POST", "path": "/payments/v2", "key": str(age)}
    return IdempotencyKey.objects.create(**named, created_at=timezone.now() - age)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("setting", "make", "task"),
    [
        ("RETENTION_FAILED_PAYMENTS_DAYS", old_payment, tasks.prune_failed_payments),
        ("RETENTION_IDEMPOTENCY_KEYS_DAYS", old_key, tasks.prune_idempotency_keys),
    ],
)
def test_what_is_kept_for_other_than_the_usual_time_is_forgotten_after_that(
    settings: Settings, setting: str, make: Callable[[timedelta], Any], task: Any
) -> None:
    setattr(settings, setting, DAYS)
    kept = make(timedelta(days=DAYS - 1))
    make(timedelta(days=DAYS + 1))
    assert task.run() == 1
    assert list(type(kept).objects.all()) == [kept]
