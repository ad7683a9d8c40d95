"""A payment that reached nobody is sent again by itself: a few times, at widening distances.

Only what certainly never left is sent again, and only where a page is asked for: what a payer's
card was turned into is not kept. When it is due stands on its operation; a merchant who is
quicker is answered as ever, and nothing is sent twice.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from payments.errors import DomainError
from payments.events import context
from payments.models import GatewayOperation, Payment
from payments.services.payments import process_payment
from payments.statuses import Outcome, PaymentStatus

# Longer than sending takes: should we die meanwhile, it is due again after this.
_IN_HAND = timedelta(minutes=5)
_AT_ONCE = 100


def due(now: datetime) -> QuerySet[Payment]:
    """Payments whose time has come."""
    return Payment.objects.filter(
        status=PaymentStatus.CREATED,
        current_operation__outcome=Outcome.NOT_SENT,
        current_operation__may_have_left=False,
        current_operation__next_check_at__lte=now,
    ).select_related("current_operation")


def retry_payments() -> Iterator[Payment]:
    """Send what is due once more; yields each payment that was tried."""
    now = timezone.now()
    for payment in due(now).order_by("current_operation__next_check_at")[:_AT_ONCE]:
        operation = payment.current_operation
        if operation is None or not _take(operation, now):
            continue
        with context.bound(correlation_id=operation.key, source="retry"):
            with suppress(DomainError):  # the payment tells of it, and of its next try
                process_payment(payment_id=payment.id)
            yield payment


def _take(operation: GatewayOperation, now: datetime) -> bool:
    """Put it off first, so that two sweeps do not send the same payment."""
    unchanged = GatewayOperation.objects.filter(
        pk=operation.pk, next_check_at=operation.next_check_at
    )
    return bool(unchanged.update(next_check_at=now + _IN_HAND))
