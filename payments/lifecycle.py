"""Hold a payment, advance its status, record the event: the only writer of a status."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from payments import ledger, rows
from payments.errors import InvalidTransition, PaymentNotFound
from payments.events import store
from payments.events.models import StoredEvent, Stream
from payments.events.signal import Aggregate, EventSignal
from payments.models import Dispute, GatewayOperation, Payment
from payments.money import Money
from payments.rows import Reading
from payments.signals import PaymentFacts
from payments.statuses import PaymentStatus, may_become

# Whatever is joined is locked as well: PostgreSQL reads a row anew whose lock it waited for, and
# what is only joined to it as it was before the wait.
_FAMILY = Reading(
    "SELECT {} FROM payments_payment p JOIN payments_stream s"
    " ON s.aggregate_type = 'payment' AND s.aggregate_id = %s WHERE p.id = %s",
    (("p", Payment), ("s", Stream)),
    locks=True,
)
_FAMILY_WITH_OPERATION = Reading(
    "SELECT {} FROM payments_payment p JOIN payments_stream s"
    " ON s.aggregate_type = 'payment' AND s.aggregate_id = %s"
    " JOIN payments_gatewayoperation o ON o.payment_id = p.id AND o.id = %s WHERE p.id = %s",
    (("p", Payment), ("s", Stream), ("o", GatewayOperation)),
    locks=True,
)
_FAMILY_CALLED = Reading(
    "SELECT {} FROM payments_payment p"
    " JOIN payments_gatewayoperation o ON o.payment_id = p.id AND o.id = %s AND o.provider = %s"
    " JOIN payments_stream s ON s.aggregate_type = 'payment' AND s.aggregate_id = p.id::text",
    (("p", Payment), ("s", Stream), ("o", GatewayOperation)),
    locks=True,
)

# An operation by its key, and the provider that is said to be its own.
Name = tuple[UUID, str]


@contextmanager
def hold(payment_id: UUID | str, *, durable: bool = False) -> Iterator[Payment]:
    """A transaction and a row lock on the payment's whole family.

    `durable` demands that this is the outermost transaction, so that leaving it commits. Inside
    another there is no savepoint: whatever goes wrong rolls all of it back.
    Raises PaymentNotFound.
    """
    with transaction.atomic(durable=durable, savepoint=durable), rows.together():
        yield _locked(payment_id)


@contextmanager
def hold_with(known: GatewayOperation) -> Iterator[tuple[Payment, GatewayOperation]]:
    """As `hold`: the payment of an operation, and the operation as it is under the lock."""
    with transaction.atomic(savepoint=False), rows.together():
        yield _locked_with(known)


def hold_called(key: UUID, provider: str) -> GatewayOperation | None:
    """Find an operation by its key and lock its payment's family at once, for the hold to come.

    Saves a round trip, so only where there is one, and only inside `rows.together`.
    """
    if not (found := rows.left(key)) and connection.vendor == "postgresql":
        found = _FAMILY_CALLED.first(key, provider)
        _leave(found)
    operation: GatewayOperation | None = found[-1] if found else None
    return operation if operation and operation.provider == provider else None


def hold_all_called(names: AbstractSet[Name]) -> AbstractSet[Name]:
    """As `hold_called`, for several at once; answers those that are held now.

    Whom somebody else holds is not waited for. Where all writers wait for each other anyway,
    nothing is locked before it is read.
    """
    if connection.vendor != "postgresql":
        return names
    keys = [key for key, _ in names]
    held = {
        (found[-1].pk, found[-1].provider): found
        for found in _families_called(len(keys)).all(*keys)
    }
    for name, found in held.items():
        if name in names:
            rows.leave(found[-1].pk, found)
            _leave(found)
    return held.keys() & names


@cache
def _families_called(some: int) -> Reading:
    """Each number is a question of its own: what a list may hold is planned anew each time."""
    keys = ", ".join(["%s"] * some)
    return Reading(
        "SELECT {} FROM payments_payment p"  # noqa: S608 - nothing but places
        f" JOIN payments_gatewayoperation o ON o.payment_id = p.id AND o.id IN ({keys})"
        " JOIN payments_stream s ON s.aggregate_type = 'payment' AND s.aggregate_id = p.id::text",
        (("p", Payment), ("s", Stream), ("o", GatewayOperation)),
        locks=True,
        passes=True,
    )


def _leave(found: tuple[Any, ...]) -> None:
    """For whoever holds this payment next; who comes after that has to read it anew."""
    if found:
        rows.leave(found[0].pk, found)


def _locked(payment_id: UUID | str) -> Payment:
    own = UUID(str(payment_id))
    rows.left(own)
    if found := _FAMILY.first(str(own), own):
        return _with_history(*found)
    if payment := Payment.objects.select_for_update().filter(pk=own).first():
        return payment
    raise PaymentNotFound(f"There is no payment {payment_id}.")


def _locked_with(known: GatewayOperation) -> tuple[Payment, GatewayOperation]:
    own = known.payment_id
    found = rows.left(own)
    if not found or found[-1].pk != known.pk:
        found = _FAMILY_WITH_OPERATION.first(str(own), known.pk, own)
    if found:
        payment, history, operation = found
        return _with_history(payment, history), operation
    return _locked(own), GatewayOperation.objects.get(pk=known.pk)


def _with_history(payment: Payment, history: Stream) -> Payment:
    payment.history = rows.shared(history)
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
    """Move a held payment along the table of lawful moves; post and record that it moved.

    Raises InvalidTransition when the table has no such move.
    """
    previous = PaymentStatus(payment.status)
    if not may_become(previous, status):
        raise InvalidTransition(f"A payment that is {previous} cannot become {status}.")
    payment.status = status
    payment.version += 1
    payment.updated_at = timezone.now()
    payment.save_progress()
    ledger.follow(payment, previous, operation)
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
        owner_id=str(payment.owner_id or ""),
        is_purchase=payment.is_purchase,
        amount_captured=Money(payment.amount_captured, payment.currency).major,
        amount_refunded=Money(payment.amount_refunded, payment.currency).major,
        status=payment.status,
        version=payment.version,
        **told,
    )
    return store.record(signal, aggregate_of(payment), data, tip=payment.history)


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
