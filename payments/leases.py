"""Take rows that are due, a batch at a time, for as long as a lease lasts.

A row says when somebody should take it (`next_try_at`: the end of its holder's lease while it is
held) and who holds it (`lease_token`). Who wakes up too late finds another token there, and must
change nothing. Leases go by this service's clocks: were one wrong, a row would be done twice by
those who do something outside, and still be written once, by the token's holder.
"""

from collections.abc import Iterable
from datetime import timedelta
from itertools import takewhile
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, Model, QuerySet
from django.utils import timezone
from uuid_utils.compat import uuid4

Row = TypeVar("Row", bound=Model)
BATCH = 100


def take(
    rows: QuerySet[Row], *, counter: str, lease: timedelta, at_once: int = BATCH, **marks: Any
) -> QuerySet[Row]:
    """Lease some of these rows to ourselves; what another is taking right now is left to them.

    `counter` names the field that counts takes: it is raised before anything is done, so that a
    row that kills whoever does it is known by its number.
    """
    token = uuid4()
    with transaction.atomic(durable=True):
        free = rows.select_for_update(skip_locked=True, of=("self",)).values_list("pk", counter)
        QuerySet(rows.model).filter(pk__in=_together(free[:at_once])).update(
            lease_token=token,
            next_try_at=timezone.now() + lease,
            **{counter: F(counter) + 1},
            **marks,
        )
    return QuerySet(rows.model).filter(lease_token=token)


def _together(free: Iterable[tuple[Any, int]]) -> list[Any]:
    """What may share a batch. Of one that died, any row may be the cause: each is taken alone."""
    rows = list(free)
    fresh = [pk for pk, _ in takewhile(lambda row: not row[1], rows)]
    return fresh or [pk for pk, _ in rows[:1]]


def give_back(rows: list[Row], *, counter: str, **marks: Any) -> None:
    """Let others have at once what we took and did not begin: that was no take."""
    if not rows:
        return
    token = rows[0].lease_token  # type: ignore[attr-defined] # leased rows have one
    ours: QuerySet[Row] = QuerySet(type(rows[0])).filter(
        pk__in=[row.pk for row in rows], lease_token=token
    )
    ours.update(lease_token=None, next_try_at=timezone.now(), **{counter: F(counter) - 1}, **marks)
