"""Which answers may be a moment behind, and for whom none may: whoever has just changed something.

A caller reads their own changes: what a key has changed is read from the primary until no replica
that is used can lack it. That is kept on the key's row, so it holds for all processes.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from payments import replica
from payments.models import ApiKey

log = structlog.get_logger(__name__)
Action = Callable[..., Response]
# Our machines' clocks may differ by this much, and nobody is harmed.
_CLOCKS_DIFFER = timedelta(seconds=5)


def may_lag(action: Action) -> Action:
    """An action that only reads, and whose answer may be a moment old."""

    @wraps(action)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        def ask() -> Response:
            return action(view, request, *args, **kwargs)

        return ask() if must_be_fresh(request) else replica.read(ask)

    return only_reads(answer)


def only_reads(action: Action) -> Action:
    """An action that changes nothing, so that what its caller asks next may be a moment old."""
    action.only_reads = True  # type: ignore[attr-defined] # for `note_change` to see
    return action


def must_be_fresh(request: Request) -> bool:
    """Whether the caller may have changed something that a replica still lacks."""
    key = request.auth
    if not isinstance(key, ApiKey):
        return True
    return key.changed_at is not None and timezone.now() - key.changed_at < 2 * _half()


def note_change(action: Action | None, request: Request) -> None:
    """After an action that may have changed something, or told of what the replica lacks.

    Written down once in a while only: a busy key must not be a hot row.
    """
    key = request.auth
    if not replica.is_configured() or not isinstance(key, ApiKey) or hasattr(action, "only_reads"):
        return
    now = timezone.now()
    if key.changed_at is not None and now - key.changed_at <= _half():
        return
    try:
        ApiKey.objects.filter(owner_id=key.owner_id).update(changed_at=now)
    except DatabaseError:  # the answer is worth more: it may say that money's fate is not known
        log.exception("change_not_noted", key=str(key.pk))


def _half() -> timedelta:
    """A change may have been noted up to this long before it, and is fresh for as long after."""
    lag: timedelta = settings.DATABASE_REPLICA_MAX_LAG
    return lag + _CLOCKS_DIFFER
