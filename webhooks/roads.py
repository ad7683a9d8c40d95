"""Which road a piece of news takes: applied in the request, confirmed first, or left to workers."""

from django.conf import settings

from payments import leases
from payments.errors import NotAnswered
from payments.gateways.messages import GatewayEvent
from payments.services.gateway_events import concerns_us
from payments.services.readers import WAIT
from payments.waking import Waker
from webhooks import at_once, inbox, seen, worker
from webhooks.models import PaymentWebhookEvent

worker_wanted = Waker("webhooks.tasks.apply_due_events")


def take_in(delivery: inbox.Delivery, event: GatewayEvent) -> str:
    """Make one event durably ours; answers `processed`, `duplicate`, `ignored` or `accepted`.

    Raises NotConfirmed where a hint's provider cannot confirm it now, and whatever applying it
    raises; the event is then kept as failed, and tried again by the sweep.
    """
    if seen.is_settled(delivery.provider, event.id):
        return "duplicate"
    if settings.WEBHOOK_PROCESSING == "worker":
        return _left_to_workers(delivery, event)
    if delivery.is_proven or not concerns_us(event):
        return at_once.apply_at_once(delivery, event)
    return _as_a_hint(delivery, event)


def _left_to_workers(delivery: inbox.Delivery, event: GatewayEvent) -> str:
    kept = inbox.keep(delivery, event, is_leased=False)
    if isinstance(kept, str):
        return kept
    worker_wanted.wake()
    return "accepted"


def _as_a_hint(delivery: inbox.Delivery, event: GatewayEvent) -> str:
    row = inbox.keep(delivery, event, is_leased=True)
    if isinstance(row, str):
        return row
    try:
        return _applied(row, event)
    except inbox.Fenced:
        return "accepted"  # somebody else has taken it over


def _applied(row: PaymentWebhookEvent, event: GatewayEvent) -> str:
    try:
        # A proven row keeps an earlier delivery, and that one counts.
        told = worker.event_in(row) if row.is_proven else event
        return worker.given_up(row) or worker.apply(row, told, WAIT)
    except inbox.Fenced:
        raise
    except NotAnswered:
        return _left_over(row)
    except Exception as error:
        inbox.mark_failed(row, error)
        raise


def _left_over(row: PaymentWebhookEvent) -> str:
    """The provider that waits for our answer did not give us its own: who has time asks again."""
    leases.give_back([row], counter="unended")
    worker_wanted.wake()
    return "accepted"
