"""Stripe's lists: payment intents and refunds, a hundred at a time, the newest first.

A page that nobody paid has no intent, so what is listed is what somebody tried to pay.
"""

from abc import abstractmethod
from math import ceil, floor
from typing import Any
from urllib.parse import urlencode

from payments.gateways.contract import Gateway
from payments.gateways.messages import (
    Family,
    GatewayEvent,
    GatewayResult,
    Listed,
    Listing,
    Page,
)
from payments.gateways.stripe_objects import intent_result, references_of, refund_result
from payments.gateways.stripe_words import capture_key_of, id_in, key_of
from payments.gateways.wire import WireRequest, WireResponse
from payments.statuses import OperationKind

_PATHS = {Listed.CHARGES: "/v1/payment_intents", Listed.REFUNDS: "/v1/refunds"}
_PER_PAGE = 100


class StripeList(Gateway):
    """The part of the translator that reads the account's lists."""

    base: str

    @abstractmethod
    def _headers(self) -> dict[str, str]: ...

    def list_request(self, listing: Listing, token: str = "") -> WireRequest:
        query = {
            "limit": str(_PER_PAGE),
            "created[gte]": str(floor(listing.since.timestamp())),
            "created[lt]": str(ceil(listing.until.timestamp())),
        }
        if listing.cursor:
            query["starting_after"] = listing.cursor
        url = f"{self.base}{_PATHS[listing.what]}?{urlencode(query)}"
        return WireRequest("GET", url, self._headers())

    def page_in(self, listing: Listing, response: WireResponse) -> Page | None:
        answer = response.json_value()
        entries = answer.get("data") if isinstance(answer, dict) else None
        if response.status != 200 or not isinstance(entries, list):
            return None
        things = [each for each in entries if isinstance(each, dict) and id_in(each, "id")]
        read = _paid if listing.what is Listed.CHARGES else _refunded
        events = tuple(event for thing in things for event in read(thing))
        goes_on = answer.get("has_more") is True and things
        return Page(events, id_in(things[-1], "id") if goes_on else "")


def _paid(intent: dict[str, Any]) -> list[GatewayEvent]:
    """The charge or the reservation; and the capture of the latter, if it was captured."""
    first = intent_result(intent, OperationKind.AUTHORIZE)
    found = [_event(intent, key_of(intent), Family.PAYMENT, first)]
    taken = intent_result(intent)
    if taken.kind is OperationKind.CAPTURE:
        found.append(_event(intent, capture_key_of(intent), Family.PAYMENT, taken))
    return found


def _refunded(refund: dict[str, Any]) -> list[GatewayEvent]:
    return [_event(refund, key_of(refund), Family.REFUND, refund_result(refund))]


def _event(thing: dict[str, Any], key: str, family: Family, result: GatewayResult) -> GatewayEvent:
    name, kind = id_in(thing, "id"), str(thing.get("object"))
    return GatewayEvent(name, kind, key, result, family, references_of(thing))
