"""Rules on disputes: each is told, is about its own payment, and stands as its provider says."""

from collections.abc import Iterator

from monitoring.exactly_once.cases import Case
from monitoring.exactly_once.rules import Rule
from payments import signals
from payments.models import Dispute
from payments.money import Money

_TOLD = {
    signals.dispute_opened.name: Dispute.Status.OPEN.value,
    signals.dispute_won.name: Dispute.Status.WON.value,
    signals.dispute_lost.name: Dispute.Status.LOST.value,
}


def disputes_are_told(case: Case) -> Iterator[str]:
    """The history tells of each dispute, last how it stands; and of no other."""
    told = {
        str(event.data["details"].get("dispute")): _TOLD[event.type]
        for event in case.events
        if event.type in _TOLD
    }
    for each in case.disputes:
        last = told.pop(each.gateway_reference, "nothing")
        if last != each.status:
            yield f"has dispute {each.gateway_reference} {each.status}, and was told {last} of it."
    for name in told:
        yield f"was told of dispute {name}, which is not there."


def disputes_are_its_own(case: Case) -> Iterator[str]:
    """A dispute is about an attempt of its payment, where that was made."""
    charges = {dispute.pk: charge for dispute, charge in case.contested()}
    for each in case.disputes:
        charge = charges.get(each.pk)
        if charge is None or charge.provider != each.provider:
            yield f"has dispute {each.gateway_reference}, which is about another's charge."


def disputes_agree(case: Case) -> Iterator[str]:
    """What a provider ruled is what counts here, and about as much money."""
    for dispute, charge in case.contested():
        ruling = case.rulings.get(dispute.pk)
        if ruling is None or case.is_told(charge):
            continue
        name, ours = dispute.gateway_reference, dispute.proven_status or "not proven"
        if ruling.status != ours:
            yield f"has dispute {name} {ours}, and {dispute.provider} says {ruling.status}."
        if ruling.money not in (None, money := Money(dispute.amount, dispute.currency)):
            yield f"has dispute {name} of {money}, and {dispute.provider} says {ruling.money}."


RULES = (
    Rule(disputes_are_told, "Compare its timeline with its disputes; a row was written by hand."),
    Rule(disputes_are_its_own, "Compare its disputes with its attempts."),
    Rule(disputes_agree, "Is its notice on its way? If not, send it again from their dashboard."),
)
