"""What is told of an event of the inbox, once what was done with it is committed."""

from functools import partial

import structlog
from django.db import transaction
from django.dispatch import Signal

from payments.events import context
from webhooks import seen, signals
from webhooks.models import PaymentWebhookEvent

log = structlog.get_logger(__name__)
_Status = PaymentWebhookEvent.Status


def tell_of_new(row: PaymentWebhookEvent) -> None:
    """Tell that it came, and what became of it."""
    _after_commit(signals.webhook_received, row)
    tell_of(row)


def tell_of(row: PaymentWebhookEvent) -> None:
    """Tell what became of it, where anything did already."""
    if row.status == _Status.PROCESSING:
        return
    failed = row.status == _Status.FAILED
    _after_commit(signals.webhook_failed if failed else signals.webhook_processed, row)
    if row.is_settled():
        let_be_known(row)


def let_be_known(row: PaymentWebhookEvent) -> None:
    """Let the next delivery be known at a glance."""
    transaction.on_commit(partial(seen.remember, row.provider, row.event_id), robust=True)


def _after_commit(signal: Signal, row: PaymentWebhookEvent) -> None:
    transaction.on_commit(context.carried(partial(_send, signal, row)), robust=True)


def _send(signal: Signal, row: PaymentWebhookEvent) -> None:
    for receiver, answer in signal.send_robust(sender=PaymentWebhookEvent, event=row):
        if isinstance(answer, Exception):
            log.error("signal_receiver_error", receiver=repr(receiver), exc_info=answer)
