"""Paystack's lists: transactions and refunds, by their moment and page by page.

A reservation is not among the transactions before it is captured.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from payments.gateways.contract import Gateway
from payments.gateways.messages import Family, GatewayEvent, Listed, Listing, Page
from payments.gateways.paystack_facts import capture_in, key_noted, outcome_in, refund_in
from payments.gateways.reading import json_in, text_of, texts
from payments.gateways.wire import WireRequest, WireResponse
from payments.statuses import OperationKind

_PATHS = {Listed.CHARGES: "/transaction", Listed.REFUNDS: "/refund"}
_PER_PAGE = 100


class PaystackList(Gateway):
    """The part of the translator that reads the account's lists."""

    @abstractmethod
    def _ask(self, method: str, path: str, body: bytes = b"") -> WireRequest: ...

    def list_request(self, listing: Listing, token: str = "") -> WireRequest:
        query = {
            "from": listing.since.isoformat(),
            "to": listing.until.isoformat(),
            "perPage": str(_PER_PAGE),
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
        is_full = len(entries) >= _PER_PAGE
        following = str(int(listing.cursor or "1") + 1) if is_full else ""
        return Page(tuple(read(each) for each in things), following)


def _paid(data: dict[str, Any]) -> GatewayEvent:
    """A charge; or what was taken of a reservation, under the reservation's own reference."""
    number = text_of(data, "id")
    captures = text_of(data, "channel") == "preauth"
    told = capture_in(data, number) if captures else outcome_in(OperationKind.CHARGE, data)
    key = "" if captures else told.reference
    return GatewayEvent(number, "transaction", key, told, Family.PAYMENT, texts(number))


def _refunded(data: dict[str, Any]) -> GatewayEvent:
    told = refund_in(data)
    name = told.reference
    return GatewayEvent(name, "refund", key_noted(data), told, Family.REFUND, texts(name))
