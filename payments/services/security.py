"""What was refused at a door: one event a provider, reason and minute, however many there were.

Strangers must not be able to fill the disk; so their number is a counter's business, and only
the first of each minute is kept.
"""

from datetime import datetime

import structlog
from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.utils import timezone

from payments.events import store
from payments.events.models import StoredEvent
from payments.events.signal import Aggregate
from payments.signals import SecurityFacts, security_event

log = structlog.get_logger("security")


def report_refusal(facts: SecurityFacts) -> StoredEvent | None:
    """Keep a refusal in the history of this hour, unless this minute has one like it.

    Where the database is away the log alone has it: nobody is let in, or refused, for that.
    """
    try:
        return _kept(facts)
    except DatabaseError:
        log.exception("refusal_not_kept", provider=facts.provider, reason=facts.reason)
        return None


def _kept(facts: SecurityFacts) -> StoredEvent | None:
    now = timezone.now()
    like_it = f"security:{facts.provider}:{facts.reason}:{now:%Y%m%d%H%M}"
    # Spares the database most of a flood; what decides is the look under the stream's lock.
    if not cache.add(like_it, 1, 60):
        return None
    hour = Aggregate("security", f"{now:%Y-%m-%dT%H}")
    with transaction.atomic(durable=True):
        store.hold(hour)
        return None if _is_known(hour, facts, now) else store.record(security_event, hour, facts)


def _is_known(hour: Aggregate, facts: SecurityFacts, now: datetime) -> bool:
    minute = now.replace(second=0, microsecond=0)
    told = StoredEvent.objects.filter(
        aggregate_type=hour.type, aggregate_id=hour.id, timestamp__gte=minute
    )
    same = (facts.provider, facts.reason)
    return any((event.data["provider"], event.data["reason"]) == same for event in told)
