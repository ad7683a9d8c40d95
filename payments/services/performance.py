"""How long things take, sampled: a few events a stretch of time, read off rows that are there.

Nothing is measured here that was not written down anyway, so no payment is a moment slower.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from payments import signals
from payments.events import store
from payments.events.signal import Aggregate
from payments.models import Delivery, GatewayCall, StoredEvent
from payments.resilience.window import nearest_rank
from payments.signals import PerformanceFacts

_AT_MOST = 1000
Took = tuple[str, timedelta]


def take_samples() -> int:
    """Record how the last stretch went; answers how many events that took, none if it was done."""
    until = timezone.now()
    since = until - settings.PERFORMANCE_SAMPLE_INTERVAL
    hour = Aggregate("performance", f"{until:%Y-%m-%dT%H}")
    with transaction.atomic(durable=True):
        tip = store.hold(hour)
        if _is_sampled(hour, since):
            return 0
        samples = list(_samples(since, until))
        for facts in samples:
            store.record(signals.performance_metric, hour, facts, tip=tip)
    return len(samples)


def _is_sampled(hour: Aggregate, since: datetime) -> bool:
    """Whether another scheduler was here; a beat that comes a little early is none."""
    told = StoredEvent.objects.filter(aggregate_type=hour.type, aggregate_id=hour.id)
    last = told.order_by("-sequence").first()
    return last is not None and last.timestamp > since + settings.PERFORMANCE_SAMPLE_INTERVAL // 2


def _samples(since: datetime, until: datetime) -> Iterator[PerformanceFacts]:
    for what, rows in (("gateway_call", _calls(since)), ("delivery", _deliveries(since))):
        by_name: dict[str, list[timedelta]] = defaultdict(list)
        for name, took in rows:
            by_name[name].append(took)
        for name, durations in sorted(by_name.items()):
            yield _facts(what, name, durations, since, until)


def _calls(since: datetime) -> Iterator[Took]:
    calls = GatewayCall.objects.filter(started_at__gte=since).order_by("-started_at")
    yield from calls.exclude(outcome="refused").values_list("breaker", "duration")[:_AT_MOST]


def _deliveries(since: datetime) -> Iterator[Took]:
    done = Delivery.objects.filter(status=Delivery.Status.DONE, ended_at__gte=since, replay_id="")
    rows = done.order_by("-ended_at").values_list("handler", "event__timestamp", "ended_at")
    for handler, told_at, ended_at in rows[:_AT_MOST]:
        if ended_at:
            yield handler, ended_at - told_at


def _facts(
    what: str, name: str, durations: list[timedelta], since: datetime, until: datetime
) -> PerformanceFacts:
    took = sorted(each // timedelta(milliseconds=1) for each in durations)
    return PerformanceFacts(
        what=what,
        name=name,
        since=since.isoformat(),
        until=until.isoformat(),
        count=len(took),
        mean_ms=sum(took) // len(took),
        p95_ms=nearest_rank(took, 95),
        slowest_ms=took[-1],
    )
