"""PayTabs' dashboard: what a person does there, and the file that it exports."""

import csv
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from sandbox.models import ActRefused, Payment, Transaction
from sandbox.money import in_major_units
from sandbox.paytabs.news import notify_of_follow_up
from sandbox.paytabs.transactions import NAME, approved, new_ref, record

_HEAD = (
    "Transaction Reference",
    "Previous Tran Ref",
    "Date",
    "Transaction Type",
    "Cart ID",
    "Amount",
    "Currency",
    "Status",
    "Response Message",
)


def refund_rest(payment: Payment) -> None:
    """Give back what is left; like everything done here it bears the payment's own cart."""
    left = payment.captured - payment.refunded
    if left <= 0:
        raise ActRefused("there is nothing left to refund")
    taken = payment.transactions.filter(kind__in=("sale", "capture")).order_by("-id")
    parent = next(each for each in taken if approved(each))
    in_full = payment.refunded + left == payment.captured
    partly = Payment.Status.PARTIALLY_REFUNDED
    payment.refunded += left
    payment.status = Payment.Status.REFUNDED if in_full else partly
    payment.save()
    facts = {"cart_id": payment.reference, "cart_description": "by hand"}
    notify_of_follow_up(record(payment, new_ref(), "refund", left, facts, "", parent))


@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """GET /dashboard/transactions.csv: everything that ended, the oldest first."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    writer = csv.writer(response)
    writer.writerow(_HEAD)
    ours = Transaction.objects.select_related("payment", "parent").filter(payment__company=NAME)
    for entry in ours.order_by("id"):
        if entry.result:
            writer.writerow(_row(entry, entry.result))
    return response


def _row(entry: Transaction, result: dict[str, Any]) -> tuple[str, ...]:
    currency = entry.payment.currency
    return (
        entry.ref,
        entry.parent.ref if entry.parent else "",
        f"{entry.created_at:%Y-%m-%d %H:%M:%S}",
        entry.kind.capitalize(),
        entry.reference,
        in_major_units(entry.amount, currency),
        currency,
        result["response_status"],
        result["response_message"],
    )
