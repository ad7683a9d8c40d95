"""What payments does about the signals of its own machinery: it keeps, and it queues work."""

from typing import Any

import structlog
from django.db import DatabaseError, transaction
from django.dispatch import receiver

from payments import remembered, signals
from payments.events.bus import deliveries_wait
from payments.events.durable import durable_receiver
from payments.events.models import StoredEvent
from payments.projections import contracts as balances
from payments.projections import statistics
from payments.resilience.signals import BreakerChanged, breaker_changed
from payments.sagas import engine, processing
from payments.sagas.processing import PROCESSING
from payments.sagas.purchase import PURCHASE
from payments.services.breakers import keep_change
from payments.waking import Waker

log = structlog.get_logger(__name__)
relay_wanted = Waker("payments.tasks.deliver_events")
outside_wanted = Waker("payments.tasks.deliver_outside")
sagas_wanted = Waker("payments.tasks.advance_sagas")


@receiver(breaker_changed, dispatch_uid="payments.keep_breaker_change")
def keep_breaker_change(change: BreakerChanged, **_: Any) -> None:
    """A transition belongs into the history; a call must not fail because it cannot be written."""
    try:
        keep_change(change)
    except DatabaseError:
        log.exception("breaker_change_not_kept", breaker=change.name, kind=change.kind)


@receiver(deliveries_wait, dispatch_uid="payments.wake_the_relay")
def wake_the_relay(*, outside: bool, **_: Any) -> None:
    """Somebody is to bring them soon; the sweep would come in seconds."""
    (outside_wanted if outside else relay_wanted).wake()


@durable_receiver(*statistics.SIGNALS, in_batches=True)
def keep_statistics(events: list[StoredEvent]) -> None:
    """Figures follow the history, and what was told of them before is told no longer."""
    concerned = statistics.hear(events)
    transaction.on_commit(lambda: remembered.forget(concerned), robust=True)


@durable_receiver(*balances.SIGNALS, in_batches=True, is_strict=True)
def keep_contract_balances(events: list[StoredEvent]) -> None:
    """Balances follow the history; sums can do without no event of it."""
    balances.hear(events)


def _is_of_a_contract(event: StoredEvent) -> bool:
    """Of all others nothing of ours hangs on their end: they cost no delivery."""
    return event.data.get("type") == PROCESSING.type or bool(event.data.get("contract"))


@durable_receiver(*processing.SIGNALS, about=_is_of_a_contract)
def follow_processing(event: StoredEvent) -> None:
    """A payment that names a contract is watched until its contract is paid, and beyond."""
    processing.follow(event.data["payment_id"])
    transaction.on_commit(sagas_wanted.wake)


@durable_receiver(
    signals.payment_created,
    signals.payment_authorized,
    signals.payment_completed,
    signals.payment_failed,
    signals.payment_cancelled,
    signals.payment_expired,
    about=lambda event: bool(event.data["is_purchase"]),
)
def follow_purchase(event: StoredEvent) -> None:
    """A purchase begins with its payment, and goes on with what befalls it."""
    if event.type == signals.payment_created.name:
        engine.start(PURCHASE, event.aggregate_id)
    elif event.data["is_late"]:
        engine.undo_again(PURCHASE, event.aggregate_id, "authorise")
    engine.nudge(event.aggregate_id)
    transaction.on_commit(sagas_wanted.wake)
