"""Up to when a read model has heard everything."""

from datetime import datetime

from django.db.models import Min
from django.utils import timezone

from payments.events.models import Delivery

_Status = Delivery.Status
_UNHEARD = (_Status.READY, _Status.LEASED, _Status.DEAD, _Status.PARKED)


def as_of(handler: str) -> datetime:
    """When the first event happened that this receiver has not heard, waiting or given up; or now.

    Ask before reading: what is heard meanwhile may be in it, or not.
    """
    unheard = Delivery.objects.filter(handler=handler, status__in=_UNHEARD)
    first = unheard.aggregate(first=Min("event__timestamp"))["first"]
    return first or timezone.now()
