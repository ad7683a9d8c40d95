"""Paystack's lists: transactions and refunds, the newest first, by their moment and by page."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from sandbox.bearer import Body, Refused
from sandbox.models import Transaction
from sandbox.paystack import records
from sandbox.paystack.api import answer
from sandbox.paystack.records import NAME

_USUAL, _MOST = 50, 100


def transactions(request: HttpRequest, query: Body) -> Body:
    """GET /transaction?from=&to=&perPage=&page=: charges, and captures of reservations."""
    found = _within(query, ("charge", "capture"))
    return _page("Transactions retrieved", [records.transaction(each) for each in found], query)


def refunds(request: HttpRequest, query: Body) -> Body:
    """GET /refund?transaction=&from=&to=&perPage=&page="""
    found = [records.refund(each) for each in _within(query, ("refund",))]
    if named := query.get("transaction"):
        found = [each for each in found if str(each["transaction"]["id"]) == named]
    return _page("Refunds retrieved", found, query)


def _within(query: Body, kinds: tuple[str, ...]) -> QuerySet[Transaction]:
    ours = Transaction.objects.select_related("payment")
    ours = ours.filter(payment__company=NAME, kind__in=kinds)
    for name, bound in (("from", "created_at__gte"), ("to", "created_at__lte")):
        if text := query.get(name):
            ours = ours.filter(**{bound: _moment(text)})
    return ours.order_by("-pk")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(400, f"{text} is no moment with a zone", "invalid_params")
    return found


def _page(message: str, found: list[dict[str, Any]], query: Body) -> Body:
    size, page = min(_number(query, "perPage", _USUAL), _MOST), _number(query, "page", 1)
    pages = -(-len(found) // size)
    meta = {"total": len(found), "perPage": size, "page": page, "pageCount": pages}
    return answer(message, found[(page - 1) * size : page * size], meta=meta)


def _number(query: Body, name: str, usual: int) -> int:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) else usual
