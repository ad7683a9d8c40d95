"""How fast events are appended, and how fast and how late they are brought to who must hear them.

`appends SECONDS` holds an event, with its place in a chain and its deliveries, against a bare
INSERT of one. `relay SECONDS` has one relay drain a heap of deliveries, and then keep up with a
stream of events that comes at half of the rate that it must be able to do.
"""

import threading
import time
from collections.abc import Callable
from itertools import count
from statistics import quantiles
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import F

from payments import rows, signals
from payments.events import relay, store
from payments.events.models import Delivery, StoredEvent
from payments.events.signal import Aggregate
from payments.signals import PaymentFacts

_HEAP = 4000
_AT_ONCE = 200
A_SECOND = 250
_A_MOMENT = 0.02


def _record() -> StoredEvent:
    """The first event of a history."""
    payment = str(uuid4())
    facts = PaymentFacts(
        payment, "order-12345", "", "125.50", "AED", "Visa", "", "completed", "processing", 3,
        "paytabs", payment, "charge", "succeeded", "TST2600000012345",
        "2026-11-21T15:45:10.029144+00:00", 220, heard_from="webhook", amount_captured="125.50",
    )  # fmt: skip
    with transaction.atomic(), rows.together():
        return store.record(signals.payment_completed, Aggregate("payment", payment), facts)


def _insert(like: StoredEvent) -> None:
    like.id, like.aggregate_id = uuid4(), str(uuid4())
    with transaction.atomic():
        rows.insert(like)


def _a_second(work: Callable[[], object], seconds: float) -> float:
    done, began = count(), time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        work()
        next(done)
    return next(done) / spent


def _appends(seconds: float) -> dict[str, float]:
    like = _record()
    recorded = _a_second(_record, seconds / 2)
    return {"recorded": recorded, "inserted": _a_second(lambda: _insert(like), seconds / 2)}


def _relay(seconds: float) -> dict[str, float]:
    for _ in range(_HEAP // _AT_ONCE):
        with transaction.atomic():
            for _ in range(_AT_ONCE):
                _record()
    began = time.perf_counter()
    brought = sum(1 for _ in relay.drain())
    return {"rate": brought / (time.perf_counter() - began), "lag": _lag(seconds)}


def _lag(seconds: float) -> float:
    """Seconds from an event to the end of its delivery, at the 95th percentile."""
    writer = threading.Thread(target=_stream, args=(seconds,))
    first = StoredEvent.objects.latest("timestamp").timestamp
    writer.start()
    while writer.is_alive() or relay.due().exists():
        for _ in relay.drain():
            pass
        time.sleep(_A_MOMENT)
    ends = Delivery.objects.filter(event__timestamp__gt=first, ended_at__isnull=False)
    lags = ends.annotate(lag=F("ended_at") - F("event__timestamp")).values_list("lag", flat=True)
    return float(quantiles([lag.total_seconds() for lag in lags], n=20)[-1])


def _stream(seconds: float) -> None:
    """Events at an even pace, each a commit."""
    began = time.perf_counter()
    for number in range(int(A_SECOND * seconds)):
        time.sleep(max(0.0, began + number / A_SECOND - time.perf_counter()))
        _record()
    connection.close()


def main(what: str, seconds: str) -> dict[str, float]:
    """A second, or seconds of lag."""
    return {"appends": _appends, "relay": _relay}[what](float(seconds))
