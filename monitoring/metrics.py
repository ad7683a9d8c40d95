"""Every figure of `/metrics`: what processes count, and what is read from the records when asked.

Processes count what nobody else would know: how deliveries were answered, where answers came from;
django-prometheus counts HTTP requests. All processes of one web server count into one folder (see
`config/wsgi.py`), so that whichever is asked answers for all. What workers do is in the records.
"""

import os

from prometheus_client import REGISTRY, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import CollectorRegistry

# Asked when the library asks, at its import: what is named later is no folder to it either.
_COUNTS_IN_FOLDER = "PROMETHEUS_MULTIPROC_DIR" in os.environ

deliveries_answered = Counter(
    "ballast_webhook_deliveries",
    "Deliveries of providers, by what they were answered: a status, or the code of a refusal.",
    ["provider", "answer"],
)
sources_blocked = Counter(
    "ballast_sources_blocked",
    "Callers turned away for a while: a key or an address, by the limit exceeded again and again.",
    ["source", "limit"],
)
answers_looked_up = Counter(
    "ballast_remembered_answers",
    "Answers that were wanted, by where they were found: in the process, shared, or nowhere.",
    ["kind", "found"],
)

_READ: dict[str, tuple[str, tuple[str, ...]]] = {
    "records_readable": ("1 where the database could be asked for these figures.", ()),
    "payments": ("Payments, by where they stand.", ("currency", "standing")),
    "captured_minor_units": ("Captured ever, whatever was refunded since.", ("currency",)),
    "statistics_age_seconds": (
        "Up to how long ago payments are counted; half a minute is usual.",
        (),
    ),
    "webhook_events": ("Events of providers that are not settled.", ("status",)),
    "event_deliveries": ("Deliveries to durable receivers that are not done.", ("status",)),
    "event_delivery_oldest_seconds": ("For how long the oldest of them is due.", ()),
    "concerns": ("What waits for a person, counted up to 1000.", ("concern",)),
    "breaker_open": ("1 open, 0.5 half-open, 0 closed; shared breakers only.", ("breaker",)),
    "breaker_store_degraded": (
        "1 while the process that answers decides alone, because the breakers' Redis is away.",
        (),
    ),
}
# Shared breakers count for all processes, workers included.
_COUNTED_BY_BREAKERS = {
    "breaker_calls": ("Calls of shared breakers, by outcome.", "outcome"),
    "breaker_transitions": ("Transitions of shared breakers, by the state they led to.", "to"),
}


def read_now(name: str) -> GaugeMetricFamily:
    """An empty gauge for what is about to be read."""
    meaning, labels = _READ[name]
    return GaugeMetricFamily(f"ballast_{name}", meaning, labels=labels)


def read_counter(name: str) -> CounterMetricFamily:
    """An empty counter for what breakers have counted."""
    meaning, label = _COUNTED_BY_BREAKERS[name]
    return CounterMetricFamily(f"ballast_{name}", meaning, labels=("breaker", label))


def counted() -> CollectorRegistry:
    """What all processes of this server have counted."""
    if not _COUNTS_IN_FOLDER:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call] # untyped there
    return registry
