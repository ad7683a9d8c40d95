"""Up to when a read model has heard everything."""

from datetime import datetime

from django.db.models import Subquery
from django.utils import timezone

from payments.events.models import Delivery, StoredEvent

_Status = Delivery.Status
_UNHEARD = (_Status.READY, _Status.LEASED, _Status.DEAD, _Status.PARKED)


def as_of(handler: str) -> datetime:
    """When the first event happened that this receiver has not heard, waiting or given up; or now.

    Ask before reading: what is heard meanwhile may be in it, or not.
    """
    unheard = Delivery.objects.filter(handler=handler, status__in=_UNHEARD)
    # Names of events grow with time: the heap that waits need not be joined to its events.
    oldest = unheard.order_by("event_id").values("event_id")[:1]
    first = StoredEvent.objects.filter(pk=Subquery(oldest)).values_list("timestamp", flat=True)
    return first.first() or timezone.now()
