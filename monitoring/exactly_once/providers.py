"""Rules on both sides: what a provider holds of a charge is what we say it took."""

from collections.abc import Iterator

from monitoring.exactly_once.cases import Case
from monitoring.exactly_once.rules import Rule
from monitoring.exactly_once.truth import Holding
from payments.models import GatewayOperation
from payments.statuses import Contradiction, OperationKind, Outcome


def nothing_is_lost(case: Case) -> Iterator[str]:
    """Money that a provider took or reserved is on our payment, or will be, or is contested."""
    for charge, holding in _seen(case):
        known = charge.outcome == Outcome.SUCCEEDED or case.is_awaited(charge)
        if holding.has_money and not known and not case.is_told(charge):
            what = f"{holding.taken} {holding.currency}" if holding.taken else "a reservation"
            yield f"lost {what} at {charge.provider}: {charge.pk} is {charge.outcome} here."


def nothing_is_invented(case: Case) -> Iterator[str]:
    """What we say went well, its provider says too."""
    for charge, holding in _seen(case):
        released = any(
            each.kind == OperationKind.VOID and not each.is_declined()
            for each in case.family_of(charge)
        )
        invented = charge.outcome == Outcome.SUCCEEDED and not holding.has_money and not released
        if invented and not case.is_told(charge):
            yield f"counts {charge.pk} as paid, and {charge.provider} holds nothing of it."


def the_payer_is_charged_once(case: Case) -> Iterator[str]:
    """All providers together took no more than was asked for, or a person knows of the rest."""
    taken = sum(holding.taken for _, holding in _seen(case))
    told = any(each.kind == Contradiction.ORPHAN_CHARGE for each in case.discrepancies)
    if taken > case.payment.amount and not told:
        yield f"is of {case.payment.money}, and its payer was charged {taken}."


def what_was_paid_twice_went_back(case: Case) -> Iterator[str]:
    """Where we say that a second charge was returned, its provider says so too."""
    for charge, holding in _seen(case):
        returns = [each for each in case.family_of(charge) if each.is_follow_up()]
        returned = any(each.outcome == Outcome.SUCCEEDED for each in returns)
        if charge.is_orphan and returned and holding.taken > holding.given_back:
            yield f"returned {charge.pk}, and {charge.provider} still holds {holding.taken}."


def captures_agree(case: Case) -> Iterator[str]:
    """To the minor unit, where no capture is still under way."""
    for charge, holding in _counted(case):
        family = case.family_of(charge)
        moving = any(each.is_open() and case.is_awaited(each) for each in family)
        ours = case.payment.amount_captured
        if holding.taken != ours and not moving and not case.is_told(*family):
            yield f"captured {ours}, and {charge.provider} says {holding.taken}."


def refunds_agree(case: Case) -> Iterator[str]:
    """The provider gave back what we count, and at most what is on its way besides.

    Some list what a lost dispute took as given back.
    """
    payment = case.payment
    least = payment.amount_refunded
    most = least + payment.refund_pending + case.lost_to_disputes()
    for charge, holding in _counted(case):
        contested = case.is_told(*case.family_of(charge))
        if not least <= holding.given_back <= most and not contested:
            yield f"gave back {least}, and {charge.provider} says {holding.given_back}."


def currencies_agree(case: Case) -> Iterator[str]:
    """An amount says nothing without its currency."""
    for charge, holding in _seen(case):
        differs = holding.currency not in ("", charge.currency)
        if differs and not case.is_told(charge):
            yield f"is in {charge.currency}, and {charge.provider} says {holding.currency}."


def _seen(case: Case) -> Iterator[tuple[GatewayOperation, Holding]]:
    for charge in case.charges:
        if (holding := case.holdings.get(charge.pk)) is not None:
            yield charge, holding


def _counted(case: Case) -> Iterator[tuple[GatewayOperation, Holding]]:
    """The charge that counts, where it was seen; of money that is not there others speak."""
    for charge, holding in _seen(case):
        counts = charge.outcome == Outcome.SUCCEEDED and not charge.is_orphan
        if counts and holding.has_money:
            yield charge, holding


_STEP = "Ask the provider now, on the payment's page; what remains is between us and them."
RULES = (
    Rule(nothing_is_lost, _STEP),
    Rule(nothing_is_invented, "Compare it with the provider's dashboard before anything is sent."),
    Rule(the_payer_is_charged_once, "Give the rest back in the provider's dashboard."),
    Rule(what_was_paid_twice_went_back, "Give it back in the provider's dashboard."),
    Rule(captures_agree, _STEP),
    Rule(refunds_agree, _STEP),
    Rule(currencies_agree, _STEP),
)
