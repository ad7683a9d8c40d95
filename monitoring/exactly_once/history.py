"""Rules on a payment's events: the history is whole, and tells each effect once."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from monitoring.exactly_once.cases import Case
from monitoring.exactly_once.rules import Rule
from payments.events.chain import link_of, walk
from payments.lifecycle import aggregate_of
from payments.statuses import Outcome, PaymentStatus, may_become

# Each is told once by whatever brings it, for one attempt.
_EFFECTS = frozenset(
    {"payment.authorized", "payment.completed", "refund.succeeded", "refund.failed"}
)
_REFUND_OUTCOMES = {"refund.succeeded": True, "refund.failed": False}


def chain_holds(case: Case) -> Iterator[str]:
    """No event was changed, removed or inserted since it was recorded."""
    walked = walk(aggregate_of(case.payment), map(link_of, case.events))
    if breach := walked.breach(case.tip):
        yield f"has a history that {breach}"


def history_tells_every_move(case: Case) -> Iterator[str]:
    """From its creation to its present status, one lawful step after the other."""
    status, version = PaymentStatus.CREATED.value, 1
    for event in case.events:
        told = event.data["status"], event.data["version"]
        if told == (status, version):
            continue
        is_next = event.data["version"] == version + 1
        if not is_next or event.data["previous_status"] != status or not _may(status, told[0]):
            yield f"was {status} (version {version}), then {event.type} says {told[0]} ({told[1]})."
        status, version = told
    if (status, version) != (case.payment.status, case.payment.version):
        yield (
            f"is {case.payment.status} (version {case.payment.version}),"
            f" and its history ends {status} ({version})."
        )


def _may(status: str, next_status: str) -> bool:
    return may_become(PaymentStatus(status), PaymentStatus(next_status))


def created_once(case: Case) -> Iterator[str]:
    """The history begins with the payment, and it begins once."""
    places = [number for number, event in enumerate(case.events) if event.type == "payment.created"]
    if places != [0]:
        yield f"was told to be created {len(places)} times."


def completed_once(case: Case) -> Iterator[str]:
    """One `payment.completed` for what was captured, and none where nothing was."""
    told = sum(event.type == "payment.completed" for event in case.events)
    if told != int(case.payment.amount_captured > 0):
        yield f"captured {case.payment.amount_captured}, and was told completed {told} times."


def refunds_are_told_once(case: Case) -> Iterator[str]:
    """A refund succeeds, and may fail after that: in turns, and it stands as was told last."""
    told: dict[str, list[bool]] = defaultdict(list)
    for event in case.events:
        if event.type in _REFUND_OUTCOMES:
            told[event.data["operation_id"]].append(_REFUND_OUTCOMES[event.type])
    for refund in case.refunds:
        words = told[str(refund.pk)]
        if any(one is next_one for one, next_one in pairwise(words)):
            yield f"was told twice how refund {refund.pk} ended."
        stands = [refund.outcome == Outcome.SUCCEEDED] if not refund.is_open() else []
        if words[-1:] != stands:
            yield f"has refund {refund.pk} {refund.outcome}, and was told otherwise."


def each_news_has_its_effect_once(case: Case) -> Iterator[str]:
    """One webhook event causes one effect of a kind, however often it was delivered."""
    caused = Counter(
        (event.causation_id, event.type, event.data["operation_id"])
        for event in case.events
        if event.type in _EFFECTS and event.causation_id
    )
    for (cause, name, _), count in caused.items():
        if count > 1:
            yield f"was told {name} {count} times by webhook event {cause}."


RULES = (
    Rule(chain_holds, "Somebody wrote to the history past the service: secure the database."),
    Rule(history_tells_every_move, "A row was written past the service: compare its attempts."),
    Rule(created_once, "Compare its timeline with its creation."),
    Rule(completed_once, "Compare its timeline with its attempts."),
    Rule(refunds_are_told_once, "Compare its timeline with its refunds."),
    Rule(each_news_has_its_effect_once, "Compare its timeline with the provider's dashboard."),
)
