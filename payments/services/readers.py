"""Who reads a payment is told the truth where its provider tells it, and waits for no sweep."""

from datetime import timedelta

import structlog
from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from payments.errors import DomainError
from payments.models import GatewayOperation, Payment
from payments.services.recovery import ask_about
from payments.statuses import OPEN_OUTCOMES, Outcome, PaymentStatus

_ASK_EVERY = 10  # seconds
_ASK_ABOUT = 3
WAIT = timedelta(seconds=3)  # for whoever asks on behalf of somebody who waits
log = structlog.get_logger(__name__)


def ask_for_a_reader(payment: Payment) -> bool:
    """Somebody reads a payment of which news is awaited: ask about what is in doubt or due.

    Each operation at most once in a while, and all briefly: the reader waits, and is answered
    whatever becomes of it. Whether anybody was asked.
    """
    wanted = [each for each in _awaited_of(payment) if _is_readers_turn(each)]
    for operation in wanted:
        try:
            ask_about(operation, WAIT // len(wanted))
        except (DomainError, DatabaseError):
            log.exception("asking_for_a_reader_failed", operation_id=str(operation.id))
    return bool(wanted)


def _awaited_of(payment: Payment) -> list[GatewayOperation]:
    """A payment of which no news is awaited costs no query."""
    paying = payment.current_operation
    is_reserved = payment.status == PaymentStatus.AUTHORIZED  # a capture or a void may be open
    if not (payment.refund_pending or is_reserved or (paying and paying.is_open())):
        return []
    now = timezone.now()
    is_unknown = Q(outcome=Outcome.UNKNOWN) | Q(outcome=None, deadline_at__lte=now)
    is_due = Q(outcome__in=OPEN_OUTCOMES, next_check_at__lte=now)
    awaited = payment.operations.filter(is_unknown | is_due).select_related("payment", "parent")
    return list(awaited.order_by("next_check_at", "pk")[:_ASK_ABOUT])


def _is_readers_turn(operation: GatewayOperation) -> bool:
    slot = int(timezone.now().timestamp()) // _ASK_EVERY
    return cache.add(f"asked:{operation.key}:{slot}", 1, _ASK_EVERY)
