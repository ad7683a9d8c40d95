"""Which road a piece of news takes: applied in the request, confirmed first, or left to workers."""

import structlog
from celery import current_app
from celery.exceptions import OperationalError
from django.conf import settings
from django.core.cache import cache

from payments.gateways.messages import GatewayEvent
from payments.services.gateway_events import concerns_us
from webhooks import inbox, seen, worker
from webhooks.models import PaymentWebhookEvent

log = structlog.get_logger(__name__)
_WAKING = "webhooks:waking"


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
        return inbox.apply_at_once(delivery, event)
    return _as_a_hint(delivery, event)


def _left_to_workers(delivery: inbox.Delivery, event: GatewayEvent) -> str:
    kept = inbox.keep(delivery, event, is_leased=False)
    if isinstance(kept, str):
        return kept
    wake_worker()
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
        return worker.given_up(row) or worker.apply(row, event)
    except inbox.Fenced:
        raise
    except Exception as error:
        inbox.mark_failed(row, error)
        raise


def wake_worker() -> None:
    """Ask a worker to look at once; the sweep comes anyway, so a lost call costs a few seconds.

    One call is enough until a worker has begun: it forgets the mark before it looks.
    """
    if not cache.add(_WAKING, 1, timeout=1):
        return
    try:
        current_app.send_task("webhooks.tasks.apply_due_events", retry=False)
    except OperationalError as error:
        # Who hangs is waited for once: until the next sweep nobody else calls.
        cache.set(_WAKING, 1, timeout=settings.WEBHOOK_SWEEP_INTERVAL.total_seconds())
        log.warning("worker_not_woken", error=str(error))


def forget_waking() -> None:
    """A worker is awake and about to look; what comes later needs another call."""
    cache.delete(_WAKING)
