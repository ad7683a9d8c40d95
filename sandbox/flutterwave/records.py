"""What Flutterwave keeps of a payment, and how it writes it down: numbers in major units."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sandbox.models import Payment, Transaction
from sandbox.money import EXPONENTS

NAME = "flutterwave"
_LISTED = "NGN USD UGX KES ZAR ZMW EUR GHS TZS RWF XAF XOF EGP GBP MWK ETB"
CURRENCIES = frozenset(_LISTED.split())
# What the payer does → data.status, processor_response.
OUTCOMES = {
    "approve": ("successful", "Approved by Financial Institution"),
    "3ds": ("successful", "Approved by Financial Institution"),
    "decline": ("failed", "Declined by Financial Institution"),
    "insufficient_funds": ("failed", "Insufficient Funds"),
    "authentication_failed": ("failed", "3DS authentication failed"),
    # Nothing was tried, so there is no transaction.
    "cancel": ("cancelled", ""),
}
_FIRST_NUMBER = 8_415_000


def major(minor: int, currency: str) -> int | float:
    """A JSON number, as Flutterwave writes it: 2500, or 19.99."""
    whole, rest = divmod(minor, 10 ** EXPONENTS[currency])
    return minor / 10 ** EXPONENTS[currency] if rest else whole


def record(
    payment: Payment,
    kind: str,
    amount: int,
    request: dict[str, Any],
    result: dict[str, Any] | None = None,
    parent: Transaction | None = None,
) -> Transaction:
    """The page as it was asked for, a try to pay it, a refund or a chargeback."""
    return Transaction.objects.create(
        payment=payment,
        ref=f"{NAME}-{secrets.token_hex(12)}",
        parent=parent,
        kind=kind,
        amount=amount,
        reference=payment.reference,
        request=request,
        result=result,
    )


def number_of(entry: Transaction) -> int:
    return _FIRST_NUMBER + int(entry.pk)


def ours(kind: str, **facts: Any) -> list[Transaction]:
    """Those of a kind, the newest first."""
    found = Transaction.objects.select_related("payment", "parent")
    return list(found.filter(payment__company=NAME, kind=kind, **facts).order_by("-pk"))


def numbered(number: int, kind: str) -> Transaction | None:
    return next(iter(ours(kind, pk=number - _FIRST_NUMBER)), None)


def page_of(payment: Payment) -> Transaction:
    return payment.transactions.get(kind="page")


def paid_charge(payment: Payment) -> Transaction | None:
    charges = payment.transactions.filter(kind="charge").order_by("pk")
    return next((each for each in charges if (each.result or {})["status"] == "successful"), None)


def written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def transaction(entry: Transaction) -> dict[str, Any]:
    payment, told = entry.payment, entry.result or {}
    currency = payment.currency
    fee = entry.amount * 14 // 1000
    named = page_of(payment).request.get("customer") or {}
    return {
        "id": number_of(entry),
        "tx_ref": payment.reference,
        "flw_ref": f"FLW-SANDBOX-{entry.ref[-12:].upper()}",
        "device_fingerprint": "N/A",
        "amount": major(entry.amount, currency),
        "currency": currency,
        # The payer bears the fee.
        "charged_amount": major(entry.amount + fee, currency),
        "app_fee": major(fee, currency),
        "merchant_fee": 0,
        "processor_response": told.get("processor_response", ""),
        "auth_model": "PIN",
        "ip": "127.0.0.1",
        "narration": "CARD Transaction",
        "status": told.get("status", "pending"),
        "payment_type": "card",
        "created_at": written(entry.created_at),
        "account_id": 17321,
        "customer": {"id": 1, "phone_number": None, **named},
        "card": {
            "first_6digits": "553188",
            "last_4digits": "2950",
            "issuer": "SANDBOX",
            "country": "NG",
            "type": "MASTERCARD",
            "expiry": "09/32",
        },
    }


def refund(entry: Transaction) -> dict[str, Any]:
    return {
        "id": number_of(entry),
        "account_id": 17321,
        "tx_id": entry.parent and number_of(entry.parent),
        "flw_ref": f"URF_{entry.ref[-12:].upper()}",
        "wallet_id": 74639,
        "amount_refunded": major(entry.amount, entry.payment.currency),
        "status": "completed",
        "destination": "payment_source",
        "comments": entry.request.get("comments", ""),
        "created_at": written(entry.created_at),
    }


def chargeback(entry: Transaction) -> dict[str, Any]:
    return {
        "id": number_of(entry),
        # In the currency of its charge, which is not named.
        "amount": major(entry.amount, entry.payment.currency),
        "tx_ref": entry.payment.reference,
        "flw_ref": entry.parent and transaction(entry.parent)["flw_ref"],
        "transaction_id": entry.parent and number_of(entry.parent),
        "status": (entry.result or {}).get("status", "initiated"),
        "comment": "The payer does not know this payment",
        "due_date": written(entry.created_at + timedelta(days=3)),
        "created_at": written(entry.created_at),
    }
