"""Go through everything with every rule; keep count of what was seen and what was not."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TypeVar
from uuid import UUID

from django.db.models import Exists, Model, OuterRef, QuerySet

from monitoring.exactly_once import history, inbox, outbox, postings, providers, records
from monitoring.exactly_once.cases import BATCH, Case, cases_of
from monitoring.exactly_once.rules import Broken
from monitoring.exactly_once.truth import Entry, Truth
from payments.models import GatewayOperation, Payment
from webhooks.models import PaymentWebhookEvent

Row = TypeVar("Row", bound=Model)
RULES = (*records.RULES, *postings.RULES, *history.RULES, *inbox.RULES, *providers.RULES)


class Audit:
    """One check of payments created, and webhook events received, since a moment; or of all.

    `checked` counts what was held against the rules, `unseen` the attempts whose provider gave
    no answer, `under_way` what has not ended yet, `left_to_people` what is known to be wrong and
    waits for somebody.
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
        self.under_way: Counter[str] = Counter()
        self.left_to_people: Counter[str] = Counter()

    def run(self) -> Iterator[list[Broken]]:
        """What is broken, batch by batch; empty lists are progress."""
        for batch in cases_of(self.payments, at_rest=self._at_rest):
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

    def saw_nothing(self) -> bool:
        """Whether this check proves nothing: there was nothing, or nobody to ask about it."""
        blind = self.checked["attempts"] and not self.checked["attempts seen at providers"]
        return not self.checked["payments"] or bool(blind)

    def _look_at_providers(self, batch: list[Case]) -> None:
        families = {charge.pk: case.family_of(charge) for case in batch for charge in case.charges}
        held = self._truth.holdings_of(list(families.values()))
        for case in batch:
            case.holdings = held

    def _count(self, batch: list[Case]) -> None:
        for case in batch:
            self.checked["payments"] += 1
            self.checked["attempts"] += len(case.operations)
            self.checked["events"] += len(case.events)
            self.under_way["attempts"] += sum(each.is_open() for each in case.operations)
            unresolved = [each for each in case.discrepancies if each.resolved_at is None]
            self.left_to_people["discrepancies"] += len(unresolved)
            for charge in case.charges:
                if charge.pk in case.holdings:
                    self.checked["attempts seen at providers"] += len(case.family_of(charge))
                else:
                    self.unseen[charge.provider] += len(case.family_of(charge))

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
        """Money that a provider holds under a name that we know nothing of."""
        names = {each.reference: _key(each.reference) for each in entries}
        known = GatewayOperation.objects.filter(pk__in=filter(None, names.values()))
        ours = set(known.values_list("provider", "pk"))
        mine = [each for each in entries if self._provider in ("", each.provider)]
        return [_stranger(e) for e in mine if (e.provider, names[e.reference]) not in ours]


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
        f"holds money under {entry.reference!r}, which is no attempt of ours.",
        "Find out who asked for it; if nobody did, give it back in the provider's dashboard.",
    )
