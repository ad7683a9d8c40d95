"""When somebody should ask about an operation again."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from payments.models import GatewayOperation
from payments.statuses import Outcome

_AFTER_THE_END = (timedelta(0), timedelta(hours=1), timedelta(days=1))


def next_check(operation: GatewayOperation, heard_from: str) -> datetime | None:
    """After what was heard last; None where nothing is left to ask."""
    if operation.is_open():
        return timezone.now() + settings.RECOVERY_CHECK_DELAYS[0]
    if operation.rest():
        return timezone.now()  # some gateways keep it until they are told
    is_conclusion = heard_from in ("lookup", "operator")
    concluded = is_conclusion and operation.outcome != Outcome.SUCCEEDED
    return last_look(operation, timezone.now()) if concluded else None


def last_look(operation: GatewayOperation, now: datetime) -> datetime | None:
    """When to look again at what we concluded from silence, or None once it is enough.

    "Never sent" and "expired" are our own conclusions, "not done" is a person's; the provider's
    page may live on, and be paid while its callback is lost.
    """
    ends_at = operation.expires_at or operation.deadline_at
    return next((ends_at + step for step in _AFTER_THE_END if ends_at + step > now), None)
