"""The catalogue of payment events: every name, what it carries, and its aliases.

A receiver gets `event`, the StoredEvent; its `data` has the fields of the type named here.
None of it is personal: ids, amounts and codes only.
"""

from dataclasses import dataclass, field
from typing import Any

from payments.events.models import Priority
from payments.events.signal import EventSignal

# In `details` of what is done beside a payment, with the operation that it puts right.
BESIDE = "beside"


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
    owner_id: str = ""
    is_purchase: bool = False
    amount_captured: str = "0"
    amount_refunded: str = "0"
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecurityFacts:
    """Who was turned away at which door, and why; `detail` is for operators."""

    provider: str
    reason: str
    detail: str
    source: str


@dataclass(frozen=True, slots=True)
class DiscrepancyFacts:
    """A difference that no payment of ours is about; `reason` is the operator's, once resolved."""

    provider: str
    kind: str
    expected: str
    heard: str
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BreakerFacts:
    """One transition of a circuit breaker, or one order of an operator; rates are percentages.

    `scope` says over whom it holds: all processes, or the one that told of it.
    """

    name: str
    provider: str
    state: str
    previous_state: str
    mode: str
    reason: str
    scope: str
    generation: int = 0
    completed: int = 0
    failures: int = 0
    slow_calls: int = 0
    error_rate: str = ""
    slow_call_rate: str = ""
    next_retry_at: str = ""
    last_failure_at: str = ""
    configuration: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SagaFacts:
    """How far a saga is; `error` is the step's own, or why the saga as a whole turned or stands."""

    saga_id: str
    type: str
    definition_version: int
    payment_id: str
    state: str
    step: str = ""
    attempt: int = 0
    error: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What a contract owes, or was paid; amounts are decimal strings in major units."""

    contract_id: str
    reference: str
    amount: str
    currency: str
    due_on: str = ""
    invoice_id: str = ""
    payment_id: str = ""


@dataclass(frozen=True, slots=True)
class EarningsFacts:
    """How a payment was shared out: employee → amount, in major units; `kept` is nobody's."""

    contract_id: str
    payment_id: str
    currency: str
    earnings: dict[str, str]
    kept: str


@dataclass(frozen=True, slots=True)
class PerformanceFacts:
    """How one thing did in one stretch of time: at most its last 1000, in milliseconds.

    `what` is `gateway_call` (by breaker) or `delivery` (to a durable receiver, from the event to
    its end).
    """

    what: str
    name: str
    since: str
    until: str
    count: int
    mean_ms: int
    p95_ms: int
    slowest_ms: int


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
discrepancy_found = EventSignal("discrepancy.found", DiscrepancyFacts, priority=Priority.CRITICAL)
discrepancy_resolved = EventSignal("discrepancy.resolved", DiscrepancyFacts)
performance_metric = EventSignal("performance.metric", PerformanceFacts, priority=Priority.LOW)
security_event = EventSignal("security.event", SecurityFacts, priority=Priority.HIGH)


def _breaker_event(name: str, priority: Priority, *aliases: str) -> EventSignal:
    return EventSignal(name, BreakerFacts, priority=priority, aliases=aliases)


circuit_breaker_opened = _breaker_event(
    "circuit_breaker.opened", Priority.CRITICAL, "payment.circuit.opened"
)
circuit_breaker_half_open = _breaker_event("circuit_breaker.half_open", Priority.MEDIUM)
circuit_breaker_closed = _breaker_event(
    "circuit_breaker.closed", Priority.HIGH, "payment.circuit.closed"
)
circuit_breaker_forced = _breaker_event("circuit_breaker.forced", Priority.HIGH)
circuit_breaker_reset = _breaker_event("circuit_breaker.reset", Priority.HIGH)
circuit_breaker_gap = _breaker_event("circuit_breaker.gap", Priority.MEDIUM)
service_unavailable = _breaker_event("service.unavailable", Priority.CRITICAL)


def _saga_event(name: str, priority: Priority = Priority.MEDIUM) -> EventSignal:
    return EventSignal(name, SagaFacts, priority=priority)


saga_started = _saga_event("saga.started")
saga_step_succeeded = _saga_event("saga.step_succeeded")
saga_step_failed = _saga_event("saga.step_failed", Priority.HIGH)
saga_compensating = _saga_event("saga.compensating", Priority.HIGH)
saga_compensated = _saga_event("saga.compensated", Priority.HIGH)
saga_completed = _saga_event("saga.completed")
saga_stuck = _saga_event("saga.stuck", Priority.CRITICAL)
saga_cancelled = _saga_event("saga.cancelled", Priority.HIGH)
saga_resolved = _saga_event("saga.resolved", Priority.HIGH)

contract_payment_due = EventSignal("contract.payment_due", ContractFacts)
contract_paid = EventSignal("contract.paid", ContractFacts, priority=Priority.HIGH)
earnings_calculated = EventSignal("earnings.calculated", EarningsFacts)
