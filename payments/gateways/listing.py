"""Read a gateway's own list page by page, through a breaker of its own.

What is listed has the shape of a notification: which operation it is about, and what became of
it. A list that cannot be had says nothing of the gateway's other calls, so they do not share a
breaker; asking twice does no harm, so it is tried again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from payments.gateways import client, guarded
from payments.gateways.client import CannotSay
from payments.gateways.contract import Capability, Gateway
from payments.gateways.messages import GatewayCallFacts, Listing, Page
from payments.gateways.wire import Lost, NotSent, WireRequest
from payments.resilience import registry
from payments.resilience.errors import CallRefused, DeadlineExceeded
from payments.resilience.guard import Guard


class ListUnseen(Exception):
    """A list, or the rest of it, could not be had; the text says why, `calls` what was tried."""

    def __init__(self, why: str, calls: Sequence[GatewayCallFacts] = ()) -> None:
        super().__init__(why)
        self.calls = tuple(calls)


def pages_of(gateway: Gateway, listing: Listing, most: int) -> Iterator[Page]:
    """Every page of a list, in the gateway's order; none where it has no such list.

    Raises ListUnseen where one could not be had, or there are more than `most`.
    """
    if gateway.list_request(listing) is None:
        return
    for _ in range(most):
        page = _page_of(gateway, listing)
        yield page
        if not page.next:
            return
        listing = replace(listing, cursor=page.next)
    raise ListUnseen(f"{gateway.name} has more than {most} pages of it")


def _page_of(gateway: Gateway, listing: Listing) -> Page:
    able = Capability.LIST in gateway.capabilities
    name = f"{gateway.name}-{Capability.LIST if able else guarded.VERIFY}"
    guard = Guard(
        breaker=registry.get(name),
        budget=guarded.budget_for(gateway),
        retry=guarded.retries_for(gateway),
        may_repeat=lambda error: isinstance(error, NotSent | Lost),
    )
    calls: list[GatewayCallFacts] = []

    def attempt(limit: timedelta) -> Page | None:
        with guarded.noted(name, calls) as seen:
            return _asked(gateway, listing, limit, seen)

    try:
        page = guard.call(attempt)
    except (NotSent, Lost, CallRefused, DeadlineExceeded, CannotSay) as error:
        refused = [guarded.refusal_of(name)] if isinstance(error, CallRefused) else []
        raise ListUnseen(str(error), calls + refused) from error
    if page is None:
        raise ListUnseen(f"{gateway.name} answered without a list of {listing.what}", calls)
    return replace(page, calls=tuple(calls))


def _asked(gateway: Gateway, listing: Listing, limit: timedelta, seen: guarded.Seen) -> Page | None:
    def question(token: str) -> WireRequest:
        request = gateway.list_request(listing, token)
        if request is None:
            raise CannotSay(f"{gateway.name} has no list of {listing.what}.")
        return request

    response = client.exchanged(gateway, question, limit)
    seen.http_status = response.status
    return gateway.page_in(listing, client.well_told(gateway, response))
