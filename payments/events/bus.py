"""Tell plain receivers of a stored event, and call for the relay to tell the durable ones."""

from typing import Any

import structlog
from django.dispatch import Signal

from payments.events.models import Delivery, StoredEvent
from payments.events.signal import EventSignal

log = structlog.get_logger(__name__)
# Deliveries were committed, to who acts `outside` or not. Whoever can wake a relay listens; its
# sweep comes anyway.
deliveries_wait = Signal()


def send(signal: EventSignal, event: StoredEvent) -> None:
    """Tell plain receivers, after the commit. One that fails is logged and hinders nobody."""
    _tell(signal, StoredEvent, event.type, event=event)


def call_the_relay(*, outside: bool) -> None:
    """Say that deliveries wait, to who acts outside or to who does not."""
    _tell(deliveries_wait, Delivery, "deliveries_wait", outside=outside)


def _tell(signal: Signal, sender: type, name: str, **facts: Any) -> None:
    for receiver, answer in signal.send_robust(sender=sender, **facts):
        if isinstance(answer, Exception):
            log.error(
                "signal_receiver_error",
                event_type=name,
                receiver=getattr(receiver, "__qualname__", repr(receiver)),
                exc_info=answer,
                told={key: str(fact) for key, fact in facts.items()},
            )
