"""Rules on the inbox: what was accepted is there once, was applied, or is on its way."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from monitoring.exactly_once.cases import PATIENCE, Case
from monitoring.exactly_once.rules import Broken, Rule
from payments.errors import UnknownProvider
from payments.gateways.contract import Unreadable
from payments.gateways.messages import GatewayEvent, GatewayResult
from payments.models import GatewayOperation
from payments.statuses import FINAL_OUTCOMES, OperationKind, Outcome
from webhooks import worker
from webhooks.models import PaymentWebhookEvent

_FOLLOW_UPS = (OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)
_Status = PaymentWebhookEvent.Status


def news_had_its_effect(case: Case) -> Iterator[str]:
    """Completed news has left an event, or told what was known already.

    A hint is replaced by its provider's answer, so of one its body proves nothing here.
    """
    caused = {event.causation_id for event in case.events}
    for row in case.inbox:
        if row.is_proven and str(row.pk) not in caused and not _was_known(case, row):
            yield f"was never told of {row.type} ({row.event_id}), which is marked completed."


def _was_known(case: Case, row: PaymentWebhookEvent) -> bool:
    try:
        event = worker.event_in(row)
    except (Unreadable, UnknownProvider):
        return True  # nobody can say any more what it told
    if event.dispute is not None:
        return bool(case.disputes)
    told = event.result
    if told is None or told.outcome not in FINAL_OUTCOMES or case.discrepancies:
        return True
    return any(_knows(case, each, told) for each in _concerned(case, event, told))


def _concerned(case: Case, event: GatewayEvent, told: GatewayResult) -> list[GatewayOperation]:
    if told.kind in _FOLLOW_UPS:
        return [each for each in case.operations if each.kind == told.kind]
    return [each for each in case.charges if each.key == event.key] or case.charges


def _knows(case: Case, operation: GatewayOperation, told: GatewayResult) -> bool:
    """An end that is worse news than what we know, or that we knew once, changes nothing."""
    if operation.outcome in FINAL_OUTCOMES and told.outcome is not Outcome.SUCCEEDED:
        return True
    once = {
        event.data["outcome"]
        for event in case.events
        if event.data["operation_id"] == str(operation.pk)
    }
    return told.outcome in {*once, operation.outcome}


RULES = (
    Rule(news_had_its_effect, "replay_webhook_events does not help: ask the provider instead."),
)


def breaches_in(rows: QuerySet[PaymentWebhookEvent], *, at_rest: bool = False) -> Iterator[Broken]:
    """What is wrong with the inbox itself, whatever its payments say."""
    yield from _claimed_twice(rows)
    now = timezone.now()
    yield from _left_behind(rows, now if at_rest else now - PATIENCE)
    for row in rows.filter(status=_Status.COMPLETED, payment__isnull=True).iterator():
        yield _broken("completed_news_is_of_a_payment", row, "is completed, and of no payment.")


def _claimed_twice(rows: QuerySet[PaymentWebhookEvent]) -> Iterator[Broken]:
    twins = rows.order_by().values("provider", "event_id").annotate(rows=Count("pk"))
    for twin in twins.filter(rows__gt=1).iterator():
        yield Broken(
            "one_row_an_event",
            f"webhook event {twin['event_id']} of {twin['provider']}",
            f"has {twin['rows']} rows.",
            "Is the constraint one_event_per_provider in the database? Apply the migrations.",
        )


def _left_behind(rows: QuerySet[PaymentWebhookEvent], before: datetime) -> Iterator[Broken]:
    """Held past its lease, failed for good, or due for long: nobody is at it.

    What is due waits its turn behind older news of its payment that somebody still holds.
    """
    nobody = Q(next_try_at__isnull=True) | Q(next_try_at__lt=before)
    stuck = Q(status__in=[_Status.PROCESSING, _Status.FAILED]) & nobody
    stuck |= Q(status=_Status.PARKED, next_try_at__lt=before)
    before_it = PaymentWebhookEvent.objects.filter(
        payment=OuterRef("payment"),
        received_at__lt=OuterRef("received_at"),
        status=_Status.PROCESSING,
        lease_token__isnull=False,
        next_try_at__gte=before,
    )
    stuck_first = rows.filter(stuck).exclude(Exists(before_it))
    for row in stuck_first.order_by("received_at").iterator(chunk_size=500):
        yield _broken("accepted_news_is_taken_up", row, f"is {row.status} and nobody is at it.")


def _broken(rule: str, row: PaymentWebhookEvent, what: str) -> Broken:
    step = "Read its error in the console; then: replay_webhook_events."
    return Broken(rule, f"webhook event {row.event_id} of {row.provider}", what, step)
