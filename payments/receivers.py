"""What payments does about the signals of its own machinery."""

from typing import Any

import structlog
from django.db import DatabaseError
from django.dispatch import receiver

from payments.resilience.signals import BreakerChanged, breaker_changed
from payments.services.breakers import keep_change

log = structlog.get_logger(__name__)


@receiver(breaker_changed, dispatch_uid="payments.keep_breaker_change")
def keep_breaker_change(change: BreakerChanged, **_: Any) -> None:
    """A transition belongs into the history; a call must not fail because it cannot be written."""
    try:
        keep_change(change)
    except DatabaseError:
        log.exception("breaker_change_not_kept", breaker=change.name, kind=change.kind)
