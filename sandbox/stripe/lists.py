"""Stripe's lists: the newest first, a page at a time, cut by when a thing was made."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from sandbox.models import Payment, Transaction
from sandbox.stripe.forms import Refused, missing
from sandbox.stripe.objects import NAME

_USUAL, _MOST = 10, 100


def listed(
    request: HttpRequest,
    kind: str,
    rendered: Callable[[Transaction], dict[str, Any]],
    **of: Payment,
) -> dict[str, Any]:
    """`limit`, `starting_after` and the bounds of `created`, as Stripe has them."""
    found = Transaction.objects.filter(payment__company=NAME, kind=kind, **of).order_by("-id")
    if since := _number(request, "created[gte]", 0, 10**10):
        found = found.filter(created_at__gte=datetime.fromtimestamp(since, UTC))
    if until := _number(request, "created[lt]", 0, 10**10):
        found = found.filter(created_at__lt=datetime.fromtimestamp(until, UTC))
    if last_second := _number(request, "created[lte]", 0, 10**10):
        found = found.filter(created_at__lt=datetime.fromtimestamp(last_second + 1, UTC))
    if ref := request.GET.get("starting_after"):
        last = Transaction.objects.filter(payment__company=NAME, kind=kind, ref=ref).first()
        if last is None:
            raise missing(kind, ref)
        found = found.filter(id__lt=last.pk)
    limit = _number(request, "limit", _USUAL, _MOST)
    page = [*found[: limit + 1]]
    entries = [rendered(each) for each in page[:limit]]
    facts = {"has_more": len(page) > limit, "url": request.path}
    return {"object": "list", "data": entries} | facts


def _number(request: HttpRequest, name: str, usual: int, most: int) -> int:
    text = request.GET.get(name, str(usual))
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise Refused(400, f"Invalid integer: {text}", code="parameter_invalid_integer", param=name)
    return int(text)
