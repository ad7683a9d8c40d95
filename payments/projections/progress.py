"""Up to when a read model has heard everything."""

from datetime import datetime

from django.db.models import Min
from django.utils import timezone

from payments.events.models import Delivery


def as_of(handler: str) -> datetime:
    """When the first event happened that this receiver still waits for; or now.

    Ask before reading: what is heard meanwhile may be in it, or not.
    """
    waiting = Delivery.objects.filter(handler=handler, next_try_at__isnull=False)
    first = waiting.aggregate(first=Min("event__timestamp"))["first"]
    return first or timezone.now()
