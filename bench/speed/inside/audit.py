"""How long a history of so many events takes to be anchored and proven, and in how much memory.

On an empty database of its own, migrated before, as in production (with DJANGO_DEBUG Django keeps
all that it said): `fill N` writes them, `measure` anchors and proves them.
"""

import resource
import time
from collections.abc import Callable
from dataclasses import asdict
from io import StringIO

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from payments.events.anchors import anchor_histories
from payments.events.chain import hash_of
from payments.events.context import Context
from payments.models import Payment, StoredEvent, Stream
from payments.signals import PaymentFacts

_A_HISTORY = 8  # about what a payment has that was paid, and refunded in part
_AT_ONCE = 500


def main(deed: str, events: str = "0") -> dict[str, float]:
    """Seconds, and megabytes at most; where the history is not proven, this ends with 1."""
    return _filled(int(events)) if deed == "fill" else _measured()


def _filled(events: int) -> dict[str, float]:
    if StoredEvent.objects.exists():
        raise RuntimeError("there are events in this database; name an empty one")
    histories = events // _A_HISTORY
    for first in range(0, histories, _AT_ONCE):
        _write(min(_AT_ONCE, histories - first))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return {"events": histories * _A_HISTORY}


def _measured() -> dict[str, float]:
    began = _megabytes()
    seconds = {"anchored": _seconds(anchor_histories), "proven": _seconds(_prove)}
    return seconds | {"megabytes at first": began, "megabytes at most": _megabytes()}


def _prove() -> None:
    call_command("verify_audit_chain", stdout=StringIO())


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return round(time.perf_counter() - began, 1)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _write(histories: int) -> None:
    """Whole histories, chained as the service chains them."""
    written = [_history(str(Payment().id)) for _ in range(histories)]
    StoredEvent.objects.bulk_create([event for _, events in written for event in events])
    Stream.objects.bulk_create([tip for tip, _ in written])


def _history(payment: str) -> tuple[Stream, list[StoredEvent]]:
    facts = PaymentFacts(
        payment, "order-12345", "", "125.50", "AED", "Visa", payment, "completed", "processing",
        3, "paytabs", payment, "charge", "succeeded", "TST2600000012345",
        "2026-11-21T15:45:10.029144+00:00", 220, heard_from="webhook",
    )  # fmt: skip
    tip, events = Stream(aggregate_type="payment", aggregate_id=payment), []
    for sequence in range(1, _A_HISTORY + 1):
        event = StoredEvent(
            aggregate_type=tip.aggregate_type,
            aggregate_id=tip.aggregate_id,
            sequence=sequence,
            type="payment.completed",
            timestamp=timezone.now(),
            correlation_id=payment,
            data=asdict(facts),
            metadata=Context(source="webhook").metadata,
            previous_hash=tip.last_hash,
        )
        event.hash = hash_of(event)
        tip.sequence, tip.last_hash = sequence, event.hash
        events.append(event)
    return tip, events
