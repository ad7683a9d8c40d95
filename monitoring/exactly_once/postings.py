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
    """A lost dispute takes all that is left; won, it gives back what it took."""
    for number, posting in enumerate(case.postings):
        before = case.postings[:number]
        held = balance_of(before, Account.DISPUTES)
        left = _sum(before, PostingKind.CAPTURED) - balance_of(before, Account.REFUNDS) - held
        due = {PostingKind.CHARGED_BACK: left, PostingKind.WON_BACK: held}
        amount = due.get(PostingKind(posting.kind), posting.amount)
        if posting.amount != amount:
            yield f"had {amount} to be {posting.kind}, and {posting.amount} was posted."
    is_taken = case.payment.status == _S.CHARGED_BACK and not _had_nothing_left(case)
    held = balance_of(case.postings, Account.DISPUTES)
    if is_taken != bool(held):
        yield f"is {case.payment.status}, and the ledger says that {held} was charged back."


def _had_nothing_left(case: Case) -> bool:
    """Whether all had been given back when the dispute was lost."""
    lost = [each.data for each in case.events if each.data["status"] == _S.CHARGED_BACK]
    before = [each["previous_status"] for each in lost if each["previous_status"] != each["status"]]
    return before[-1:] == [_S.REFUNDED]


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
