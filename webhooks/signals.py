"""What befalls a webhook. Its row is its record, so these are announced and not stored again.

Receivers get `event`, the PaymentWebhookEvent, after the commit, and `facts_of` it. Of what is
rejected there is no row, since strangers must not be able to fill the disk: `webhook_rejected`
comes with `facts` alone, and the first of a minute is kept as `security.event`. Of every delivery
`webhook_answered` tells its `provider`, and the `answer`: a status, or a refusal's code.
"""

from dataclasses import dataclass

from django.dispatch import Signal

from payments.events.models import Priority
from payments.events.signal import EventSignal
from payments.signals import SecurityFacts
from webhooks.models import PaymentWebhookEvent


@dataclass(frozen=True, slots=True)
class WebhookFacts:
    """What a webhook event's row tells of it; `kind` is the provider's own name for such news."""

    webhook_id: str
    provider: str
    event_id: str
    kind: str
    status: str
    payment_id: str
    attempts: int
    is_proven: bool
    received_at: str
    processed_at: str
    error: str


webhook_received = EventSignal(
    "webhook.received", WebhookFacts, aliases=("payment.webhook.received",)
)
webhook_processed = EventSignal("webhook.processed", WebhookFacts)
webhook_failed = EventSignal("webhook.failed", WebhookFacts, priority=Priority.HIGH)
webhook_rejected = EventSignal("webhook.rejected", SecurityFacts, priority=Priority.HIGH)


webhook_answered = Signal()  # one of ours alone, for counting: it is no event


def facts_of(row: PaymentWebhookEvent) -> WebhookFacts:
    """A row's facts, as it stands."""
    return WebhookFacts(
        webhook_id=str(row.pk),
        provider=row.provider,
        event_id=row.event_id,
        kind=row.type,
        status=row.status,
        payment_id=str(row.payment_id or ""),
        attempts=row.attempts,
        is_proven=row.is_proven,
        received_at=row.received_at.isoformat(),
        processed_at=row.processed_at.isoformat() if row.processed_at else "",
        error=row.error,
    )
