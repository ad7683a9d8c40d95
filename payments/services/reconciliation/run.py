"""Go through a time at one provider: what it names first, then what of ours it did not name."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import Q, QuerySet
from django.utils import timezone

from payments import operations
from payments.events import context
from payments.gateways.listing import ListUnseen
from payments.gateways.messages import (
    GatewayCallFacts,
    GatewayEvent,
    GatewayResult,
    Handle,
    Page,
)
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation
from payments.paging import paged
from payments.services.reconciliation import queue
from payments.services.reconciliation.findings import SOURCE, Deed, Finding, Report
from payments.services.reconciliation.judging import agrees, judged
from payments.services.reconciliation.lists import MOST_PAGES, Lists, Period
from payments.services.reconciliation.matching import Known
from payments.services.reconciliation.ours import OPEN, begun_by_us
from payments.services.reconciliation.strangers import finding_in, moved_money
from payments.services.recovery import StopErrors, look_up, question_about
from payments.statuses import Outcome

_AT_ONCE = 200
# Longer than from one daily run to the next, so that one that failed is made good.
USUAL_PERIOD = timedelta(days=2)
log = structlog.get_logger(__name__)


def reconcile_lately(provider: str, stops: StopErrors = ()) -> int:
    """Heal and queue what differs in USUAL_PERIOD; answers how many differences are left.

    What could not be seen is told to the log. Raises UnknownProvider, and `stops`.
    """
    now = timezone.now()
    period = Period(now - USUAL_PERIOD, now)
    reconciliation = Reconciliation(provider, period, fix=True, stops=stops)
    for _ in reconciliation.run():
        pass
    report = reconciliation.report
    left, healed = report.count(Deed.QUEUED, Deed.KNOWN), report.count(Deed.HEALED)
    facts = {"healed": healed, "left": left, "unseen": report.unseen, **report.held}
    log.info("reconciled", provider=provider, **facts)
    return left


class Reconciliation:
    """One provider's records of a time against ours; `run` it once.

    Without `fix` it only tells. `exported` is what the provider's dashboard exported, in place of
    a list. A run that died, or one beside another, leaves nothing half done: run it again.
    What goes wrong with one operation is logged and hinders no other, but for `stops`.
    """

    def __init__(
        self,
        provider: str,
        period: Period,
        *,
        fix: bool = False,
        exported: str | None = None,
        most_pages: int = MOST_PAGES,
        stops: StopErrors = (),
    ) -> None:
        """Raises UnknownProvider, NotSupported, ReportUnreadable."""
        self._gateway = gateway_named(provider)
        self._lists = Lists(self._gateway, period, most_pages)
        self._period, self._fix, self._stops = period, fix, stops
        self._exported = None if exported is None else self._gateway.report_in(exported)
        blind_to = [] if self._exported is not None else list(self._lists.blind_spots())
        self.report = Report(provider, unseen=self._lists.unseen, blind_to=blind_to)
        self._told: set[tuple[str, str]] = set()
        self._named: set[UUID] = set()
        self._in_doubt: set[UUID] = set()
        self._asked: set[UUID] = set()
        self._foreign: list[GatewayEvent] = []

    def run(self) -> Iterator[Report]:
        """Yields the report at each step, as far as it is; in the end it is whole.

        What is open here is asked about first: what a refund was made of must be known before
        the refund can be called foreign; and a foreign refund explains why a charge went back.
        """
        known = context.current().correlation_id
        with context.bound(source=SOURCE, correlation_id=context.accepted_or_new(known)):
            for page in self._pages():
                self._hold(page)
                yield self.report
            yield from self._ask_about(OPEN)
            self._keep_foreign()
            yield from self._ask_about(~OPEN)
            self._tell_what_was_unanswered()
            yield self.report

    def _has_list(self) -> bool:
        return self._exported is not None or self._lists.are_there

    def _pages(self) -> Iterator[Page]:
        if self._exported is not None:
            yield self._exported
        elif self._lists.are_there:
            for page in self._lists.pages():
                self._keep_calls(None, page.calls)
                yield page
        else:
            for operation in paged(self._ours(), _AT_ONCE):
                yield from self._list_of(operation)

    def _list_of(self, operation: GatewayOperation) -> Iterator[Page]:
        """Everything that bears one key of ours. What is not seen is asked about by itself."""
        try:
            for page in self._lists.under(operation.key):
                self._keep_calls(operation, page.calls)
                yield page
        except ListUnseen as problem:
            self._keep_calls(operation, problem.calls)

    def _keep_calls(
        self, operation: GatewayOperation | None, calls: Iterable[GatewayCallFacts]
    ) -> None:
        """Whoever only looks leaves nothing behind."""
        if self._fix:
            operations.keep_calls(operation, calls)

    def _ours(self) -> QuerySet[GatewayOperation]:
        name, period = self._gateway.name, self._period
        return begun_by_us(name, period.since, period.until, has_list=self._has_list())

    def _hold(self, page: Page) -> None:
        known = Known(self._gateway.name, page.events)
        for event in page.events:
            told = event.result
            name = (event.id, str(told.kind) if told else "")
            if told is None or name in self._told:
                continue
            self._told.add(name)
            self.report.held["records"] += 1
            operation = known.about(event)
            if operation is None:
                self._foreign += [event] if moved_money(told) else []
                continue
            self._named.add(operation.pk)
            if agrees(operation, told):
                self.report.held["agreed"] += 1
            else:
                self._in_doubt.add(operation.pk)

    def _ask_about(self, which: Q) -> Iterator[Report]:
        """The operations that were named otherwise than we know them, or not named at all."""
        unnamed = set(self._ours().filter(which).values_list("pk", flat=True)) - self._named
        wanted = sorted((self._in_doubt | unnamed) - self._asked)
        for start in range(0, len(wanted), _AT_ONCE):
            rows = GatewayOperation.objects.filter(which, pk__in=wanted[start : start + _AT_ONCE])
            for operation in rows.select_related("payment", "parent").order_by("started_at"):
                with context.bound(correlation_id=operation.key):
                    self._ask(operation)
                yield self.report

    def _ask(self, operation: GatewayOperation) -> None:
        self._asked.add(operation.pk)
        self.report.held["asked"] += 1
        try:
            self.report.findings += self._answered(operation)
        except self._stops:
            raise
        except Exception:
            # One operation's trouble, whatever it is, must not keep the others waiting.
            log.exception("reconciliation_failed", operation_id=str(operation.id))
            self.report.held["unanswered"] += 1

    def _answered(self, operation: GatewayOperation) -> list[Finding]:
        gateway, asked_at = self._gateway, timezone.now()
        heard = self._heard(operation)
        if heard.outcome is Outcome.UNKNOWN:
            self.report.held["unanswered"] += 1
            self._keep_calls(operation, heard.calls)
            return []
        if self._fix:
            return queue.settled(operation, heard, gateway, asked_at)
        return list(self._foretold(operation, heard, asked_at))

    def _heard(self, operation: GatewayOperation) -> GatewayResult:
        """Whoever only looks asks plainly: what recovery would do next is not done.

        A name that the provider gave and denies now proves nothing. Where its whole list does
        not name the operation either, our own key is asked for.
        """
        gateway = self._gateway
        question = question_about(operation, gateway)
        if self._fix:
            heard = look_up(operation, gateway)
        else:
            heard = operations.call(gateway, question, gateway.timeout)
        if heard.outcome is Outcome.UNKNOWN and self._is_missing(operation):
            by_key = replace(question, handle=Handle(), parent=Handle())
            again = operations.call(gateway, by_key, gateway.timeout)
            return replace(again, calls=heard.calls + again.calls)
        return heard

    def _is_missing(self, operation: GatewayOperation) -> bool:
        settled_by = operation.deadline_at + self._gateway.settling_time
        is_listed = self._lists.are_there and not self.report.unseen
        is_ours_alone = operation.outcome == Outcome.SUCCEEDED and timezone.now() > settled_by
        return is_listed and is_ours_alone and operation.pk not in self._named

    def _foretold(
        self, operation: GatewayOperation, heard: GatewayResult, asked_at: datetime
    ) -> Iterator[Finding]:
        foreign = {each.operation.pk for each in self.report.findings if each.operation}
        found = judged(operation.payment, operation, heard, self._gateway, asked_at).findings
        for each in found:
            if not (heard.takes_back and operation.pk in foreign):
                yield each.ended(Deed.WOULD_QUEUE if each.difference else Deed.WOULD_HEAL)

    def _keep_foreign(self) -> None:
        """What no operation is about, now that what was open is known by all its names."""
        for start in range(0, len(self._foreign), _AT_ONCE):
            batch = self._foreign[start : start + _AT_ONCE]
            known = Known(self._gateway.name, batch)
            for event in batch:
                if operation := known.about(event):
                    self._in_doubt.add(operation.pk)
                else:
                    self._judge_foreign(event, known.charge_of(event))

    def _judge_foreign(self, event: GatewayEvent, charge: GatewayOperation | None) -> None:
        calls: list[GatewayCallFacts] = []
        found = finding_in(self._gateway, event, charge, calls)
        self._keep_calls(charge, calls)
        if found:
            self._keep(found)

    def _keep(self, finding: Finding) -> None:
        self.report.held["foreign"] += 1
        kept = queue.keep(finding) if self._fix else finding.ended(Deed.WOULD_QUEUE)
        self.report.findings += [kept] if kept else []

    def _tell_what_was_unanswered(self) -> None:
        if count := self.report.held["unanswered"]:
            self.report.unseen.append(f"{count} operations of which it said nothing")
