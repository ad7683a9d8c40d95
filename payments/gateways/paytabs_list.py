"""What PayTabs can tell of many transactions: those of one cart, and its dashboard's export.

PayTabs has no list. A query by cart answers with all transactions of that cart, also those made
by hand in the dashboard. The dashboard exports a CSV of everything; its columns are not
documented, so they are known here by any of several names.
"""

import csv
import io
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from payments.errors import ReportUnreadable
from payments.gateways.contract import Gateway
from payments.gateways.messages import GatewayEvent, Listed, Listing, Page
from payments.gateways.wire import WireRequest, WireResponse

# Ours → how a column may be headed, in small letters and digits alone.
COLUMNS = {
    "tran_ref": ("tranref", "transactionref", "transactionreference", "transactionid"),
    "tran_type": ("trantype", "transactiontype", "type"),
    "cart_id": ("cartid", "orderid", "order"),
    "tran_currency": ("trancurrency", "currency", "cartcurrency", "transactioncurrency"),
    "tran_total": ("trantotal", "amount", "cartamount", "transactionamount", "total"),
    "status": ("status", "responsestatus", "transactionstatus"),
}
_OPTIONAL = {
    "previous_tran_ref": ("previoustranref", "parenttranref", "originaltransactionreference")
}
STATUSES = {
    "authorised": "A",
    "authorized": "A",
    "approved": "A",
    "success": "A",
    "hold": "H",
    "onhold": "H",
    "pending": "P",
    "voided": "V",
    "declined": "D",
    "error": "E",
    "expired": "X",
    "cancelled": "C",
    "canceled": "C",
}
_LARGEST_REPORT = 32 * 1024 * 1024


class PayTabsList(Gateway):
    """The part of the translator that reads carts and exports."""

    @abstractmethod
    def _post(self, path: str, body: dict[str, Any]) -> WireRequest: ...

    @abstractmethod
    def _event(self, news: dict[str, Any]) -> GatewayEvent: ...

    def list_request(self, listing: Listing, token: str = "") -> WireRequest | None:
        if not listing.key or listing.what is not Listed.CHARGES:
            return None
        return self._post("/payment/query", {"cart_id": listing.key})

    def page_in(self, listing: Listing, response: WireResponse) -> Page | None:
        answer = response.json_value()
        if response.status != 200 or not isinstance(answer, list):
            return None
        return Page(tuple(self._named(each) for each in answer if isinstance(each, dict)))

    def report_in(self, text: str) -> Page:
        return Page(tuple(self._row(number, row) for number, row in _rows(text)))

    def _named(self, news: dict[str, Any]) -> GatewayEvent:
        event = self._event(news)
        return replace(event, id=str(news.get("tran_ref") or event.id))

    def _row(self, number: int, row: dict[str, str]) -> GatewayEvent:
        word = _letters(row["status"])
        status = row["status"] if row["status"] in STATUSES.values() else STATUSES.get(word)
        if status is None:
            raise ReportUnreadable(f"Line {number}: status {row['status']!r} is not known.")
        event = self._named(row | {"payment_result": {"response_status": status}})
        if not row["tran_ref"] or event.result is None:
            raise ReportUnreadable(f"Line {number} has no reference, or a type that is not known.")
        if event.result.money is None:
            amount = f"{row['tran_total']} {row['tran_currency']}"
            raise ReportUnreadable(f"Line {number}: {amount!r} is no amount.")
        return event


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line by our own names, with its number. All of it is read before any is believed."""
    if len(text) > _LARGEST_REPORT:
        raise ReportUnreadable("This file is too large; export a shorter time.")
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        places = _places(next(reader, []))
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) <= max(places.values()):
                    raise ReportUnreadable(f"Line {reader.line_num} has too few columns.")
                yield reader.line_num, {name: cells[at].strip() for name, at in places.items()}
    except csv.Error as error:
        raise ReportUnreadable(f"Line {reader.line_num} is no CSV: {error}.") from None


def _places(header: list[str]) -> dict[str, int]:
    heads = [_letters(cell) for cell in header]
    found = {
        name: heads.index(head)
        for name, known in (COLUMNS | _OPTIONAL).items()
        for head in reversed(known)
        if head in heads
    }
    if missing := [known[0] for name, known in COLUMNS.items() if name not in found]:
        raise ReportUnreadable(f"The first line names no column for {', '.join(missing)}.")
    return found


def _letters(text: str) -> str:
    return "".join(each for each in text.lower() if each.isalnum())
