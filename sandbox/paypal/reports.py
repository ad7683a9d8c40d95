"""PayPal's report of transactions: what moved money, oldest first, 31 days at most."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest

from sandbox.models import Transaction
from sandbox.paypal.access import api, invalid
from sandbox.paypal.objects import NAME, moment, status_of, written

_LONGEST = timedelta(days=31)
_USUAL, _MOST = 100, 500
_WORDS = {"COMPLETED": "S", "PARTIALLY_REFUNDED": "S", "REFUNDED": "V", "PENDING": "P"}


@api("GET")
def transactions(request: HttpRequest) -> tuple[int, dict[str, Any]]:
    """GET /v1/reporting/transactions?start_date=&end_date=&page_size=&page="""
    since, until = _date(request, "start_date"), _date(request, "end_date")
    if not since <= until <= since + _LONGEST:
        raise invalid("INVALID_REQUEST", "Date range is greater than 31 days.")
    size, page = _number(request, "page_size", _USUAL), _number(request, "page", 1)
    if size > _MOST:
        raise invalid("INVALID_REQUEST", "page_size is 500 at most.")
    ours = Transaction.objects.select_related("payment", "parent").filter(payment__company=NAME)
    ours = ours.filter(kind__in=("capture", "refund"), created_at__range=(since, until))
    told = [_line(each) for each in ours.order_by("id") if status_of(each) in _WORDS]
    return 200, {
        "transaction_details": told[(page - 1) * size : page * size],
        "start_date": moment(since),
        "end_date": moment(until),
        "page": page,
        "total_items": len(told),
        "total_pages": -(-len(told) // size),
    }


def _date(request: HttpRequest, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(request.GET.get(name, ""))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise invalid("INVALID_PARAMETER_SYNTAX", f"{name} is no date with a zone.")
    return found


def _number(request: HttpRequest, name: str, usual: int) -> int:
    text = request.GET.get(name, str(usual))
    if not text.isascii() or not text.isdigit() or not int(text):
        raise invalid("INVALID_PARAMETER_VALUE", f"{name} is no number above zero.")
    return int(text)


def _line(entry: Transaction) -> dict[str, Any]:
    is_refund, parent = entry.kind == "refund", entry.parent
    amount = written(entry.amount, entry.payment.currency)
    info = {
        "transaction_id": entry.ref,
        "transaction_event_code": "T1107" if is_refund else "T0006",
        "transaction_initiation_date": moment(entry.created_at),
        "transaction_updated_date": moment(entry.created_at),
        "transaction_amount": amount | {"value": ("-" if is_refund else "") + amount["value"]},
        "transaction_status": _WORDS[status_of(entry)],
        "custom_field": entry.request.get("custom_id") or entry.payment.reference,
    }
    if invoice := entry.request.get("invoice_id"):
        info["invoice_id"] = invoice
    if is_refund and parent:
        info |= {"paypal_reference_id": parent.ref, "paypal_reference_id_type": "TXN"}
    return {"transaction_info": info}
