"""A payment's history as moments that a template can draw."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from payments.admin.labels import STATUS_COLOURS
from payments.lifecycle import aggregate_of
from payments.models import Payment, StoredEvent
from payments.statuses import PaymentStatus

_SHOWN_AT_MOST = 300


@dataclass(frozen=True, slots=True)
class Moment:
    """One event, in words."""

    at: datetime
    type: str
    priority: str
    previous: str
    status: str
    colour: str
    heard_from: str
    actor: str
    correlation_id: str
    details: dict[str, Any]

    @property
    def moves(self) -> bool:
        """Whether the payment's status changed."""
        return self.previous != self.status


def timeline_of(payment: Payment) -> list[Moment]:
    """The payment's events, oldest first; of a very long history the latest."""
    history = aggregate_of(payment)
    events = StoredEvent.objects.filter(aggregate_type=history.type, aggregate_id=history.id)
    latest = list(events.order_by("-sequence")[:_SHOWN_AT_MOST])
    return [_moment(event) for event in reversed(latest)]


def _moment(event: StoredEvent) -> Moment:
    data, status = event.data, event.data.get("status", "")
    is_known = status in PaymentStatus.__members__.values()
    return Moment(
        at=event.timestamp,
        type=event.type,
        priority=event.priority,
        previous=data.get("previous_status", ""),
        status=status,
        colour=STATUS_COLOURS.get(PaymentStatus(status), "") if is_known else "",
        heard_from=data.get("heard_from", ""),
        actor=event.metadata.get("user_id") or data.get("details", {}).get("actor", ""),
        correlation_id=event.correlation_id,
        details=_details(data),
    )


def _details(data: dict[str, Any]) -> dict[str, Any]:
    told = {"failure": data.get("failure_message") or data.get("failure_code")}
    told |= {"late": "yes" if data.get("is_late") else ""}
    told |= data.get("details", {}) | {"actor": ""}  # who it was is told beside it
    return {name.replace("_", " "): value for name, value in told.items() if value}
