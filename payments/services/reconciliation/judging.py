"""What a provider's word means beside our record of an operation. Nothing here writes."""

from dataclasses import dataclass, field
from datetime import datetime

from payments import news, outcomes
from payments.gateways.contract import Gateway
from payments.gateways.messages import GatewayResult
from payments.models import GatewayOperation, Payment
from payments.news import Difference
from payments.services.reconciliation.findings import SOURCE, Finding, Healing, of_operation
from payments.services.recovery import believed
from payments.statuses import FINAL_OUTCOMES, Contradiction, OperationKind, Outcome

_WORDS = {
    Outcome.NOT_SENT: "never heard of it",
    Outcome.DECLINED: "declined",
    Outcome.PENDING: "still pending",
    Outcome.ACTION_REQUIRED: "not paid",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be settled, if anything, and what was found."""

    told: GatewayResult | None = None
    findings: list[Finding] = field(default_factory=list)


def agrees(operation: GatewayOperation, told: GatewayResult) -> bool:
    """Whether a listed result is what we have written down; where not, the provider is asked.

    What is open on both sides agrees, unless we do not even know how our own call ended.
    """
    known = operation.outcome
    if Outcome.SUCCEEDED in (known, told.outcome):
        return known == told.outcome and _same_effect(operation, told)
    if operation.is_open():
        return told.outcome not in FINAL_OUTCOMES and known not in (None, Outcome.UNKNOWN)
    return True


def _same_effect(operation: GatewayOperation, told: GatewayResult) -> bool:
    same_ids = all(operation.ids.get(sort, name) == name for sort, name in told.ids.items())
    same_kind = told.kind in (None, operation.kind)
    return told.money == operation.money and same_kind and same_ids and not told.also_taken


def judged(
    payment: Payment,
    operation: GatewayOperation,
    heard: GatewayResult,
    gateway: Gateway,
    asked_at: datetime,
) -> Judgement:
    """What an answer to our question about an operation means, and what settling it would do."""
    told = believed(operation, heard, gateway, asked_at)
    is_back = outcomes.is_given_back(payment) or _is_explained(operation)
    found = _told_findings(payment, operation, told, is_back=is_back) if told else []
    if not found and not is_back and _is_unconfirmed(operation, heard):
        unheard = Difference(
            Contradiction.UNKNOWN_TO_PROVIDER,
            f"{operation.kind} of {operation.money}",
            _WORDS[heard.outcome],
        )
        found = [of_operation(operation, unheard, None, operation.money)]
    return Judgement(told, found)


def _told_findings(
    payment: Payment, operation: GatewayOperation, told: GatewayResult, *, is_back: bool
) -> list[Finding]:
    back = told.takes_back and is_back
    difference = news.difference_in(operation, told, SOURCE, is_given_back=back)
    difference = difference or news.excess_in(operation, told, outcomes.refundable(payment))
    found = []
    if difference:
        found.append(of_operation(operation, difference, told.money, operation.money))
    elif news.moves_forward(operation, told):
        found.append(_healing(operation, told))
    seconds = news.second_charges_in(operation, told)
    return found + [of_operation(operation, each, operation.money) for each in seconds]


def _healing(operation: GatewayOperation, told: GatewayResult) -> Finding:
    """Where we did not even know how our own call ended it is stuck, else news was missed."""
    is_stuck = operation.outcome in (None, Outcome.UNKNOWN)
    return Finding(
        operation.provider,
        Healing.STUCK if is_stuck else Healing.MISSED_WEBHOOK,
        f"{operation.kind} {operation.outcome or 'interrupted'}",
        str(told.outcome.value),
        operation,
        operation.money,
        told.money,
    )


def _is_unconfirmed(operation: GatewayOperation, heard: GatewayResult) -> bool:
    is_money = operation.kind != OperationKind.VOID or heard.outcome is Outcome.NOT_SENT
    return operation.outcome == Outcome.SUCCEEDED and heard.outcome in _WORDS and is_money


def _is_explained(operation: GatewayOperation) -> bool:
    """A refund that is known to be none of ours took it back; that is one difference, not two."""
    return operation.discrepancies.filter(kind=Contradiction.UNKNOWN_REFUND).exists()
