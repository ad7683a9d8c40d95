"""How news is judged before it is believed: pure questions, asked by `operations.settle`.

Nothing here reads or writes a row; everything here can be tested as a table.
"""

from dataclasses import dataclass

from payments.gateways.messages import GatewayResult
from payments.models import GatewayOperation
from payments.money import Money
from payments.statuses import FINAL_OUTCOMES, Contradiction, OperationKind, Outcome


@dataclass(frozen=True, slots=True)
class Difference:
    """What our records say, and what was heard instead; `heard_money` where that is a sum."""

    kind: Contradiction
    expected: str
    heard: str
    heard_money: Money | None = None


def moves_forward(operation: GatewayOperation, result: GatewayResult) -> bool:
    """Whether this is more than we know already; late news never moves an operation back.

    After the end only a success is news: money that moved after all.
    """
    known, told = operation.outcome, result.outcome
    if known is None:
        return True
    if known == told:
        is_named = bool(result.reference and not operation.gateway_reference)
        return operation.is_open() and (is_named or _tells_of_another_try(operation, result))
    if known == Outcome.SUCCEEDED:
        # A refund that had succeeded may fail later, when a bank sends it back.
        return operation.kind == OperationKind.REFUND and _is_taken_back(result)
    if known in FINAL_OUTCOMES:
        return told is Outcome.SUCCEEDED
    # A page that waits for its payer still waits while a lookup says nothing new.
    return told in FINAL_OUTCOMES or known == Outcome.UNKNOWN or told is Outcome.PENDING


def wants_asking(operation: GatewayOperation, result: GatewayResult, heard_from: str) -> bool:
    """Whether a refund that failed is notified as given back: perhaps late news, of before.

    Banks send refunds back. Which of the two came last only the provider can say.
    """
    failed = operation.kind == OperationKind.REFUND and operation.outcome == Outcome.DECLINED
    return failed and heard_from == "webhook" and result.outcome is Outcome.SUCCEEDED


def brings_doubt(operation: GatewayOperation, result: GatewayResult, heard_from: str) -> bool:
    """Whether a call of ours used what was done on the page, and its answer was lost."""
    is_page = operation.is_open() and bool(operation.redirect_url)
    is_lost = result.outcome is Outcome.UNKNOWN and heard_from == "answer"
    return is_page and is_lost and operation.outcome != Outcome.UNKNOWN


def _tells_of_another_try(operation: GatewayOperation, result: GatewayResult) -> bool:
    """On a page that lives: a card declined, or the next one that the provider is busy with."""
    code = result.failure.code if result.failure else ""
    return result.outcome is Outcome.PENDING and code != operation.failure_code


def difference_in(
    operation: GatewayOperation, result: GatewayResult, heard_from: str, *, is_given_back: bool
) -> Difference | None:
    """Where a final outcome contradicts what we asked for, or None.

    `is_given_back` says that the payment's money went back already, by our own hand or by a lost
    dispute: then "taken back" is no surprise.

    A lookup is asked by our own key, so whatever transaction it finds is ours; a notification
    about another transaction than the one we were given is not believed on its own.
    """
    if result.outcome not in FINAL_OUTCOMES:
        return None
    if heard_from == "webhook" and (other := _other_reference(operation, result)):
        return other
    if result.outcome is Outcome.SUCCEEDED:
        return _other_kind(operation, result) or _other_money(operation, result)
    return None if is_given_back else _taken_back(operation, result)


def _other_kind(operation: GatewayOperation, result: GatewayResult) -> Difference | None:
    if result.kind in (None, operation.kind):
        return None
    return Difference(Contradiction.KIND_DIFFERS, operation.kind, str(result.kind))


def _is_taken_back(result: GatewayResult) -> bool:
    return result.outcome is Outcome.DECLINED and result.takes_back


def _taken_back(operation: GatewayOperation, result: GatewayResult) -> Difference | None:
    succeeded = operation.outcome == Outcome.SUCCEEDED and operation.kind != OperationKind.REFUND
    if not succeeded or not _is_taken_back(result):
        return None
    message = result.failure.message if result.failure else ""
    heard = f"taken back: {message or result.reference}"
    return Difference(Contradiction.UNEXPECTED_NEWS, Outcome.SUCCEEDED.value, heard)


def _other_reference(operation: GatewayOperation, result: GatewayResult) -> Difference | None:
    ours, theirs = operation.gateway_reference, result.reference
    if not ours or not theirs or ours in (theirs, result.parent_reference):
        return None
    return Difference(Contradiction.REFERENCE_DIFFERS, ours, theirs)


def _other_money(operation: GatewayOperation, result: GatewayResult) -> Difference | None:
    expected, heard = operation.money, result.money
    if heard == expected:
        return None
    if heard is not None and heard.currency != expected.currency:
        return Difference(Contradiction.CURRENCY_DIFFERS, str(expected), str(heard))
    return Difference(
        Contradiction.AMOUNT_DIFFERS, str(expected), str(heard or "no readable amount")
    )


def excess_in(
    operation: GatewayOperation, result: GatewayResult, refundable: Money
) -> Difference | None:
    """A refund that succeeds after it was given up, when its money is spoken for otherwise."""
    was_refund = operation.kind == OperationKind.REFUND and not operation.is_orphan
    given_up = was_refund and operation.outcome in (Outcome.DECLINED, Outcome.NOT_SENT)
    if not given_up or result.outcome is not Outcome.SUCCEEDED or operation.money <= refundable:
        return None
    heard = f"{operation.money} given back as {result.reference}"
    return Difference(Contradiction.UNEXPECTED_NEWS, f"at most {refundable}", heard)


def second_charges_in(operation: GatewayOperation, result: GatewayResult) -> list[Difference]:
    """A page that took money twice: success again, under another reference."""
    if operation.outcome != Outcome.SUCCEEDED or result.outcome is not Outcome.SUCCEEDED:
        return []
    first, own = operation.gateway_reference, operation.ids.get("transaction", "")
    # A success that was told without a name may be told its name later.
    named = result.reference if first else ""
    told = {named, *result.also_taken} - {"", first, own}
    if first == result.parent_reference:
        told.discard(result.reference)
    if own and own != first:
        # Where a page's name is all that its tries share, each has a number of its own.
        told |= {result.ids.get("transaction", own)} - {own}
    return [Difference(Contradiction.ORPHAN_CHARGE, first, second) for second in sorted(told)]
