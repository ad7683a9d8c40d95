"""What operators do by hand: each deed has an actor and a reason, and the history keeps both.

The actor is a name without personal data, like `user:7`.
"""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from payments import lifecycle, operations, signals
from payments.errors import InvalidTransition, NotSupported
from payments.events import context, store
from payments.gateways.messages import Failure, GatewayResult
from payments.models import Discrepancy, GatewayOperation, Payment
from payments.services.reconciliation import queue
from payments.services.recovery import NOBODY_KNOWS, ask_about, is_in_doubt
from payments.statuses import FailureCode, OperationKind, Outcome


def ask_provider(*, payment_id: UUID, actor: str, reason: str) -> Outcome | None:
    """Look the payment's current operation up and settle the answer; None where there was none.

    Raises NotSupported where nothing was sent yet, UnknownProvider where it is not connected.
    """
    with context.bound(actor=actor):
        with lifecycle.hold(payment_id, durable=True) as payment:
            operation = _operation_of(payment)
            _write_down(payment, "ask_provider", actor, reason, operation)
        return ask_about(operation)


def _operation_of(payment: Payment) -> GatewayOperation:
    if payment.current_operation is None:
        raise NotSupported("Nothing was sent to a provider yet, so there is nothing to ask.")
    return payment.current_operation


def conclude(*, operation_id: UUID, is_done: bool, actor: str, reason: str) -> Payment:
    """Say how an operation ended that no provider tells us: a person has looked for themselves.

    Done, it counts as if its provider had said so. Not done, its sum is free again, and the
    payment may be tried elsewhere; should the provider tell otherwise later, that is a second
    charge, and goes back. Raises InvalidTransition unless nobody knows.
    """
    operation = GatewayOperation.objects.get(pk=operation_id)
    with context.bound(actor=actor), lifecycle.hold(operation.payment_id, durable=True) as payment:
        operation.refresh_from_db()
        if not is_in_doubt(operation):
            told = operation.outcome or "still under way"
            raise InvalidTransition(f"Nobody has to decide this: it is {told}.")
        action = "conclude_done" if is_done else "conclude_not_done"
        _write_down(payment, action, actor, reason, operation)
        _close_what_nobody_knew(operation, actor, reason)
        return operations.settle(operation, _seen(operation, is_done), heard_from="operator")


def _seen(operation: GatewayOperation, is_done: bool) -> GatewayResult:
    if is_done:
        kind = OperationKind(operation.kind)
        return GatewayResult(Outcome.SUCCEEDED, kind=kind, money=operation.money)
    message = f"An operator saw at {operation.provider} that this was not done."
    failure = Failure(FailureCode.PROVIDER_ERROR, message)
    return GatewayResult(Outcome.DECLINED, failure=failure, leaves_another_try=True)


def _close_what_nobody_knew(operation: GatewayOperation, actor: str, reason: str) -> None:
    told = operation.discrepancies.filter(
        kind=NOBODY_KNOWS.kind, heard=NOBODY_KNOWS.heard, resolved_at=None
    )
    for each in told:
        _close(each, actor, reason)


def resolve_discrepancy(*, discrepancy_id: UUID, actor: str, reason: str) -> Discrepancy:
    """Close a contradiction that a person has dealt with; it moves no money and no status.

    Raises InvalidTransition where somebody closed it before.
    """
    found = Discrepancy.objects.get(pk=discrepancy_id)
    if found.payment_id is None:
        return _resolve_stranger(found, actor, reason)
    with context.bound(actor=actor), lifecycle.hold(found.payment_id, durable=True) as payment:
        found.refresh_from_db()
        _close(found, actor, reason)
        _write_down(payment, "resolve_discrepancy", actor, reason, found.operation)
    return found


def _resolve_stranger(found: Discrepancy, actor: str, reason: str) -> Discrepancy:
    """No payment of ours is about it, so its history is its own."""
    with context.bound(actor=actor), transaction.atomic(durable=True):
        found = Discrepancy.objects.select_for_update().get(pk=found.pk)
        _close(found, actor, reason)
        facts = queue.facts_of(found, actor=actor, reason=reason)
        store.record(signals.discrepancy_resolved, queue.history_of(found), facts)
    return found


def _close(found: Discrepancy, actor: str, reason: str) -> None:
    if found.resolved_at is not None:
        raise InvalidTransition(f"This was resolved already, by {found.resolved_by}.")
    found.resolved_at, found.resolved_by = timezone.now(), actor
    found.resolution = reason
    found.save(update_fields=["resolved_at", "resolved_by", "resolution"])


def _write_down(
    payment: Payment, action: str, actor: str, reason: str, operation: GatewayOperation | None
) -> None:
    details = {"action": action, "actor": actor, "reason": reason}
    lifecycle.note(payment, signals.payment_audit_log, operation, details=details)
