"""Hold a payment, advance its status, record the event: the only writer of a status."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from payments.errors import InvalidTransition, PaymentNotFound
from payments.events import store
from payments.events.models import StoredEvent
from payments.events.signal import Aggregate, EventSignal
from payments.models import Dispute, GatewayOperation, Payment
from payments.money import Money
from payments.signals import PaymentFacts
from payments.statuses import PaymentStatus, may_become


@contextmanager
def hold(payment_id: UUID | str, *, durable: bool = False) -> Iterator[Payment]:
    """A transaction and a row lock on the payment's whole family.

    `durable` demands that this is the outermost transaction, so that leaving it commits. Inside
    another there is no savepoint: whatever goes wrong rolls all of it back.
    Raises PaymentNotFound.
    """
    with transaction.atomic(durable=durable, savepoint=durable):
        yield _locked(payment_id)


def _locked(payment_id: UUID | str) -> Payment:
    # No join here: PostgreSQL reads a waiting lock's own row anew, but joined rows as they were
    # before the wait. What belongs to the payment is read after the lock is held.
    payment = Payment.objects.select_for_update().filter(pk=payment_id).first()
    if payment is None:
        raise PaymentNotFound(f"There is no payment {payment_id}.")
    return payment


def open_new(payment: Payment, signal: EventSignal) -> Payment:
    """Write a new payment with the event that says so, in the caller's transaction."""
    payment.save(force_insert=True)
    note(payment, signal)
    return payment


def advance(
    payment: Payment,
    status: PaymentStatus,
    signal: EventSignal,
    operation: GatewayOperation | None = None,
    **facts: Any,
) -> StoredEvent:
    """Move a held payment along the table of lawful moves, and record that it moved.

    Raises InvalidTransition when the table has no such move.
    """
    previous = PaymentStatus(payment.status)
    if not may_become(previous, status):
        raise InvalidTransition(f"A payment that is {previous} cannot become {status}.")
    payment.status = status
    payment.version += 1
    payment.updated_at = timezone.now()
    payment.save_progress()
    return note(payment, signal, operation, previous_status=previous.value, **facts)


def note(
    payment: Payment, signal: EventSignal, operation: GatewayOperation | None = None, **facts: Any
) -> StoredEvent:
    """Record an event of a held payment that moves nothing."""
    told = {"previous_status": payment.status} | _operation_facts(operation) | facts
    data = PaymentFacts(
        payment_id=str(payment.id),
        reference=payment.reference,
        contract=payment.contract,
        amount=payment.money.major,
        currency=payment.currency,
        method=payment.payment_method,
        subject_id=str(payment.subject_id or ""),
        status=payment.status,
        version=payment.version,
        **told,
    )
    return store.record(signal, aggregate_of(payment), data)


def move_dispute(dispute: Dispute, status: Dispute.Status, deadline: datetime | None) -> None:
    """Write how a dispute of a held payment stands now."""
    dispute.status = status
    dispute.deadline = deadline or dispute.deadline
    dispute.closed_at = None if status is Dispute.Status.OPEN else timezone.now()
    dispute.save()


def aggregate_of(payment: Payment) -> Aggregate:
    """Whose history a payment's events are."""
    return Aggregate("payment", str(payment.id))


def _operation_facts(operation: GatewayOperation | None) -> dict[str, Any]:
    if operation is None:
        return {}
    return {
        "provider": operation.provider,
        "operation_id": str(operation.id),
        "operation_kind": operation.kind,
        "outcome": operation.outcome or "",
        "transaction_ref": operation.gateway_reference,
        "started_at": operation.started_at.isoformat(),
        "duration_ms": _milliseconds(operation.started_at, operation.answered_at),
        "failure_code": operation.failure_code,
        "failure_message": operation.failure_message,
    }


def _milliseconds(start: datetime, end: datetime | None) -> int | None:
    return None if end is None else (end - start) // timedelta(milliseconds=1)


def collect(payment: Payment, money: Money, status: PaymentStatus) -> None:
    """Put what was taken or reserved on the payment, before it advances to `status`."""
    if status is PaymentStatus.AUTHORIZED:
        payment.amount_authorized = money.amount
    else:
        payment.amount_captured = money.amount
        payment.completed_at = payment.completed_at or timezone.now()
