"""PayPal's things: orders, authorizations, captures, refunds; their names and what they look like.

An order is a Payment and its own Transaction, whose `result` holds its status; all else that is
done to it are further Transactions.
"""

import re
import secrets
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone

from sandbox.models import Payment, Transaction
from sandbox.money import AmountRefused, in_major_units, minor_units

NAME = "paypal"
_CURRENCIES = """
AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD
"""
CURRENCIES = frozenset(_CURRENCIES.split())
WHOLE_CURRENCIES = frozenset({"HUF", "JPY", "TWD"})
_NAME_LETTERS = "0123456789ABCDEFGHJKLMNPRSTUVWXY"
_AMOUNT = re.compile(r"-?\d{1,29}(\.\d{1,3})?", re.ASCII)
_PATHS = {
    "order": "/v2/checkout/orders",
    "authorization": "/v2/payments/authorizations",
    "capture": "/v2/payments/captures",
    "refund": "/v2/payments/refunds",
}
PAYER = {
    "name": {"given_name": "Sample", "surname": "Payer"},
    "email_address": "payer@example.test",
    "payer_id": "QYR5Z8XDVJNXQ",
    "address": {"country_code": "US"},
}


class BadAmount(ValueError):
    """An amount that PayPal refuses, and the issue it names."""

    def __init__(self, issue: str) -> None:
        super().__init__(issue)
        self.issue = issue


def new_ref() -> str:
    return "".join(secrets.choice(_NAME_LETTERS) for _ in range(17))


def written(minor: int, currency: str) -> dict[str, str]:
    value = in_major_units(minor, currency)
    value = value.partition(".")[0] if currency in WHOLE_CURRENCIES else value
    return {"currency_code": currency, "value": value}


def read_amount(amount: Any) -> tuple[int, str]:
    """Minor units and currency of `{"currency_code", "value"}`. Raises BadAmount."""
    if not isinstance(amount, dict):
        raise BadAmount("MISSING_REQUIRED_PARAMETER")
    value, currency = amount.get("value"), amount.get("currency_code")
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise BadAmount("INVALID_PARAMETER_SYNTAX")
    if not isinstance(currency, str) or currency not in CURRENCIES:
        raise BadAmount("CURRENCY_NOT_SUPPORTED")
    if currency in WHOLE_CURRENCIES and "." in value:
        raise BadAmount("DECIMALS_NOT_SUPPORTED")
    if Decimal(value) <= 0:
        raise BadAmount("CANNOT_BE_ZERO_OR_NEGATIVE")
    try:
        return minor_units(Decimal(value), currency), currency
    except AmountRefused:
        raise BadAmount("DECIMAL_PRECISION") from None


def record(
    payment: Payment,
    kind: str,
    status: str,
    amount: int,
    parent: Transaction | None,
    request: dict[str, Any],
    fingerprint: str = "",
) -> Transaction:
    return Transaction.objects.create(
        payment=payment,
        ref=payment.transaction_ref if kind == "order" else new_ref(),
        parent=parent,
        kind=kind,
        amount=amount,
        reference=request.get("custom_id") or payment.reference,
        request=request,
        result={"status": status},
        fingerprint=fingerprint,
    )


def order_of(payment: Payment) -> Transaction:
    return payment.transactions.get(kind="order")


def status_of(entry: Transaction) -> str:
    return str((entry.result or {}).get("status", ""))


def mark(entry: Transaction, **facts: Any) -> None:
    entry.result = (entry.result or {}) | facts | {"changed_at": moment()}
    entry.save(update_fields=["result"])


def taken_from(entry: Transaction, kind: str) -> int:
    """What captures took of an authorization, or refunds gave back of a capture."""
    children = Transaction.objects.filter(parent=entry, kind=kind)
    good = {"COMPLETED", "PENDING", "PARTIALLY_REFUNDED", "REFUNDED"}
    return sum(child.amount for child in children if status_of(child) in good)


def minimal(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("id", "status", "links") if name in answer}


def base() -> str:
    return f"http://127.0.0.1:{settings.COMPANY_PORTS[NAME]}"


def link(kind: str, ref: str, rel: str = "self") -> dict[str, str]:
    return {"href": f"{base()}{_PATHS[kind]}/{ref}", "rel": rel, "method": "GET"}


def moment(at: Any = None) -> str:
    return f"{at or timezone.now():%Y-%m-%dT%H:%M:%SZ}"


def described(entry: Transaction) -> dict[str, Any]:
    """Whatever it is, as its own address and its notifications show it."""
    describe = {"order": _order, "dispute": _dispute}.get(entry.kind, _payment)
    return describe(entry)


def _payment(entry: Transaction) -> dict[str, Any]:
    payment, parent = entry.payment, entry.parent
    facts: dict[str, Any] = {
        "id": entry.ref,
        "status": status_of(entry),
        "amount": written(entry.amount, payment.currency),
        "custom_id": entry.request.get("custom_id") or payment.reference,
        "create_time": moment(entry.created_at),
        "update_time": (entry.result or {}).get("changed_at") or moment(entry.created_at),
        "links": [link(entry.kind, entry.ref)],
    }
    if parent:
        facts["links"].append(link(parent.kind, parent.ref, "up"))
    if invoice := entry.request.get("invoice_id"):
        facts["invoice_id"] = invoice
    return facts | _particulars(entry)


def _particulars(entry: Transaction) -> dict[str, Any]:
    if entry.kind == "refund":
        return {"note_to_payer": entry.request.get("note_to_payer", "")}
    ids = {"order_id": entry.payment.transaction_ref}
    if entry.kind == "authorization":
        ends = moment(entry.created_at + timedelta(days=29))
        return {"supplementary_data": {"related_ids": ids}, "expiration_time": ends}
    if entry.parent and entry.parent.kind == "authorization":
        ids["authorization_id"] = entry.parent.ref
    facts: dict[str, Any] = {"final_capture": True, "supplementary_data": {"related_ids": ids}}
    if code := (entry.result or {}).get("response_code"):
        facts["processor_response"] = {"response_code": code}
    if status_of(entry) == "PENDING":
        facts["status_details"] = {"reason": "PENDING_REVIEW"}
    if status_of(entry) == "COMPLETED":
        facts["seller_receivable_breakdown"] = _breakdown(entry)
    return facts


def _breakdown(entry: Transaction) -> dict[str, Any]:
    fee, currency = entry.amount * 35 // 1000, entry.payment.currency
    return {
        "gross_amount": written(entry.amount, currency),
        "paypal_fee": written(fee, currency),
        "net_amount": written(entry.amount - fee, currency),
    }


def _order(entry: Transaction) -> dict[str, Any]:
    payment, status = entry.payment, status_of(entry)
    unit = {
        "reference_id": "default",
        "custom_id": payment.reference,
        "description": payment.description,
        "amount": written(payment.amount, payment.currency),
    }
    facts: dict[str, Any] = {
        "id": entry.ref,
        "intent": entry.request["intent"],
        "status": status,
        "create_time": moment(entry.created_at),
        "purchase_units": [unit],
        "links": [link("order", entry.ref)],
    }
    if status == "PAYER_ACTION_REQUIRED":
        page = {"href": payment.page_url, "rel": "payer-action", "method": "GET"}
        facts["links"].append(page)
        return facts | {"payment_source": {"paypal": {}}}
    payments = _payments(payment)
    unit |= {"payments": payments} if payments else {}
    source = {name: PAYER[name] for name in ("name", "email_address")}
    return facts | {"payer": PAYER, "payment_source": {"paypal": source}}


def _dispute(dispute: Transaction) -> dict[str, Any]:
    result, capture = dispute.result or {}, dispute.parent
    facts: dict[str, Any] = {
        "dispute_id": dispute.ref,
        "create_time": moment(dispute.created_at),
        "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "status": status_of(dispute),
        "dispute_life_cycle_stage": "CHARGEBACK",
        "dispute_amount": written(dispute.amount, dispute.payment.currency),
        "seller_response_due_date": moment(dispute.created_at + timedelta(days=10)),
        "disputed_transactions": [
            {
                "seller_transaction_id": capture.ref if capture else "",
                "custom": dispute.payment.reference,
            }
        ],
    }
    outcome = result.get("outcome")
    return facts | ({"dispute_outcome": {"outcome_code": outcome}} if outcome else {})


def _payments(payment: Payment) -> dict[str, list[dict[str, Any]]]:
    names = {"authorization": "authorizations", "capture": "captures", "refund": "refunds"}
    entries = payment.transactions.select_related("payment", "parent").order_by("id")
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in entries.filter(kind__in=names):
        found.setdefault(names[entry.kind], []).append(_payment(entry))
    return found
