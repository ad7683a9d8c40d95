"""Rules on the ledger: what was posted is what stands on the payment, to the minor unit."""

from collections.abc import Iterator

from monitoring.exactly_once.cases import Case
from monitoring.exactly_once.rules import Rule
from payments.ledger import balance_of
from payments.models import Account, Posting, PostingKind
from payments.statuses import PaymentStatus

_S = PaymentStatus


def ledger_agrees(case: Case) -> Iterator[str]:
    """What was reserved, taken and given back is posted once, and nothing else is."""
    payment, postings = case.payment, case.postings
    reserved = payment.amount_authorized if payment.status == _S.AUTHORIZED else 0
    expected = {
        "authorized": (payment.amount_authorized, _sum(postings, PostingKind.AUTHORIZED)),
        "still reserved": (reserved, balance_of(postings, Account.RESERVED)),
        "captured": (payment.amount_captured, _sum(postings, PostingKind.CAPTURED)),
        "refunded": (payment.amount_refunded, balance_of(postings, Account.REFUNDS)),
    }
    for name, (stands, posted) in expected.items():
        if stands != posted:
            yield f"has {stands} {name}, and the ledger says {posted}."
    if balance_of(postings, Account.FEES) > payment.amount_captured:
        yield "cost more in fees than was captured."


def disputes_are_posted(case: Case) -> Iterator[str]:
    """Lost disputes took what they contest, or all that was left; won, they gave it back."""
    lost, held = case.lost_to_disputes(), balance_of(case.postings, Account.DISPUTES)
    was_left = [_left(case.postings[:number]) for number in range(1, len(case.postings) + 1)]
    if held > lost or (held < lost and min(was_left, default=0) > 0):
        yield f"lost {lost} to disputes, and the ledger says that {held} was charged back."
    for posting, left in zip(case.postings, [0, *was_left], strict=False):
        if posting.kind == PostingKind.CHARGED_BACK and posting.amount > left:
            yield f"had {left} left, and {posting.amount} was charged back."
    if case.payment.status == _S.COMPLETED and 0 < case.payment.amount_captured <= held:
        yield "is completed, and the ledger says that all of it was charged back."


def _left(postings: list[Posting]) -> int:
    """What neither refunds nor disputes took of what was captured."""
    gone = balance_of(postings, Account.REFUNDS) + balance_of(postings, Account.DISPUTES)
    return _sum(postings, PostingKind.CAPTURED) - gone


def postings_are_its_own(case: Case) -> Iterator[str]:
    """Of its own merchant, currency and attempts; a second charge is nobody's income."""
    payment, ours = case.payment, {each.pk: each for each in case.operations if not each.is_orphan}
    for posting in case.postings:
        operation = ours.get(posting.operation_id)
        is_same = (posting.owner_id, posting.currency) == (payment.owner_id, payment.currency)
        if operation is None or operation.provider != posting.provider or not is_same:
            yield f"has the posting {posting.pk} ({posting}), which is not its own."


def _sum(postings: list[Posting], kind: PostingKind) -> int:
    return sum(each.amount for each in postings if each.kind == kind)


RULES = (
    Rule(ledger_agrees, "Compare its ledger with its attempts; a row was written by hand."),
    Rule(disputes_are_posted, "Compare its ledger with its disputes."),
    Rule(postings_are_its_own, "Compare its ledger with its attempts; a row was written by hand."),
)
