"""How long things take is sampled off rows that are there, once a stretch of time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payments import tasks
from payments.events.chain import verify_stream
from payments.events.signal import Aggregate
from payments.models import Delivery, StoredEvent
from tests.events.receivers import write
from tests.factories import GatewayCallFactory

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)


def called(ms: int, breaker: str = "stripe-create", **facts: Any) -> None:
    GatewayCallFactory.create(breaker=breaker, duration=timedelta(milliseconds=ms), **facts)


def told() -> list[dict[str, Any]]:
    return [e.data for e in StoredEvent.objects.filter(type="performance.metric").order_by("pk")]


@time_machine.travel(NOW, tick=False)
def test_calls_are_told_of_by_their_breaker() -> None:
    for ms in (100, 200, 300, 1000):
        called(ms)
    called(40, "paytabs-verify")
    called(0, outcome="refused")
    called(9_000, started_at=NOW - timedelta(minutes=6))
    assert tasks.sample_performance() == 2
    verify, create = told()
    assert (verify["name"], verify["count"], verify["mean_ms"]) == ("paytabs-verify", 1, 40)
    assert create == {
        "what": "gateway_call",
        "name": "stripe-create",
        "since": (NOW - timedelta(minutes=5)).isoformat(),
        "until": NOW.isoformat(),
        "count": 4,
        "mean_ms": 400,
        "p95_ms": 1000,
        "slowest_ms": 1000,
    }


def test_deliveries_are_told_of_by_their_receiver() -> None:
    (event,) = write()
    Delivery.objects.update(
        status="done", next_try_at=None, ended_at=event.timestamp + timedelta(seconds=2)
    )
    with time_machine.travel(timezone.now() + timedelta(seconds=3)):
        assert tasks.sample_performance() == Delivery.objects.count()
    assert {(each["what"], each["slowest_ms"]) for each in told()} == {("delivery", 2000)}
    assert "keep_statistics" in [each["name"] for each in told()]


def test_a_stretch_is_told_of_once_whoever_else_has_a_scheduler() -> None:
    called(100)
    assert (tasks.sample_performance(), tasks.sample_performance()) == (1, 0)
    with time_machine.travel(timezone.now() + timedelta(minutes=4, seconds=59)):
        called(100)
        assert tasks.sample_performance() == 1
    hours = set(StoredEvent.objects.values_list("aggregate_id", flat=True))
    assert sum(verify_stream(Aggregate("performance", hour)) for hour in hours) == 2


def test_where_nothing_happened_nothing_is_told() -> None:
    assert tasks.sample_performance() == 0


def test_what_it_reads_is_bounded_however_much_happened() -> None:
    called(1)
    with CaptureQueriesContext(connection) as queries:
        tasks.sample_performance()
    reads = [q["sql"] for q in queries if "gatewaycall" in q["sql"] or "delivery" in q["sql"]]
    assert len([sql for sql in reads if "LIMIT 1000" in sql or "LIMIT %s" in sql]) == 2


def test_a_task_is_a_conversation_of_its_own() -> None:
    called(100)
    tasks.sample_performance()
    event = StoredEvent.objects.get()
    assert event.correlation_id
    assert event.metadata["source"] == "worker"
