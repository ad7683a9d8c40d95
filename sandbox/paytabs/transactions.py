"""PayTabs' transactions: how they are numbered, how they end, and what they look like."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from sandbox.models import Payment, Transaction
from sandbox.money import in_major_units

NAME = "paytabs"
MERCHANT_ID = 100000
# What the payer does → response_status, response_code, response_message.
OUTCOMES = {
    "approve": ("A", "", "Authorised"),
    "3ds": ("A", "", "Authorised"),
    "decline": ("D", "300", "Not authorised"),
    "insufficient_funds": ("D", "316", "Insufficient funds"),
    "authentication_failed": ("D", "345", "3DS authentication not completed"),
    "cancel": ("C", "321", "Cancelled"),
}


def record(
    payment: Payment,
    ref: str,
    kind: str,
    amount: int,
    body: dict[str, Any],
    fingerprint: str,
    parent: Transaction | None = None,
) -> Transaction:
    return Transaction.objects.create(
        payment=payment,
        ref=ref,
        kind=kind,
        amount=amount,
        reference=body["cart_id"],
        request=body,
        result=result("approve") if parent else None,
        fingerprint=fingerprint,
        parent=parent,
    )


def approved(entry: Transaction) -> bool:
    return entry.result is not None and entry.result["response_status"] == "A"


def new_ref() -> str:
    """TST, the day, the millisecond: it never comes again, not even after a reset."""
    now = timezone.now()
    while Transaction.objects.filter(ref=(ref := _ref_at(now))).exists():
        now += timedelta(milliseconds=1)
    return ref


def _ref_at(now: datetime) -> str:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return f"TST{now:%y%j}{(now - midnight) // timedelta(milliseconds=1):08}"


def trace(prefix: str) -> str:
    return f"{prefix}0001.{secrets.token_hex(4).upper()}.{secrets.token_hex(4).upper()}"


def answer(entry: Transaction) -> dict[str, Any]:
    ids = {"profileId": settings.PAYTABS_PROFILE_ID, "merchantId": MERCHANT_ID}
    return described(entry) | {"serviceId": 2} | ids | {"trace": trace("PMNT")}


def described(entry: Transaction) -> dict[str, Any]:
    amount = in_major_units(entry.amount, entry.payment.currency)
    facts: dict[str, Any] = {
        "tran_ref": entry.ref,
        "cart_id": entry.reference,
        "cart_description": entry.request["cart_description"],
        "cart_currency": entry.payment.currency,
        "cart_amount": amount,
        "tran_currency": entry.payment.currency,
        "tran_total": amount,
        "tran_type": entry.kind.capitalize(),
        "tran_class": "ECom",
        "customer_details": customer(entry.payment),
    }
    if entry.parent:
        facts["previous_tran_ref"] = entry.parent.ref
    if entry.result:
        facts["payment_result"] = entry.result
        # Nobody gave a card before they cancelled.
        if entry.result["response_status"] != "C":
            facts["payment_info"] = _CARD
    return facts


_CARD = {
    "payment_method": "Visa",
    "card_type": "Credit",
    "card_scheme": "Visa",
    "payment_description": "4111 11## #### 1111",
    "expiryMonth": 12,
    "expiryYear": 2030,
}


def page_entry(payment: Payment) -> Transaction:
    """The transaction of the page itself; follow-ups stand beside it."""
    return payment.transactions.get(ref=payment.transaction_ref)


def customer(payment: Payment) -> dict[str, Any]:
    """Whom the merchant named, or whoever typed their name into the page."""
    typed = {"name": "Sample Payer", "email": "payer@example.test", "country": "AE"}
    named = page_entry(payment).request.get("customer_details")
    return typed | (named if isinstance(named, dict) else {}) | {"ip": "127.0.0.1"}


def result(verb: str) -> dict[str, Any]:
    status, code, message = OUTCOMES[verb]
    return {
        "response_status": status,
        "response_code": code or f"G{secrets.randbelow(10**5):05}",
        "response_message": message,
        "acquirer_ref": trace("TRAN"),
        "cvv_result": " ",
        "avs_result": " ",
        "transaction_time": f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}",
    }


def three_d_secure(verb: str) -> dict[str, Any]:
    asked, passed = verb in {"3ds", "authentication_failed"}, verb == "3ds"
    return {
        "responseLevel": 1,
        "responseStatus": 1,
        "enrolled": "Y" if asked else "N",
        "paResStatus": "" if not asked else "Y" if passed else "N",
        "eci": "05" if passed else "",
        "cavv": "",
        "ucaf": "",
        "threeDSVersion": "Test/Simulation",
    }
