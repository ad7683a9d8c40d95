"""How often who may ask, over django-ratelimit's counters.

Counting must never stop payments: where the counters cannot be reached, everybody passes.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog
from django.conf import settings
from django.http import HttpRequest
from django_ratelimit.core import get_usage
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from payments.api import blocks
from payments.api.addresses import counted_address
from payments.api.errors import ApiError
from payments.models import ApiKey, Payment

log = structlog.get_logger(__name__)


def seconds_to_wait(request: HttpRequest, kind: str, who: str, *, count: bool = True) -> int:
    """Zero if the caller may go on, else for how long this limit is exceeded.

    `kind` names a limit of RATE_LIMITS, `who` whose counter it is. `count=False` only looks.
    """
    rate = settings.RATE_LIMITS.get(kind)
    if not settings.RATE_LIMITS_ENABLED or rate is None:
        return 0
    try:
        usage = get_usage(request, kind, key=_key(who), rate=rate, increment=count)
    except (RedisError, OSError) as error:
        log.warning("rate_limit_counters_unreachable", error=str(error))
        return 0
    # A counter that was lost between two questions has no limit, and stops nobody.
    is_counted = usage and usage["limit"]
    return max(1, usage["time_left"]) if is_counted and usage["should_limit"] else 0


def _key(who: str) -> Callable[[str, HttpRequest], str]:
    return lambda group, request: who


class RateLimits(BaseThrottle):
    """The limits of each caller, and of each of their actions."""

    def allow_request(self, request: Request, view: object) -> bool:
        caller = _caller(request)
        limits = [("default", caller)]
        action = getattr(view, "action", None)
        if action in ("process", "verify"):
            payment_id = str(getattr(view, "kwargs", {}).get("payment_id", ""))
            limits.append((action, f"{caller}:{_customer_or_payment(payment_id)}"))
        for kind, who in limits:
            if wait := seconds_to_wait(request._request, kind, who):
                if kind == "default":
                    blocks.note_excess(request._request, _to_blame(request), kind)
                raise too_many(kind, wait)
        return True


def admitted_source(request: HttpRequest) -> str:
    """Who is asking. Raises ApiError (429) where they are turned away for a while."""
    source = blocks.source_of(request)
    if wait := blocks.seconds_left(source):
        detail = f"Limits were exceeded again and again; nobody is heard here for {wait} s."
        raise ApiError(429, "rate_limited", detail, timedelta(seconds=wait))
    return source


def demand_patience(request: HttpRequest) -> None:
    """The limits of everybody together and of each address, counted before anyone is asked who
    they are: guessing keys must not be free. Raises ApiError (429)."""
    for kind, who in (("global", "everybody"), ("default", f"address:{counted_address(request)}")):
        if wait := seconds_to_wait(request, kind, who):
            if kind == "default":
                blocks.note_excess(request, blocks.source_of(request), kind)
            raise too_many(kind, wait)


def too_many(kind: str, wait: int) -> ApiError:
    """429, saying which limit it was and when to come back."""
    rate = settings.RATE_LIMITS[kind]
    detail = f"More than {rate} of this kind ({kind}); try again in {wait} s."
    return ApiError(429, "rate_limited", detail, timedelta(seconds=wait))


def _caller(request: Request) -> str:
    if isinstance(request.auth, ApiKey):
        return f"key:{request.auth.owner_id}"
    return f"address:{counted_address(request._request)}"


def _to_blame(request: Request) -> str:
    if isinstance(request.auth, ApiKey):
        return f"key:{request.auth.prefix}"
    return blocks.address_of(request._request)


def _customer_or_payment(payment_id: str) -> str:
    found = Payment.objects.filter(pk=payment_id).values_list("customer_digest", flat=True)
    return found.first() or payment_id
