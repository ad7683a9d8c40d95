"""PayPal's report of transactions: what moved money, within 31 days at a time.

Source: PayPal's reporting_transactions_v1 and its list of event codes. It is one list of
everything, late by hours, and tells neither orders nor reservations: money alone.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from payments.gateways.contract import Gateway
from payments.gateways.messages import (
    Failure,
    Family,
    GatewayEvent,
    GatewayResult,
    Listed,
    Listing,
    Page,
)
from payments.gateways.paypal.reading import mapping, money, part, parts, text
from payments.gateways.reading import texts
from payments.gateways.wire import WireRequest, WireResponse
from payments.statuses import FailureCode, OperationKind, Outcome

_PER_PAGE = 100
_LAST_SECOND = timedelta(microseconds=999_999)
# Payments received; and what went back: refunds, and reversals by PayPal itself.
_PAYMENTS, _RETURNS = "T00", ("T1106", "T1107")
# V: it succeeded, and went back in full since; its going back is a line of its own.
STATUSES = {
    "S": Outcome.SUCCEEDED,
    "V": Outcome.SUCCEEDED,
    "P": Outcome.PENDING,
    "D": Outcome.DECLINED,
}


class PayPalList(Gateway):
    """The part of the translator that reads the account's report."""

    base: str
    list_lag: timedelta = timedelta(hours=3)

    def list_request(self, listing: Listing, token: str = "") -> WireRequest | None:
        if listing.what is not Listed.CHARGES:
            return None  # the one list has refunds among the rest
        query = {
            "start_date": _written(listing.since),
            # Whole seconds are written: the one that has begun belongs to it.
            "end_date": _written(listing.until + _LAST_SECOND),
            "fields": "transaction_info",
            "page_size": str(_PER_PAGE),
            "page": listing.cursor or "1",
        }
        url = f"{self.base}/v1/reporting/transactions?{urlencode(query)}"
        return WireRequest("GET", url, {"Authorization": f"Bearer {token}"})

    def page_in(self, listing: Listing, response: WireResponse) -> Page | None:
        answer = mapping(response.json_value())
        if response.status != 200 or not isinstance(answer.get("transaction_details"), list):
            return None
        lines = [part(each, "transaction_info") for each in parts(answer, "transaction_details")]
        events = tuple(event for line in lines if (event := _event(line)))
        current, pages = int(listing.cursor or "1"), answer.get("total_pages")
        goes_on = isinstance(pages, int) and current < pages
        return Page(events, str(current + 1) if goes_on else "")


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _event(line: dict[str, Any]) -> GatewayEvent | None:
    """A payment or a refund; fees, payouts and the like are nobody's charge."""
    name, code = text(line, "transaction_id"), text(line, "transaction_event_code")
    is_return = code in _RETURNS
    told = _told(line, is_return=is_return)
    if not name or not (is_return or code.startswith(_PAYMENTS)) or told.money is None:
        return None
    # The capture of a reservation bears its own key as invoice number, and that one as custom.
    key = text(line, "invoice_id") or text(line, "custom_field")
    family = Family.REFUND if is_return else Family.PAYMENT
    return GatewayEvent(name, code.lower(), key, told, family, texts(name, told.parent_reference))


def _told(line: dict[str, Any], *, is_return: bool) -> GatewayResult:
    word, name = text(line, "transaction_status").upper(), text(line, "transaction_id")
    outcome = STATUSES.get(word, Outcome.PENDING)
    told = GatewayResult(
        outcome,
        money=money(_amount(line, is_return=is_return)),
        parent_reference=text(line, "paypal_reference_id"),
        ids={"refund" if is_return else "capture": name},
        unlisted_word="" if word in STATUSES else word,
    )
    if outcome is Outcome.DECLINED:
        told = replace(told, failure=Failure(FailureCode.PROVIDER_ERROR, "denied"))
    if is_return:
        return replace(told, kind=OperationKind.REFUND, reference=name)
    return told


def _amount(line: dict[str, Any], *, is_return: bool) -> Mapping[str, Any]:
    """What went back is written below zero; so is what we paid, which is nobody's charge."""
    amount = part(line, "transaction_amount")
    value = text(amount, "value")
    return amount | {"value": value.removeprefix("-")} if is_return else amount
