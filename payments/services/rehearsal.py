"""Rehearsal: the recorded calls of one breaker, played to it again under other thresholds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from uuid import UUID

from django.db.models import QuerySet

from payments.models import GatewayCall
from payments.resilience.controls import Orders
from payments.resilience.memory import MemoryStore
from payments.resilience.policy import Policy
from payments.resilience.storage import Change, ChangeKind, Outcome, Permit, Reply
from payments.statuses import Outcome as OperationOutcome

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNDISTURBED = Orders()
_BAD = (Outcome.FAILURE, Outcome.TIMEOUT)
_GOOD = (Outcome.SUCCESS, Outcome.EXCLUDED)
_PLAYED = ("started_at", "duration", "outcome", "operation__outcome", "operation__payment")


@dataclass(slots=True)
class Outage:
    """From the opening that ended a closed time to the next close, failed trials included."""

    opened_at: datetime
    reason: str
    closed_at: datetime | None = None
    failed_trials: int = 0


@dataclass(slots=True)
class Findings:
    """What it would have done.

    `saved` would have failed and were not sent, `lost` would have been answered, be it with a
    decline; `lost_payments` counts the payments among these whose operation succeeded. Which a
    call is that was refused when it was recorded, nobody knows.
    """

    calls: int = 0
    failed: int = 0
    refused_then: int = 0
    saved: int = 0
    lost: int = 0
    lost_payments: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    outages: list[Outage] = field(default_factory=list)

    @property
    def open_for(self) -> timedelta:
        """All outages together; one without a close lasts to the end of the last call."""
        ends = [(outage.closed_at or self.last_at, outage.opened_at) for outage in self.outages]
        return sum((end - begin for end, begin in ends if end), timedelta(0))


class Rehearsal:
    """Plays calls in the order in which they began; they end in the order in which they ended."""

    def __init__(self, name: str, policy: Policy) -> None:
        self.findings = Findings()
        self._now = 0
        self._store = MemoryStore(name, policy.limits(), clock=lambda: self._now)
        self._lost_payments: set[UUID] = set()
        self._under_way: list[tuple[int, int, Permit, Outcome, int]] = []

    def play(self, call: GatewayCall) -> None:
        """One more call, which began no earlier than the one before."""
        started, took = (call.started_at - _EPOCH) // _MICROSECOND, call.duration // _MICROSECOND
        self._end_calls(before=started)
        self._count(call)
        self._now = started
        reply = self._heard(self._store.enter(_UNDISTURBED))
        outcome = Outcome(call.outcome)
        if reply.permit is None:
            self._refuse(call)
            return
        # Nobody knows how a call would have ended that was refused: it judges nothing.
        outcome = Outcome.IGNORED if outcome is Outcome.REFUSED else outcome
        entry = (started + took, self.findings.calls, reply.permit, outcome, took)
        heappush(self._under_way, entry)

    def finish(self) -> Findings:
        """Let the last calls end."""
        self._end_calls(before=None)
        return self.findings

    def _refuse(self, call: GatewayCall) -> None:
        found, operation = self.findings, call.operation
        found.saved += call.outcome in _BAD
        found.lost += call.outcome in _GOOD
        if call.outcome in _GOOD and operation and operation.outcome == OperationOutcome.SUCCEEDED:
            self._lost_payments.add(operation.payment_id)
            found.lost_payments = len(self._lost_payments)

    def _end_calls(self, before: int | None) -> None:
        while self._under_way and (before is None or self._under_way[0][0] <= before):
            self._now, _, permit, outcome, took = heappop(self._under_way)
            self._heard(self._store.leave(permit, outcome, took))

    def _count(self, call: GatewayCall) -> None:
        found = self.findings
        found.calls += 1
        found.failed += call.outcome in _BAD
        found.refused_then += call.outcome == Outcome.REFUSED
        found.first_at = found.first_at or call.started_at
        ended_at = call.started_at + call.duration
        found.last_at = max(found.last_at or ended_at, ended_at)

    def _heard(self, reply: Reply) -> Reply:
        for change in reply.changes:
            self._note(change)
        return reply

    def _note(self, change: Change) -> None:
        at, outages = _EPOCH + self._now * _MICROSECOND, self.findings.outages
        is_over = not outages or outages[-1].closed_at is not None
        if change.kind is ChangeKind.OPENED and is_over:
            outages.append(Outage(at, change.reason))
        elif change.kind is ChangeKind.OPENED:
            outages[-1].failed_trials += 1
        elif change.kind is ChangeKind.CLOSED:
            outages[-1].closed_at = at


def recorded(name: str, since: datetime | None) -> QuerySet[GatewayCall]:
    """The calls of one breaker that are still kept."""
    calls = GatewayCall.objects.filter(breaker=name).order_by("started_at")
    calls = calls.select_related("operation").only(*_PLAYED)
    return calls.filter(started_at__gte=since) if since else calls


def rehearse(calls: QuerySet[GatewayCall], rehearsal: Rehearsal) -> Iterator[int]:
    """Play them all; answers, after each, how many that makes.

    Their number costs no memory, but for a name of each payment that would have been lost.
    """
    for number, call in enumerate(calls.iterator(chunk_size=1000), 1):
        rehearsal.play(call)
        yield number
