"""Forget what has served its time."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import ProtectedError, QuerySet
from django.utils import timezone

from payments import lifecycle, outcomes, signals
from payments.errors import PaymentNotFound
from payments.models import Delivery, GatewayCall, IdempotencyKey, Payment, SagaStep
from payments.statuses import Outcome

_BATCH = 1000


def prune_idempotency_keys() -> int:
    """Delete kept answers past RETENTION_IDEMPOTENCY_KEYS_DAYS; answers how many."""
    age = timedelta(days=settings.RETENTION_IDEMPOTENCY_KEYS_DAYS)
    return _forget(IdempotencyKey.objects.filter(created_at__lt=timezone.now() - age))


def prune_gateway_calls() -> int:
    """Delete recorded calls past RETENTION_GATEWAY_CALLS_DAYS; answers how many."""
    age = timedelta(days=settings.RETENTION_GATEWAY_CALLS_DAYS)
    return _forget(GatewayCall.objects.filter(started_at__lt=timezone.now() - age))


def prune_deliveries() -> int:
    """Delete what was done, past RETENTION_DELIVERIES_DAYS; what waits for a person stays."""
    age = timedelta(days=settings.RETENTION_DELIVERIES_DAYS)
    done = Delivery.objects.filter(status=Delivery.Status.DONE, ended_at__lt=timezone.now() - age)
    return _forget(done)


def prune_failed_payments() -> int:
    """Delete payments that failed past RETENTION_FAILED_PAYMENTS_DAYS ago; answers how many.

    Only those for which no money ever moved, and of which nothing else tells: a discrepancy, a
    webhook event that is kept. Their events stay, and say last that they were forgotten.
    """
    before = timezone.now() - timedelta(days=settings.RETENTION_FAILED_PAYMENTS_DAYS)
    old = Payment.objects.filter(
        status__in=outcomes.ENDED, updated_at__lt=before, amount_captured=0, amount_authorized=0
    ).exclude(operations__outcome=Outcome.SUCCEEDED)
    pruned, last = 0, None
    while batch := list(_after(old, last)[:_BATCH]):
        pruned += sum(_forget_payment(pk) for pk in batch)
        last = batch[-1]
    return pruned


def _after(old: QuerySet[Payment], last: UUID | None) -> QuerySet[Payment, UUID]:
    """What could not be forgotten is passed by."""
    rest = old.filter(pk__gt=last) if last else old
    return rest.order_by("pk").values_list("pk", flat=True)


def _forget_payment(payment_id: UUID) -> bool:
    try:
        with lifecycle.hold(payment_id, durable=True) as payment:
            details = {"action": "forgotten", "reason": f"{payment.status} long ago"}
            lifecycle.note(payment, signals.payment_audit_log, details=details)
            Payment.objects.filter(pk=payment_id).update(current_operation=None)
            payment.operations.all().delete()
            SagaStep.objects.filter(saga__payment=payment, saga__ended_at__isnull=False).delete()
            payment.sagas.filter(ended_at__isnull=False).delete()
            Payment.objects.filter(pk=payment_id).delete()
    except (ProtectedError, PaymentNotFound):
        return False
    return True


def _forget(rows: QuerySet[Any]) -> int:
    """In batches, each a commit of its own."""
    total = 0
    while batch := list(rows.values_list("pk", flat=True)[:_BATCH]):
        total += rows.model.objects.filter(pk__in=batch).delete()[0]
    return total
