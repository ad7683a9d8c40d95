"""What is done about breakers while nobody calls: orders are obeyed, gaps in histories told."""

from dataclasses import replace

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from payments import signals
from payments.events import store
from payments.models import BreakerControl, StoredEvent
from payments.resilience.controls import Mode
from payments.resilience.report import Statistics
from payments.resilience.storage import BreakerState, Scope
from payments.services import breakers

_ORDERS = frozenset({signals.circuit_breaker_forced.name, signals.circuit_breaker_reset.name})
_LOOKED_BACK = 100
_SUSPECTED_FOR = 3600  # seconds


def sweep() -> int:
    """Obey operators, and tell of gaps; answers how many there were."""
    obey_operators()
    return sum(tell_gap(breaker.statistics()) for breaker in breakers.all_breakers())


def obey_operators() -> None:
    """Let the breakers that nobody calls hear their operators too, or that an order has ended."""
    now = timezone.now()
    wanted = {row.name: row.as_control().at(now).mode for row in BreakerControl.objects.all()}
    for breaker in breakers.all_breakers():
        seen = breaker.statistics()
        is_calm = seen.state is BreakerState.CLOSED
        if not is_calm or seen.mode is not wanted.get(breaker.name, Mode.AUTO):
            breaker.obey()


def tell_gap(now: Statistics) -> bool:
    """Whether transitions of a shared breaker are missing in its history, which then says so.

    A process may die between a transition and its event, and a Redis may forget everything.
    """
    if now.scope is not Scope.SHARED or not _is_missing(now) or not _was_missing_before(now):
        return False
    history = breakers.history_of(now.name)
    with transaction.atomic():
        store.hold(history)
        if not _is_missing(now):  # another sweep was here
            return False
        told, _ = _told_last(now.name)
        reason = f"the history ends at generation {told}, the circuit stands at {now.generation}"
        facts = breakers.facts_of(now, now.mode, reason)
        store.record(signals.circuit_breaker_gap, history, replace(facts, previous_state=""))
    return True


def _is_missing(now: Statistics) -> bool:
    told, explained = _told_last(now.name)
    return not told <= now.generation <= told + explained


def _told_last(name: str) -> tuple[int, int]:
    """The generation that the history told of last, and how many more its orders explain.

    An order is written down before it is heard, and hearing it is at most one transition. What
    a process counted alone, without its Redis, is no generation of the shared circuit.
    """
    history, explained = breakers.history_of(name), 0
    events = StoredEvent.objects.filter(aggregate_type=history.type, aggregate_id=history.id)
    for event in events.order_by("-sequence")[:_LOOKED_BACK].iterator(chunk_size=1):
        explained += event.type in _ORDERS
        if event.data["scope"] == Scope.SHARED:
            return event.data["generation"], explained
    return 0, explained


def _was_missing_before(now: Statistics) -> bool:
    """Who made a transition may be about to write it down, so two sweeps have to miss it."""
    key = f"breaker-gap:{now.name}"
    suspected = cache.get(key)
    cache.set(key, now.generation, _SUSPECTED_FOR)
    return bool(suspected == now.generation)
