"""The providers' own word, asked for one operation at a time; for providers without a list."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from monitoring.exactly_once.truth import Entry, Holding
from payments import operations
from payments.errors import UnknownProvider
from payments.gateways.messages import GatewayResult
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation
from payments.services.recovery import question_about
from payments.statuses import OperationKind, Outcome


class Lookups:
    """Each charge is looked up, and each capture and refund of it."""

    blind_to: tuple[str, ...] = (
        "money that a provider took under a name that we never gave it",
        "refunds made at a provider without us",
    )

    def holdings_of(self, families: Sequence[Sequence[GatewayOperation]]) -> Mapping[UUID, Holding]:
        """One call an operation. A family of which one member got no answer is not seen."""
        seen = {family[0].pk: _holding(family) for family in families}
        return {pk: holding for pk, holding in seen.items() if holding is not None}

    def entries(self) -> Iterator[Entry]:
        """Nothing: what we do not know of cannot be asked about."""
        return iter(())


def _holding(family: Sequence[GatewayOperation]) -> Holding | None:
    answers = [(each, _said_of(each)) for each in family]
    if any(said.outcome is Outcome.UNKNOWN for _, said in answers):
        return None
    done = [(each, said) for each, said in answers if said.outcome is Outcome.SUCCEEDED]
    kinds = {each.kind for each, _ in done}
    return Holding(
        currency=next((said.money.currency for _, said in done if said.money), ""),
        taken=sum(
            _moved(each, said)
            for each, said in done
            if each.kind in (OperationKind.CHARGE, OperationKind.CAPTURE)
        ),
        given_back=sum(_moved(each, said) for each, said in done if each.kind == "refund"),
        is_reserved=kinds == {OperationKind.AUTHORIZE},
    )


def _said_of(operation: GatewayOperation) -> GatewayResult:
    """A plain question: what recovery would do next with the answer is not done."""
    try:
        gateway = gateway_named(operation.provider)
    except UnknownProvider:
        return GatewayResult(Outcome.UNKNOWN)
    return operations.call(gateway, question_about(operation, gateway), gateway.timeout)


def _moved(operation: GatewayOperation, said: GatewayResult) -> int:
    once = (said.money or operation.money).amount
    # Further transactions of one page are told by their names alone.
    return once + operation.amount * len(said.also_taken)
