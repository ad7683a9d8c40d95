"""The catalogue of payment events: every name, what it carries, and its aliases.

A receiver gets `event`, the StoredEvent; its `data` has the fields of the type named here.
None of it is personal: ids, amounts and codes only.
"""

from dataclasses import dataclass, field
from typing import Any

from payments.events.models import Priority
from payments.events.signal import EventSignal


@dataclass(frozen=True, slots=True)
class PaymentFacts:
    """What every payment event tells. Amounts are decimal strings in major units."""

    payment_id: str
    reference: str
    contract: str
    amount: str
    currency: str
    method: str
    subject_id: str
    status: str
    previous_status: str
    version: int
    provider: str = ""
    operation_id: str = ""
    operation_kind: str = ""
    outcome: str = ""
    transaction_ref: str = ""
    started_at: str = ""
    duration_ms: int | None = None
    failure_code: str = ""
    failure_message: str = ""
    heard_from: str = ""
    is_late: bool = False
    details: dict[str, Any] = field(default_factory=dict)


def _event(
    name: str, *, aliases: tuple[str, ...] = (), priority: Priority = Priority.MEDIUM
) -> EventSignal:
    return EventSignal(name, PaymentFacts, priority=priority, aliases=aliases)


payment_created = _event("payment.created")
payment_initiated = _event("payment.initiated")
payment_processing = _event("payment.processing")
payment_requires_action = _event("payment.requires_action")
payment_authorized = _event("payment.authorized", priority=Priority.HIGH)
payment_completed = _event(
    "payment.completed", aliases=("payment.success",), priority=Priority.HIGH
)
payment_failed = _event("payment.failed", priority=Priority.HIGH)
payment_cancelled = _event("payment.cancelled")
payment_expired = _event("payment.expired")
payment_status_changed = _event("payment.status_changed")
payment_timed_out = _event(
    "payment.timed_out", aliases=("payment.timeout",), priority=Priority.HIGH
)
payment_verified = _event("payment.verified", aliases=("payment.verification",))
payment_refunded = _event("payment.refunded", priority=Priority.HIGH)
payment_contradicted = _event("payment.contradicted", priority=Priority.CRITICAL)
payment_audit_log = _event("payment.audit_log")
refund_requested = _event("refund.requested")
refund_succeeded = _event("refund.succeeded", priority=Priority.HIGH)
refund_failed = _event("refund.failed", priority=Priority.HIGH)
dispute_opened = _event("dispute.opened", priority=Priority.CRITICAL)
dispute_won = _event("dispute.won", priority=Priority.HIGH)
dispute_lost = _event("dispute.lost", priority=Priority.CRITICAL)
