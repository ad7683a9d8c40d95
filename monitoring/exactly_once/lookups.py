"""The providers' answers about one operation or dispute at a time; and what they sum up to."""

from collections.abc import Sequence

from monitoring.exactly_once.truth import Holding
from payments import operations
from payments.errors import DomainError, UnknownProvider
from payments.gateways.messages import DisputeNews, DisputeStatus, GatewayResult
from payments.gateways.registry import gateway_named
from payments.models import Dispute, GatewayOperation
from payments.services.disputes import asked_about
from payments.services.recovery import question_about
from payments.statuses import OperationKind, Outcome

Answer = tuple[GatewayOperation, GatewayResult]
TAKES = (OperationKind.CHARGE, OperationKind.CAPTURE)


def said_of(operation: GatewayOperation) -> GatewayResult:
    """A plain question: what recovery would do next with the answer is not done."""
    try:
        gateway = gateway_named(operation.provider)
    except UnknownProvider:
        return GatewayResult(Outcome.UNKNOWN)
    return operations.call(gateway, question_about(operation, gateway), gateway.timeout)


def said_of_dispute(dispute: Dispute, operation: GatewayOperation) -> DisputeNews | None:
    """How its provider says that it stands; None where it does not say."""
    hint = DisputeNews(dispute.gateway_reference, DisputeStatus(dispute.status))
    try:
        return asked_about(operation, hint, [])
    except DomainError:  # not connected, cannot be asked, or gave no answer
        return None


def names_in(operation: GatewayOperation, said: GatewayResult) -> set[str]:
    """What its provider calls it, as we know it and as it was said now."""
    return operation.names_given() | {said.reference, *said.ids.values()} - {""}


def holding_in(
    answers: Sequence[Answer], *, more_taken: int = 0, more_back: int = 0
) -> Holding | None:
    """What a family holds; None where one member of it got no answer.

    `more_taken` and `more_back` are what was done of it under no name of ours.
    """
    if any(said.outcome is Outcome.UNKNOWN for _, said in answers):
        return None
    done = [(each, said) for each, said in answers if said.outcome is Outcome.SUCCEEDED]
    kinds = {each.kind for each, _ in done}
    gone = sum(each.amount for each, said in answers if _went_back(each, said))
    taken = sum(_moved(each, said) for each, said in done if each.kind in TAKES)
    back = sum(_moved(each, said) for each, said in done if each.kind == "refund")
    return Holding(
        currency=next((said.money.currency for _, said in done if said.money), ""),
        taken=taken + gone + more_taken,
        given_back=max(back + more_back, gone),
        is_reserved=kinds == {OperationKind.AUTHORIZE},
    )


def _went_back(operation: GatewayOperation, said: GatewayResult) -> bool:
    """Some say of a charge that went back in full no more than that."""
    took = operation.kind in TAKES and operation.outcome == Outcome.SUCCEEDED
    return took and said.outcome is Outcome.DECLINED and said.takes_back


def _moved(operation: GatewayOperation, said: GatewayResult) -> int:
    once = (said.money or operation.money).amount
    # Further transactions of one page are told by their names alone.
    return once + operation.amount * len(said.also_taken)
