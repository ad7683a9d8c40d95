"""Reads figures from the records when somebody asks for `/metrics`; each read has an index."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from monitoring.dashboard import concerns
from monitoring.metrics import read_counter, read_now
from payments.models import Delivery
from payments.projections import figures
from payments.projections.figures import Chosen, Tally
from payments.projections.progress import as_of
from payments.resilience import registry
from payments.resilience.storage import BreakerState, Scope
from payments.services import breakers
from webhooks.models import PaymentWebhookEvent

_KEPT_FOR = 30  # seconds: every process may be asked, and there may be years of figures
_UNSETTLED = ("processing", "failed", "parked")
_NOT_DONE = ("ready", "leased", "dead", "parked")
_OUTCOMES = ("successes", "failures", "timeouts", "rejects")
_LED_TO = {"open": "opens", "half_open": "half_opens", "closed": "closes"}
_OPENNESS = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 0.5, BreakerState.OPEN: 1}


class Records(Collector):
    """Everything that is read; where the database does not answer, that alone is told."""

    def collect(self) -> Iterator[Metric]:
        yield from _breakers()
        readable = read_now("records_readable")
        try:
            told = [*_payments(), *_webhooks(), *_deliveries(), *_concerns()]
        except DatabaseError:
            told = []
        readable.add_metric((), 1 if told else 0)
        yield from (readable, *told)


def _payments() -> Iterable[Metric]:
    kept: Any = cache.get_or_set("metrics:payments", _counted_payments, _KEPT_FOR)
    known_at, counts = kept
    payments, captured = read_now("payments"), read_now("captured_minor_units")
    for currency, (pending, successful, failed, amount) in sorted(counts.items()):
        payments.add_metric((currency, "pending"), pending)
        payments.add_metric((currency, "successful"), successful)
        payments.add_metric((currency, "failed"), failed)
        captured.add_metric((currency,), amount)
    age = read_now("statistics_age_seconds")
    age.add_metric((), (timezone.now() - known_at).total_seconds())
    return payments, captured, age


def _counted_payments() -> tuple[datetime, dict[str, tuple[int, ...]]]:
    known_at = as_of("keep_statistics")
    tallies: dict[str, Tally] = defaultdict(Tally)
    for currency, _, tally, _ in figures.counted(Chosen()):
        tallies[currency] += tally
    return known_at, {currency: astuple(tally) for currency, tally in tallies.items()}


def _webhooks() -> Iterable[Metric]:
    events = PaymentWebhookEvent.objects.filter(status__in=_UNSETTLED).order_by()
    counts = dict(events.values_list("status").annotate(Count("pk")))
    gauge = read_now("webhook_events")
    for status in _UNSETTLED:
        gauge.add_metric((status,), counts.get(status, 0))
    return (gauge,)


def _deliveries() -> Iterable[Metric]:
    rows = Delivery.objects.filter(status__in=_NOT_DONE).order_by()
    told = rows.values_list("status").annotate(Count("pk"), Min("next_try_at"))
    found = {status: (count, due_at) for status, count, due_at in told}
    waiting = read_now("event_deliveries")
    for status in _NOT_DONE:
        waiting.add_metric((status,), found.get(status, (0, None))[0])
    oldest = read_now("event_delivery_oldest_seconds")
    now = timezone.now()
    due_at = found.get("ready", (0, None))[1] or now
    oldest.add_metric((), max(0.0, (now - due_at).total_seconds()))
    return waiting, oldest


def _concerns() -> Iterable[Metric]:
    gauge = read_now("concerns")
    for concern in concerns():
        gauge.add_metric((concern.name,), concern.count())
    return (gauge,)


def _breakers() -> Iterable[Metric]:
    """Where each process has its own there is no one state: none is told."""
    openness = read_now("breaker_open")
    calls, transitions = read_counter("breaker_calls"), read_counter("breaker_transitions")
    for breaker in breakers.all_breakers():
        now = breaker.statistics()
        if now.scope is not Scope.SHARED:
            continue
        openness.add_metric((now.name,), _OPENNESS[now.state])
        for outcome in _OUTCOMES:
            calls.add_metric((now.name, outcome), getattr(now.totals, outcome))
        for state, count in _LED_TO.items():
            transitions.add_metric((now.name, state), getattr(now.totals, count))
    return openness, calls, transitions, _store_of_breakers()


def _store_of_breakers() -> Metric:
    degraded = read_now("breaker_store_degraded")
    is_away = settings.REDIS_URL and registry.is_degraded(settings.REDIS_URL)
    degraded.add_metric((), 1 if is_away else 0)
    return degraded
