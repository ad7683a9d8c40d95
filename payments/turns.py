"""One at a time, over all processes: whoever has the turn has it until done, or until it is over.

A turn that its holder's death left behind ends by itself. Work whose rows are leased one by one
needs none: many may do it at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid4

from payments.models import Turn


@contextmanager
def turn(name: str, lasts: timedelta) -> Iterator[bool]:
    """Whether it is ours; `lasts` is longer than what is done in it may take."""
    token, now = uuid4(), timezone.now()
    Turn.objects.bulk_create([Turn(name=name)], ignore_conflicts=True)
    free = Turn.objects.filter(Q(ends_at=None) | Q(ends_at__lte=now), name=name)
    is_ours = bool(free.update(token=token, ends_at=now + lasts))
    try:
        yield is_ours
    finally:
        Turn.objects.filter(name=name, token=token).update(token=None, ends_at=None)
