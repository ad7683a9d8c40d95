"""Claim, apply, mark: the life of one piece of news.

Two roads lead to one effect. News that proves itself is claimed, marked and applied in one
commit: a crash leaves nothing, and the provider sends again. A hint, or everything where workers
apply, is kept first under a lease; who holds the lease's token marks and applies in one commit,
and who wakes up too late finds another token there and changes nothing.
"""

import hashlib
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid4

from payments import rows
from payments.crypto.redaction import redact
from payments.events import context
from payments.gateways.messages import GatewayEvent
from payments.models import GatewayOperation
from payments.services.gateway_events import (
    NotOurs,
    apply_gateway_event,
    concerns_us,
    operation_of,
)
from webhooks import announcements
from webhooks.models import PaymentWebhookEvent

log = structlog.get_logger(__name__)
Status = PaymentWebhookEvent.Status
LEASE = timedelta(minutes=5)
# When to try again after the first, second, … try; after the last it is a person's turn.
RETRIES = tuple(timedelta(seconds=s) for s in (10, 60, 300, 3600, 6 * 3600, 24 * 3600))
_WORDS = {
    Status.COMPLETED: "processed",
    Status.IGNORED: "ignored",
    Status.PARKED: "accepted",
    Status.PROCESSING: "accepted",
}


class Fenced(Exception):
    """Somebody else has taken this event over: what was done with it here must not be kept."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified notification, as it came. `name` is the provider's for this very delivery."""

    provider: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    source_address: str = ""
    external_event_id: str = ""
    name: str = ""
    is_proven: bool = True

    @property
    def digest(self) -> str:
        """What tells this body from every other."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Mark:
    """What is to stand on an event's row; `operation` is what a completed one is about."""

    status: PaymentWebhookEvent.Status
    operation: GatewayOperation | None = None
    error: str = ""
    may_retry: bool = False
    lease_token: UUID | None = None
    lease_ends_at: datetime | None = None

    def next_try_at(self, tries: int) -> datetime | None:
        """When somebody should take the row up (again)."""
        step = max(tries, 1)
        later = RETRIES[step - 1 : step] if self.may_retry else ()
        return timezone.now() + later[0] if later else self.lease_ends_at


def mark_for(provider: str, event: GatewayEvent, *, ahead: bool = False) -> Mark:
    """What becomes of an event once it is applied: completed, ignored, or parked for later.

    With `ahead` the payment that it is about may be locked already (see `operation_of`).
    """
    if not concerns_us(event):
        return Mark(Status.IGNORED)
    try:
        return Mark(Status.COMPLETED, operation_of(provider, event, ahead=ahead))
    except NotOurs as unknown:
        # It may be ahead of the commit that it speaks of.
        return Mark(Status.PARKED, error=unknown.detail, may_retry=True)


def claim_as_new(delivery: Delivery, event: GatewayEvent, mark: Mark) -> PaymentWebhookEvent:
    """Take an event that nobody heard of, and mark it. Raises AlreadyThere, here or when sent."""
    row = _new_row(delivery, event, attempts=1)
    _write_on(row, mark)
    rows.insert_new(row)
    announcements.tell_of_new(row)
    return row


def keep(delivery: Delivery, event: GatewayEvent, *, is_leased: bool) -> PaymentWebhookEvent | str:
    """Store news durably before it is applied: under our own lease, or due for any worker.

    Answers the row, or what to say where it is nothing new.
    """
    payment_of = mark_for(delivery.provider, event).operation
    lease = (uuid4(), timezone.now() + LEASE) if is_leased else (None, timezone.now())
    mark = Mark(Status.PROCESSING, payment_of, "", False, *lease)
    with transaction.atomic(durable=True):
        row, answer = claim(delivery, event, mark, attempts=int(is_leased))
        return row or answer


def apply_kept(row: PaymentWebhookEvent, event: GatewayEvent) -> str:
    """Mark and apply a row whose lease we hold, in one commit. Raises Fenced."""
    mark = mark_for(row.provider, event)
    marked = copy(row)  # should this roll back, the lease that `row` tells of is still ours
    with transaction.atomic(durable=True):
        put(marked, mark)
        return apply(marked, event, mark)


def claim(
    delivery: Delivery, event: GatewayEvent, mark: Mark, *, attempts: int = 1
) -> tuple[PaymentWebhookEvent | None, str]:
    """Take the event for this transaction and mark it; without a row the answer says why not.

    New, or retaken (it failed, or its holder's lease is over); else a duplicate, or kept
    already while somebody is at it or will be.
    """
    row = _new_row(delivery, event, attempts)
    _write_on(row, mark)
    if rows.insert_if_new(row):
        announcements.tell_of_new(row)
        return row, ""
    held = PaymentWebhookEvent.objects.select_for_update(of=("self",))
    row = held.get(provider=delivery.provider, event_id=event.id)
    if row.is_settled():
        announcements.let_be_known(row)
        return None, "duplicate"
    if row.is_held() or _is_told_again(row, delivery):
        return None, _WORDS[Status(row.status)]
    if _proves_less(delivery, row):
        if mark.status is not Status.PROCESSING:
            return None, "accepted"  # what stands there waits for its own turn
        mark = replace(mark, operation=None)
    row.attempts += attempts
    _come_anew(row, delivery)
    put(row, mark)
    return row, ""


def _is_told_again(row: PaymentWebhookEvent, delivery: Delivery) -> bool:
    """By the very body that is kept already, while nothing is to be done that it could hasten."""
    is_new = not row.is_proven and delivery.is_proven
    return row.is_at_rest() and not is_new and bytes(row.body) == delivery.body


def _proves_less(delivery: Delivery, row: PaymentWebhookEvent) -> bool:
    """A hint under the id of proven news may be forged: it has no say in what that is about."""
    return row.is_proven and not delivery.is_proven


def _come_anew(row: PaymentWebhookEvent, delivery: Delivery) -> None:
    """Keep the later delivery of an event, unless the earlier proved more."""
    if _proves_less(delivery, row):
        return
    anew = _as_it_came(delivery)
    for name, value in anew.items():
        setattr(row, name, value)
    row.save(update_fields=anew)


def _as_it_came(delivery: Delivery) -> dict[str, object]:
    return {
        "body": delivery.body,
        "headers": redact(dict(delivery.headers)),
        "is_proven": delivery.is_proven,
        "source_address": delivery.source_address,
        "external_event_id": delivery.external_event_id,
    }


def _new_row(delivery: Delivery, event: GatewayEvent, attempts: int) -> PaymentWebhookEvent:
    return PaymentWebhookEvent(
        provider=delivery.provider,
        event_id=event.id,
        type=event.type[:80],
        correlation_id=context.current().correlation_id,
        attempts=attempts,
        tries=attempts,
        **_as_it_came(delivery),
    )


def put(row: PaymentWebhookEvent, mark: Mark) -> None:
    """Mark a row that we hold. Raises Fenced where somebody else has taken it over."""
    ours = PaymentWebhookEvent.objects.filter(pk=row.pk, lease_token=row.lease_token)
    if not ours.update(**_write_on(row, mark)):
        raise Fenced(f"{row} was taken over.")
    announcements.tell_of(row)


def _write_on(row: PaymentWebhookEvent, mark: Mark) -> dict[str, object]:
    now, is_open = timezone.now(), mark.status is Status.PROCESSING
    if mark.error or row.history:
        line = {"at": now.isoformat(), "status": mark.status.value, "error": mark.error[:500]}
        row.history = [*row.history, line]
    facts: dict[str, object] = {
        "status": mark.status,
        "payment_id": mark.operation.payment_id if mark.operation else row.payment_id,
        "error": mark.error[:500],
        "history": row.history,
        "attempts": row.attempts,
        "tries": row.tries,
        "unended": row.unended + bool(mark.lease_token) if is_open else 0,
        "next_try_at": mark.next_try_at(row.tries),
        "lease_token": mark.lease_token,
        "processed_at": None if is_open else now,
    }
    for name, value in facts.items():
        setattr(row, name, value)
    return facts


def apply(row: PaymentWebhookEvent, event: GatewayEvent, mark: Mark) -> str:
    """Do what a marked row's event means; answers what to say.

    The mark comes first: a row of the inbox that is there is locked before the payment's.
    """
    if mark.operation:
        with context.bound(causation_id=str(row.id), source="webhook"):
            apply_gateway_event(mark.operation, event, is_proven=row.is_proven)
    return _WORDS[mark.status]


def mark_failed(row: PaymentWebhookEvent, error: Exception) -> None:
    """Write down that applying a row we hold went wrong, and when to try again."""
    log.error("webhook_failed", provider=row.provider, event_id=row.event_id, exc_info=error)
    with transaction.atomic(durable=True):
        put(row, failure(error))


def park(row: PaymentWebhookEvent, reason: str) -> None:
    """Leave a row we hold to a person."""
    with transaction.atomic(durable=True):
        put(row, Mark(Status.PARKED, error=reason))


def failure(error: Exception) -> Mark:
    """How an event is marked whose application went wrong."""
    return Mark(Status.FAILED, error=type(error).__name__, may_retry=True)


def park_unreadable(delivery: Delivery, reason: str) -> tuple[str, str]:
    """Keep what is signed but cannot be read: refusing it would only have it sent again.

    Answers what to say, and the id that it is kept under.
    """
    event = GatewayEvent(f"unreadable:{delivery.digest}", "unreadable", "", None)
    with transaction.atomic(durable=True):
        _, answer = claim(delivery, event, Mark(Status.PARKED, error=reason))
        return answer or "accepted", event.id
