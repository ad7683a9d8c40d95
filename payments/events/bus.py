"""Send one stored event to its receivers, and note who failed."""

import structlog

from payments.events.models import StoredEvent
from payments.events.signal import EventSignal

log = structlog.get_logger(__name__)


def send(signal: EventSignal, event: StoredEvent) -> None:
    """Tell plain receivers, after the commit. One that fails is logged and hinders nobody."""
    for receiver, answer in signal.send_robust(sender=StoredEvent, event=event):
        if isinstance(answer, Exception):
            log.error(
                "signal_receiver_error",
                event_id=str(event.id),
                event_type=event.type,
                receiver=getattr(receiver, "__qualname__", repr(receiver)),
                exc_info=answer,
            )
