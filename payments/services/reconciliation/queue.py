"""What waits for a person, each difference once; and what is settled by the ordinary door."""

from collections.abc import Iterator
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from payments import lifecycle, operations, outcomes, signals
from payments.events import store
from payments.events.signal import Aggregate
from payments.gateways.contract import Gateway
from payments.gateways.messages import GatewayResult
from payments.models import Discrepancy, GatewayOperation, Payment
from payments.next_checks import last_look
from payments.services.gateway_events import UNNAMED
from payments.services.reconciliation.findings import SOURCE, Deed, Finding
from payments.services.reconciliation.judging import judged
from payments.statuses import Outcome


def settled(
    asked: GatewayOperation, heard: GatewayResult, gateway: Gateway, asked_at: datetime
) -> list[Finding]:
    """Judge an answer under the payment's lock, and commit what it means; what was done then.

    A process that dies here has done all of it or nothing.
    """
    with lifecycle.hold(asked.payment_id, durable=True) as payment:
        operation = GatewayOperation.objects.get(pk=asked.pk)
        judgement = judged(payment, operation, heard, gateway, asked_at)
        standing = _standing(operation)
        if judgement.told and judgement.findings:
            operations.settle(operation, judgement.told, heard_from=SOURCE)
            payment.refresh_from_db()
            _look_once_more(operation)
        else:
            operations.keep_calls(operation, heard.calls)
        return list(_kept(payment, operation, judgement.findings, standing))


def _look_once_more(operation: GatewayOperation) -> None:
    """What was concluded from silence is looked at again, as after any such conclusion."""
    operation.refresh_from_db()
    if operation.outcome in (Outcome.DECLINED, Outcome.NOT_SENT):
        again = last_look(operation, timezone.now())
        GatewayOperation.objects.filter(pk=operation.pk).update(next_check_at=again)


def keep(finding: Finding) -> Finding | None:
    """Keep one difference; None where a person has dealt with it already."""
    if finding.operation is None:
        return _keep_stranger(finding)
    with lifecycle.hold(finding.operation.payment_id, durable=True) as payment:
        operation = finding.operation
        _name_what_was_told(operation, finding)
        kept = _kept(payment, operation, [finding], _standing(operation))
        return next(kept, None)


def _name_what_was_told(operation: GatewayOperation, finding: Finding) -> None:
    """A notice that did not say which refund it was about told of this one before."""
    money = finding.heard_money
    named = operation.discrepancies.filter(kind=finding.kind, heard=finding.heard)
    if money is None or named.exists():
        return
    unnamed = operation.discrepancies.filter(
        kind=finding.kind, heard__startswith=UNNAMED, heard_amount=money.amount
    ).first()
    if unnamed:
        unnamed.heard = finding.heard
        unnamed.save(update_fields=["heard"])


def _standing(operation: GatewayOperation) -> dict[tuple[str, str], datetime | None]:
    rows = operation.discrepancies.values_list("kind", "heard", "resolved_at")
    return {(kind, heard): resolved_at for kind, heard, resolved_at in rows}


def _kept(
    payment: Payment,
    operation: GatewayOperation,
    findings: list[Finding],
    standing: dict[tuple[str, str], datetime | None],
) -> Iterator[Finding]:
    """`standing` are the differences that were kept before, and when they were resolved."""
    for finding in findings:
        difference, place = finding.difference, (str(finding.kind), finding.heard)
        if difference is None:
            yield finding.ended(Deed.HEALED)
        elif standing.get(place) is None:
            outcomes.contradict(payment, operation, difference, SOURCE)
            rows = operation.discrepancies.filter(kind=finding.kind, heard=finding.heard)
            rows.update(**finding.amounts)
            yield finding.ended(Deed.KNOWN if place in standing else Deed.QUEUED)


def _keep_stranger(finding: Finding) -> Finding | None:
    with transaction.atomic(durable=True):
        row, is_new = Discrepancy.objects.get_or_create(
            operation=None,
            provider=finding.provider,
            kind=finding.kind,
            heard=finding.heard,
            defaults={"expected": finding.expected, "source": SOURCE, **finding.amounts},
        )
        if is_new:
            facts = facts_of(row)
            store.record(signals.discrepancy_found, history_of(row), facts)
    if row.resolved_at is not None:
        return None
    return finding.ended(Deed.QUEUED if is_new else Deed.KNOWN)


def facts_of(row: Discrepancy, *, actor: str = "", reason: str = "") -> signals.DiscrepancyFacts:
    """What the history of a difference without a payment tells."""
    return signals.DiscrepancyFacts(row.provider, row.kind, row.expected, row.heard, actor, reason)


def history_of(row: Discrepancy) -> Aggregate:
    """Whose history that is: its own."""
    return Aggregate("discrepancy", str(row.pk))
