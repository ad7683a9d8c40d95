"""Claim, process, park: the life of one delivery.

Claim, effect and mark are one commit. A crash leaves nothing and the provider sends again; two
deliveries at once meet at the unique row, where one waits for the other and then is a duplicate.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils import timezone

from payments.crypto.redaction import redact
from payments.events import context
from payments.gateways.messages import GatewayEvent
from payments.services.gateway_events import NotOurs, apply_gateway_event, concerns_us
from webhooks import signals
from webhooks.models import PaymentWebhookEvent

log = structlog.get_logger(__name__)
Status = PaymentWebhookEvent.Status
_SETTLED = (Status.COMPLETED, Status.IGNORED, Status.PARKED)
_WORDS = {Status.COMPLETED: "processed", Status.IGNORED: "ignored", Status.PARKED: "accepted"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified notification, as it came."""

    provider: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    source_address: str = ""
    external_event_id: str = ""
    delivery_id: str = ""

    @property
    def digest(self) -> str:
        """What tells this body from every other."""
        return hashlib.sha256(self.body).hexdigest()


def process(delivery: Delivery, event: GatewayEvent, *, is_replay: bool = False) -> str:
    """Apply one event at most once; answers `processed`, `duplicate`, `ignored` or `accepted`.

    A replay takes up again what was parked or ignored, never what was completed. Whatever goes
    wrong in applying it is rolled back, written down as `failed`, and raised.
    """
    final = (Status.COMPLETED,) if is_replay else _SETTLED
    try:
        with transaction.atomic(durable=True):
            row = claim(delivery, event.id, event.type, final)
            return "duplicate" if row is None else _apply(row, event)
    except Exception as error:
        _mark_failed(delivery, event, error)
        raise


def bears_another_body(delivery: Delivery) -> bool:
    """Whether this delivery's own name came before with another body: then one is forged."""
    if not delivery.delivery_id:
        return False
    namesakes = PaymentWebhookEvent.objects.filter(
        provider=delivery.provider, delivery_id=delivery.delivery_id
    )
    return namesakes.exclude(body_digest=delivery.digest).exists()


def is_settled(provider: str, event_id: str) -> bool:
    """Whether an event needs nothing more: a look, not a claim."""
    rows = PaymentWebhookEvent.objects.filter(provider=provider, event_id=event_id)
    return rows.filter(status__in=_SETTLED).exists()


def park_unreadable(delivery: Delivery, event_id: str, reason: str) -> str:
    """Keep what is signed but cannot be read: refusing it would only have it sent again."""
    with transaction.atomic(durable=True):
        row = claim(delivery, event_id, "unreadable")
        if row is None:
            return "duplicate"
        _finish(row, Status.PARKED, reason)
        return "accepted"


def claim(
    delivery: Delivery, event_id: str, event_type: str, final: Collection[str] = _SETTLED
) -> PaymentWebhookEvent | None:
    """Take the event for this transaction; None where it has a final status already."""
    row = PaymentWebhookEvent(
        provider=delivery.provider,
        event_id=event_id,
        type=event_type[:80],
        body=delivery.body,
        headers=redact(dict(delivery.headers)),
        external_event_id=delivery.external_event_id,
        delivery_id=delivery.delivery_id,
        body_digest=delivery.digest,
        source_address=delivery.source_address,
        correlation_id=context.current().correlation_id,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            return row
    except IntegrityError:
        return _retaken(delivery.provider, event_id, final)


def _retaken(provider: str, event_id: str, final: Collection[str]) -> PaymentWebhookEvent | None:
    held = PaymentWebhookEvent.objects.select_for_update(of=("self",))
    row = held.get(provider=provider, event_id=event_id)
    if row.status in final:
        return None
    row.attempts = F("attempts") + 1
    row.save(update_fields=["attempts"])
    return row


def _apply(row: PaymentWebhookEvent, event: GatewayEvent) -> str:
    if not concerns_us(event):
        return _finish(row, Status.IGNORED)
    with context.bound(causation_id=str(row.id), source="webhook"):
        try:
            with transaction.atomic():
                row.payment = apply_gateway_event(row.provider, event)
        except NotOurs as unknown:
            return _finish(row, Status.PARKED, unknown.detail)
    return _finish(row, Status.COMPLETED)


def _finish(row: PaymentWebhookEvent, status: PaymentWebhookEvent.Status, error: str = "") -> str:
    row.status, row.error, row.processed_at = status, error[:500], timezone.now()
    row.save(update_fields=["status", "error", "processed_at", "payment"])
    for signal in (signals.webhook_received, signals.webhook_processed):
        _announce(signal, row)
    return _WORDS[status]


def _announce(signal: Signal, row: PaymentWebhookEvent) -> None:
    transaction.on_commit(partial(_send, signal, row), robust=True)


def _send(signal: Signal, row: PaymentWebhookEvent) -> None:
    for receiver, answer in signal.send_robust(sender=PaymentWebhookEvent, event=row):
        if isinstance(answer, Exception):
            log.error("signal_receiver_error", receiver=repr(receiver), exc_info=answer)


def _mark_failed(delivery: Delivery, event: GatewayEvent, error: Exception) -> None:
    """Write down what was rolled back, unless somebody else has applied it meanwhile."""
    log.error("webhook_failed", provider=delivery.provider, event_id=event.id, exc_info=error)
    with transaction.atomic():
        row = claim(delivery, event.id, event.type)
        if row is not None:
            facts: dict[str, Any] = {"status": Status.FAILED, "error": type(error).__name__}
            PaymentWebhookEvent.objects.filter(pk=row.pk).update(**facts)
            row.refresh_from_db()
            _announce(signals.webhook_failed, row)
