"""What the console draws of a breaker: its card, its last hour, its history."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncMinute
from django.utils import timezone

from payments import signals
from payments.admin.timeline import Moment
from payments.models import BreakerControl, GatewayCall, StoredEvent
from payments.resilience.breaker import Breaker
from payments.resilience.controls import Mode
from payments.resilience.report import Statistics
from payments.resilience.storage import BreakerState, Outcome, Scope
from payments.resilience.window import Counts
from payments.services.breakers import history_of

STATE_COLOURS = {
    BreakerState.CLOSED: "success",
    BreakerState.HALF_OPEN: "warning",
    BreakerState.OPEN: "danger",
}
OUTCOME_COLOURS = {
    Outcome.SUCCESS: "success",
    Outcome.EXCLUDED: "success",
    Outcome.FAILURE: "danger",
    Outcome.TIMEOUT: "danger",
    Outcome.REFUSED: "warning",
}
_MODE_COLOURS = {Mode.FORCED_OPEN: "danger", Mode.DISABLED: "warning"}
_KINDS = {"success": "good", "danger": "failed", "warning": "refused"}
_MINUTES = 60
_SHOWN_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class Gauge:
    """A rate, and the threshold at which it opens the circuit; both in percent."""

    title: str
    rate: float
    threshold: float

    @property
    def is_off(self) -> bool:
        return self.threshold > 100

    @property
    def is_reached(self) -> bool:
        return self.rate >= self.threshold


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a whole, from `start` on, `length` long."""

    kind: str
    count: int
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Minute:
    """The calls that began in one minute, stacked."""

    at: datetime
    place: int
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Card:
    """One breaker at one moment, and what operators last wanted of it."""

    now: Statistics
    order: BreakerControl | None

    @property
    def colour(self) -> str:
        return STATE_COLOURS[self.now.state]

    @property
    def mode_colour(self) -> str:
        return _MODE_COLOURS.get(self.now.mode, "")

    @property
    def trouble(self) -> str:
        """An operator's word, or a state that is not closed; nothing where all is well."""
        if self.now.mode is not Mode.AUTO:
            return self.now.mode
        return "" if self.now.state is BreakerState.CLOSED else self.now.state

    @property
    def trouble_colour(self) -> str:
        return self.mode_colour or self.colour

    @property
    def next_trial_at(self) -> datetime | None:
        """None where there is none, or where the next call is one."""
        at = self.now.next_retry_at
        return at if at and at > timezone.now() else None

    @property
    def is_shared(self) -> bool:
        return self.now.scope is Scope.SHARED

    @property
    def gauges(self) -> list[Gauge]:
        now = self.now
        return [
            Gauge("failed", now.error_rate, now.policy.error_rate),
            Gauge("slow", now.slow_rate, now.policy.slow_rate),
        ]

    @property
    def window(self) -> list[Bar]:
        """The calls of the rolling window, as shares of all."""
        kinds = _kinds_of(self.now.rolling)
        return list(_stacked(kinds, sum(kinds.values())))

    @property
    def pieces(self) -> list[list[Bar]]:
        """The same piece by piece, the oldest first, as shares of the fullest one."""
        pieces = [_kinds_of(counts) for counts in self.now.buckets]
        fullest = max(sum(kinds.values()) for kinds in pieces)
        return [list(_stacked(kinds, fullest)) for kinds in pieces]

    @property
    def calls_to_judgement(self) -> int:
        """How many calls have still to end before the rates mean anything."""
        return max(0, self.now.policy.quorum - self.now.rolling.completed)


def card_of(breaker: Breaker, orders: dict[str, BreakerControl]) -> Card:
    """`orders` by the name of their breaker."""
    order = orders.get(breaker.name)
    return Card(breaker.statistics(), order if order and order.version else None)


def _kinds_of(counts: Counts) -> dict[str, int]:
    return {"good": counts.successes, "failed": counts.failures, "refused": counts.rejects}


def _stacked(kinds: dict[str, int], whole: int) -> Iterator[Bar]:
    """Shares of 100, one after the other; nothing for what is not there."""
    start = 0.0
    for kind, count in kinds.items():
        if count:
            length = 100 * count / whole
            yield Bar(kind, count, start, length)
            start += length


def last_hour_of(name: str) -> list[Minute]:
    """Minute by minute, as shares of the fullest one."""
    now = timezone.now().replace(second=0, microsecond=0)
    begin = now - timedelta(minutes=_MINUTES - 1)
    minutes = _counted(name, begin)
    fullest = max((sum(kinds.values()) for kinds in minutes.values()), default=1)
    return [
        Minute(at, (at - begin) // timedelta(minutes=1), list(_stacked(kinds, fullest)))
        for at, kinds in sorted(minutes.items())
    ]


def _counted(name: str, begin: datetime) -> dict[datetime, dict[str, int]]:
    calls = GatewayCall.objects.filter(breaker=name, started_at__gte=begin).order_by()
    rows = calls.annotate(minute=TruncMinute("started_at")).values_list("minute", "outcome")
    minutes: dict[datetime, dict[str, int]] = {}
    for minute, outcome, count in rows.annotate(Count("pk")):
        kind = _KINDS.get(OUTCOME_COLOURS.get(outcome, ""))
        if kind:
            kinds = minutes.setdefault(minute, {"good": 0, "failed": 0, "refused": 0})
            kinds[kind] += count
    return minutes


def timeline_of(name: str) -> list[Moment]:
    """Every transition and every order, the latest first."""
    history = history_of(name)
    events = StoredEvent.objects.filter(aggregate_type=history.type, aggregate_id=history.id)
    told = events.exclude(type=signals.service_unavailable.name).order_by("-sequence")
    return [_moment(event) for event in told[:_SHOWN_AT_MOST]]


def _moment(event: StoredEvent) -> Moment:
    data = event.data
    details = {"reason": data["reason"]}
    if data["completed"]:
        details["window"] = (
            f"{data['completed']} calls, {data['error_rate']} % failed,"
            f" {data['slow_call_rate']} % slow"
        )
    if data["mode"] != Mode.AUTO:
        until = data["next_retry_at"]
        until = f"{datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC" if until else ""
        details |= {"mode": data["mode"], "until": until}
    if data["scope"] == Scope.PROCESS:
        details["counted by"] = "one process alone"
    return Moment(
        at=event.timestamp,
        type=event.type,
        priority=event.priority,
        previous=data["previous_state"],
        status=data["state"],
        colour=STATE_COLOURS[BreakerState(data["state"])],
        heard_from="",
        actor=event.metadata.get("user_id", ""),
        correlation_id=event.correlation_id,
        details={name: value for name, value in details.items() if value},
    )
