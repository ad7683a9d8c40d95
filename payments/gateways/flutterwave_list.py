"""Flutterwave's lists: transactions and refunds, by whole days and page by page.

A refund there names no currency: it is that of its charge, which it names by number.
"""

from abc import abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from payments.gateways import flutterwave_facts as facts
from payments.gateways.contract import Gateway
from payments.gateways.messages import Family, GatewayEvent, Listed, Listing, Page
from payments.gateways.reading import json_in, part_of, text_of, texts
from payments.gateways.wire import WireRequest, WireResponse

_PATHS = {Listed.CHARGES: "/transactions", Listed.REFUNDS: "/refunds"}
_MOMENT = timedelta(microseconds=1)


class FlutterwaveList(Gateway):
    """The part of the translator that reads the account's lists."""

    @abstractmethod
    def _ask(self, method: str, path: str, body: bytes = b"") -> WireRequest: ...

    def list_request(self, listing: Listing, token: str = "") -> WireRequest:
        query = {
            "from": f"{listing.since:%Y-%m-%d}",
            "to": f"{listing.until - _MOMENT:%Y-%m-%d}",
            "page": listing.cursor or "1",
        }
        return self._ask("GET", f"{_PATHS[listing.what]}?{urlencode(query)}")

    def page_in(self, listing: Listing, response: WireResponse) -> Page | None:
        answer = json_in(response.body)
        entries = answer.get("data") if isinstance(answer, dict) else None
        if response.status != 200 or not isinstance(entries, list):
            return None
        things = [each for each in entries if isinstance(each, dict) and text_of(each, "id")]
        read: Callable[[dict[str, Any]], GatewayEvent]
        read = _paid if listing.what is Listed.CHARGES else _refunded
        return Page(tuple(read(each) for each in things), _next(listing, answer))


def _next(listing: Listing, answer: dict[str, Any]) -> str:
    current = int(listing.cursor or "1")
    pages = text_of(part_of(part_of(answer, "meta"), "page_info"), "total_pages")
    return str(current + 1) if pages.isdigit() and current < int(pages) else ""


def _paid(data: dict[str, Any]) -> GatewayEvent:
    told, number = facts.charge_in(data), text_of(data, "id")
    return GatewayEvent(number, "charge", told.reference, told, Family.PAYMENT, texts(number))


def _refunded(data: dict[str, Any]) -> GatewayEvent:
    told, key = facts.refund_in(data, ""), facts.key_noted(data)
    name = told.reference
    return GatewayEvent(name, "refund", key, told, Family.REFUND, texts(name))
