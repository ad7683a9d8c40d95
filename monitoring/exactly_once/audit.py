"""Go through everything with every rule; keep count of what was seen and what was not."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TypeVar
from uuid import UUID

from django.db.models import Exists, Model, OuterRef, QuerySet

from monitoring.exactly_once import (
    disputes,
    history,
    inbox,
    outbox,
    postings,
    providers,
    records,
)
from monitoring.exactly_once.cases import BATCH, Case, cases_of
from monitoring.exactly_once.rules import Broken
from monitoring.exactly_once.truth import Entry, Holding, Truth
from payments.models import Discrepancy, GatewayOperation, Payment
from payments.statuses import OperationKind
from webhooks.models import PaymentWebhookEvent

Row = TypeVar("Row", bound=Model)
RULES = (
    *records.RULES,
    *postings.RULES,
    *disputes.RULES,
    *history.RULES,
    *inbox.RULES,
    *providers.RULES,
)
_CHARGES = (OperationKind.CHARGE, OperationKind.AUTHORIZE)


class Audit:
    """One check of payments created, and webhook events received, since a moment; or of all.

    A payment from before is checked where a provider's list speaks of it otherwise than we do.

    `checked` counts what was held against the rules, `unseen` the attempts, and `unseen_disputes`
    the disputes, whose provider did not say, `under_way` what has not ended yet, `left_to_people`
    what is known to be wrong and waits for somebody.
    """

    def __init__(
        self,
        truth: Truth,
        *,
        since: datetime | None = None,
        provider: str = "",
        at_rest: bool = False,
    ) -> None:
        self._truth, self._provider, self._at_rest = truth, provider, at_rest
        self._since = since
        self.payments = _since(Payment.objects.all(), "created_at", since)
        self._events = _since(PaymentWebhookEvent.objects.all(), "received_at", since)
        if provider:
            tried = GatewayOperation.objects.filter(payment=OuterRef("pk"), provider=provider)
            self.payments = self.payments.filter(Exists(tried))
            self._events = self._events.filter(provider=provider)
        self.checked: Counter[str] = Counter()
        self.unseen: Counter[str] = Counter()
        self.unseen_disputes: Counter[str] = Counter()
        self.under_way: Counter[str] = Counter()
        self.left_to_people: Counter[str] = Counter()

    def run(self) -> Iterator[list[Broken]]:
        """What is broken, batch by batch; empty lists are progress."""
        yield from ([] for _ in self._truth.read())
        for payments in (self.payments, *self._from_before()):
            for batch in cases_of(payments, at_rest=self._at_rest):
                self._look_at_providers(batch)
                self._count(batch)
                yield [broken for case in batch for broken in self._judged(case)]
        self._count_inbox()
        yield list(inbox.breaches_in(self._events, at_rest=self._at_rest))
        self._count_outbox()
        yield list(outbox.breaches_in(self._since))
        entries = self._truth.entries()
        while some := list(islice(entries, BATCH)):
            yield self._strangers_among(some)
        self.checked.update(self._truth.checked)

    def _from_before(self) -> Iterator[QuerySet[Payment]]:
        if self._since:
            for doubtful in self._truth.in_doubt():
                yield Payment.objects.filter(pk__in=doubtful, created_at__lt=self._since)

    def saw_nothing(self) -> bool:
        """Whether this check proves nothing: there was nothing, or nobody to ask about it."""
        blind = self.checked["attempts"] and not self.checked["attempts seen at providers"]
        return not self.checked["payments"] or bool(blind)

    def _look_at_providers(self, batch: list[Case]) -> None:
        families = {charge.pk: case.family_of(charge) for case in batch for charge in case.charges}
        held = self._truth.holdings_of(list(families.values()))
        ruled = self._truth.disputes_of([each for case in batch for each in case.contested()])
        for case in batch:
            case.holdings, case.rulings = held, ruled

    def _count(self, batch: list[Case]) -> None:
        for case in batch:
            self.checked["payments"] += 1
            self.checked["attempts"] += len(case.operations)
            self.checked["events"] += len(case.events)
            self.under_way["attempts"] += sum(each.is_open() for each in case.operations)
            unresolved = [each for each in case.discrepancies if each.resolved_at is None]
            self.left_to_people["discrepancies"] += len(unresolved)
            self._count_seen(case)

    def _count_seen(self, case: Case) -> None:
        for charge in case.charges:
            if charge.pk in case.holdings:
                self.checked["attempts seen at providers"] += len(case.family_of(charge))
            else:
                self.unseen[charge.provider] += len(case.family_of(charge))
        for dispute in case.disputes:
            self.checked["disputes"] += 1
            if dispute.pk in case.rulings:
                self.checked["disputes seen at providers"] += 1
            else:
                self.unseen_disputes[dispute.provider] += 1

    def _count_inbox(self) -> None:
        status = PaymentWebhookEvent.Status
        waiting = self._events.filter(status__in=[status.PROCESSING, status.FAILED])
        self.checked["webhook events"] = self._events.count()
        self.under_way["webhook events"] = waiting.count()
        parked = self._events.filter(status=status.PARKED)
        self.left_to_people["parked webhook events"] = parked.count()

    def _count_outbox(self) -> None:
        rows = outbox.deliveries(self._since)
        self.checked["deliveries"] = rows.count()
        self.under_way["deliveries"] = rows.filter(next_try_at__isnull=False).count()
        self.left_to_people["deliveries given up"] = outbox.given_up(self._since)

    def _judged(self, case: Case) -> list[Broken]:
        """A payment that moved while it was looked at is looked at once more."""
        if not _breaches_in(case):
            return []
        again = Payment.objects.filter(pk=case.payment.pk)
        (batch,) = cases_of(again, at_rest=self._at_rest)
        self._look_at_providers(batch)
        return _breaches_in(batch[0])

    def _strangers_among(self, entries: list[Entry]) -> list[Broken]:
        """Money that a provider moved under a name that we know nothing of."""
        names = {each.reference: _key(each.reference) for each in entries}
        known = GatewayOperation.objects.filter(
            pk__in=filter(None, names.values()), kind__in=_CHARGES
        )
        ours = set(known.values_list("provider", "pk"))
        mine = [each for each in entries if self._provider in ("", each.provider)]
        strange = [e for e in mine if (e.provider, names[e.reference]) not in ours]
        told = self._told_of(strange)
        return [_stranger(e) for e in strange if (e.provider, e.transaction_ref) not in told]

    def _told_of(self, entries: list[Entry]) -> set[tuple[str, str]]:
        """Those that a person knows of, whether they have dealt with them or not yet."""
        refs = [each.transaction_ref for each in entries]
        rows = Discrepancy.objects.filter(operation=None, heard__in=refs)
        self.left_to_people["discrepancies"] += rows.filter(resolved_at=None).count()
        return set(rows.values_list("provider", "heard"))


def _since(rows: QuerySet[Row], name: str, since: datetime | None) -> QuerySet[Row]:
    return rows.filter(**{f"{name}__gte": since}) if since else rows


def _breaches_in(case: Case) -> list[Broken]:
    return [broken for rule in RULES for broken in rule.judged(case)]


def _key(reference: str) -> UUID | None:
    try:
        return UUID(hex=reference)
    except ValueError:
        return None


def _stranger(entry: Entry) -> Broken:
    return Broken(
        "no_money_without_a_record",
        f"transaction {entry.transaction_ref} at {entry.provider}",
        f"{_deed(entry.holding)} under {entry.reference!r}, which is no attempt of ours.",
        "Find out who asked for it; if nobody did, give it back in the provider's dashboard.",
    )


def _deed(holding: Holding) -> str:
    if holding.given_back > holding.taken:
        return f"gave back {holding.given_back} {holding.currency}"
    return f"took {holding.taken} {holding.currency}" if holding.taken else "holds money"
