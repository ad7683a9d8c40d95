"""Case: one payment with all that we hold of it, read many at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.utils import timezone

from monitoring.exactly_once.truth import Holding
from payments.gateways.messages import DisputeNews
from payments.models import (
    Discrepancy,
    Dispute,
    GatewayOperation,
    Payment,
    Posting,
    StoredEvent,
    Stream,
)
from payments.statuses import OperationKind, Outcome
from webhooks.models import PaymentWebhookEvent

BATCH = 500
# How late a check may be before we say that nobody makes it.
PATIENCE = timedelta(minutes=15)
Row = TypeVar("Row", bound=Model)


@dataclass(slots=True)
class Case:
    """One payment, and everything that was written down about it.

    `holdings` are what the providers hold of its charges, `rulings` how they say that its disputes
    stand, where they could be asked. `at_rest` says that nothing should be under way any more:
    nobody's next check excuses anything.
    """

    payment: Payment
    operations: list[GatewayOperation]
    events: list[StoredEvent]
    tip: Stream | None
    discrepancies: list[Discrepancy]
    disputes: list[Dispute]
    inbox: list[PaymentWebhookEvent]
    postings: list[Posting]
    at_rest: bool = False
    holdings: Mapping[UUID, Holding] = field(default_factory=dict)
    rulings: Mapping[UUID, DisputeNews] = field(default_factory=dict)
    read_at: datetime = field(default_factory=timezone.now)

    @property
    def charges(self) -> list[GatewayOperation]:
        """The attempts that were meant to take or reserve money."""
        return [each for each in self.operations if not each.is_follow_up()]

    @property
    def refunds(self) -> list[GatewayOperation]:
        """What was to be given back of the payment's own money; an orphan's return is not."""
        refunds = [each for each in self.operations if each.kind == OperationKind.REFUND]
        return [each for each in refunds if not each.is_orphan]

    def succeeded(self, *kinds: OperationKind) -> list[GatewayOperation]:
        """What went well; a second charge is not counted, it is an orphan."""
        return [
            each
            for each in self.operations
            if each.kind in kinds and each.outcome == Outcome.SUCCEEDED and not each.is_orphan
        ]

    def is_awaited(self, operation: GatewayOperation) -> bool:
        """Whether its provider will soon be asked (again) what became of it."""
        due = operation.next_check_at
        return not self.at_rest and due is not None and due > self.read_at - PATIENCE

    def is_told(self, *operations: GatewayOperation) -> bool:
        """Whether a person has been told of a contradiction about one of these."""
        told = {each.operation_id for each in self.discrepancies}
        return any(each.pk in told for each in operations)

    def contested(self) -> list[tuple[Dispute, GatewayOperation]]:
        """Its disputes, each with the charge that it contests; none that contests another's."""
        its_own = {each.pk: each for each in self.operations}
        return [
            (each, its_own[each.operation_id])
            for each in self.disputes
            if each.operation_id in its_own
        ]

    def lost_disputes(self) -> list[Dispute]:
        """Those that took of what was taken for this payment."""
        its_money = {each.pk for each in self.succeeded(*OperationKind)}
        return [
            each
            for each in self.disputes
            if each.proven_status == Dispute.Status.LOST
            and each.currency == self.payment.currency
            and each.operation_id in its_money
        ]

    def lost_to_disputes(self) -> int:
        """What they contest of it, in its minor units."""
        return sum(each.amount for each in self.lost_disputes())

    def family_of(self, charge: GatewayOperation) -> list[GatewayOperation]:
        """A charge, and what followed it."""
        family = {charge.pk}
        # In the order of their start, so that a parent always comes first.
        for each in self.operations:
            if each.parent_id in family:
                family.add(each.pk)
        return [each for each in self.operations if each.pk in family]


def cases_of(payments: QuerySet[Payment], *, at_rest: bool = False) -> Iterator[list[Case]]:
    """Every one of these payments, so many at a time: memory and queries stay bounded."""
    last = UUID(int=0)
    while rows := list(payments.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield _cases(rows, at_rest=at_rest)
        last = rows[-1].pk


def _cases(rows: list[Payment], *, at_rest: bool) -> list[Case]:
    """One query a table, however many payments."""
    ids = [row.pk for row in rows]
    names = {"aggregate_type": "payment", "aggregate_id__in": [str(pk) for pk in ids]}
    operations = _by_payment(_of(GatewayOperation, ids).defer("exchange").order_by("started_at"))
    events = _grouped(StoredEvent.objects.filter(**names).order_by("sequence"), "aggregate_id")
    tips = _grouped(Stream.objects.filter(**names), "aggregate_id")
    discrepancies = _by_payment(_of(Discrepancy, ids))
    disputes = _by_payment(_of(Dispute, ids))
    postings = _by_payment(_of(Posting, ids).order_by("pk"))
    inbox = _by_payment(_of(PaymentWebhookEvent, ids).filter(status="completed"))
    return [
        Case(
            payment=row,
            operations=operations[str(row.pk)],
            events=events[str(row.pk)],
            tip=next(iter(tips[str(row.pk)]), None),
            discrepancies=discrepancies[str(row.pk)],
            disputes=disputes[str(row.pk)],
            inbox=inbox[str(row.pk)],
            postings=postings[str(row.pk)],
            at_rest=at_rest,
        )
        for row in rows
    ]


def _of(model: type[Row], payments: list[UUID]) -> QuerySet[Row]:
    return model._default_manager.filter(payment_id__in=payments)  # noqa: SLF001 - public by name


def _by_payment(rows: Iterable[Row]) -> dict[str, list[Row]]:
    return _grouped(rows, "payment_id")


def _grouped(rows: Iterable[Row], name: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[str(getattr(row, name))].append(row)
    return groups
