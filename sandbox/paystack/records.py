"""What Paystack keeps of a payment, and how it writes it down: amounts in hundredths."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from sandbox.models import Payment, Transaction
from sandbox.money import EXPONENTS

NAME = "paystack"
CURRENCIES = ("NGN", "GHS", "ZAR", "KES", "USD", "XOF")
# What the payer does → data.status, gateway_response.
OUTCOMES = {
    "approve": ("success", "Approved"),
    "approve_with_fee": ("success", "Approved"),
    "3ds": ("success", "Approved"),
    "decline": ("failed", "Declined"),
    "insufficient_funds": ("failed", "Insufficient Funds"),
    "authentication_failed": ("failed", "3D Secure authentication failed"),
    "cancel": ("abandoned", "The transaction was not completed"),
}
_HOLD = timedelta(days=5)
_FIRST_NUMBER = 302_960


def hundredths(minor: int, currency: str) -> int:
    """1000 XOF, which has no decimals, is written 100000 here."""
    return minor * int(10 ** (2 - EXPONENTS[currency]))


def record(payment: Payment, kind: str, amount: int, request: dict[str, Any]) -> Transaction:
    """A transaction of a payment; the first is the charge or the reservation itself."""
    return Transaction.objects.create(
        payment=payment,
        ref=f"{NAME}-{secrets.token_hex(12)}",
        kind=kind,
        amount=amount,
        reference=payment.reference,
        request=request,
    )


def number_of(entry: Transaction) -> int:
    return _FIRST_NUMBER + int(entry.pk)


def entry_numbered(number: int, kind: str) -> Transaction | None:
    ours = Transaction.objects.select_related("payment").filter(payment__company=NAME, kind=kind)
    return ours.filter(pk=number - _FIRST_NUMBER).first()


def entry_of(payment: Payment, kind: str) -> Transaction | None:
    """The latest transaction of a kind."""
    return payment.transactions.filter(kind=kind).order_by("-pk").first()


def is_reservation(payment: Payment) -> bool:
    return payment.transactions.filter(kind="reservation").exists()


def money_maker(payment: Payment) -> Transaction | None:
    """What took the money: the charge, or the capture of a reservation."""
    return entry_of(payment, "capture" if is_reservation(payment) else "charge")


def written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def _customer(request: dict[str, Any]) -> dict[str, Any]:
    return {"id": 68324, "email": request["email"], "customer_code": "CUS_sandbox"}


_CARD = {
    "authorization_code": "AUTH_sandbox",
    "bin": "408408",
    "last4": "4081",
    "exp_month": "12",
    "exp_year": "2030",
    "channel": "card",
    "card_type": "visa ",
    "brand": "visa",
    "country_code": "NG",
    "reusable": True,
}


def transaction(entry: Transaction) -> dict[str, Any]:
    """A charge, as verify, fetch and `charge.success` tell of it."""
    payment, result = entry.payment, entry.result or {}
    first = payment.transactions.order_by("pk")[0].request
    asked = hundredths(entry.amount, payment.currency)
    fee = int(result.get("fee_on_top", 0))
    ended = result.get("status", "abandoned")
    return {
        "id": number_of(entry),
        "domain": "test",
        "status": "reversed" if _all_went_back(payment) else ended,
        "reference": payment.reference,
        "amount": asked + fee,
        "requested_amount": asked,
        "message": None,
        "gateway_response": result.get("gateway_response", "The transaction was not completed"),
        "paid_at": result.get("paid_at"),
        "created_at": written(entry.created_at),
        "channel": "preauth" if entry.kind == "capture" else "card",
        "currency": payment.currency,
        "ip_address": "127.0.0.1",
        "metadata": first.get("metadata", ""),
        "fees": fee or asked * 15 // 1000,
        "customer": _customer(first),
        "authorization": _CARD if result else {},
        "plan": {},
    }


def _all_went_back(payment: Payment) -> bool:
    dispute = entry_of(payment, "dispute")
    lost = dispute is not None and str((dispute.result or {}).get("resolution")).endswith(
        "accepted"
    )
    return lost or payment.status == Payment.Status.REFUNDED


def reservation(payment: Payment) -> dict[str, Any]:
    """A pre-authorisation, as asked for and as notified."""
    entry = payment.transactions.get(kind="reservation")
    capture = entry_of(payment, "capture")
    told = entry.result or {}
    return {
        "id": number_of(entry),
        "domain": "test",
        "status": told.get("status", "abandoned"),
        "reference": payment.reference,
        "amount": hundredths(payment.amount, payment.currency),
        "captured_amount": capture and str(hundredths(capture.amount, payment.currency)),
        "captured_at": capture and written(capture.created_at),
        "transaction_id": capture and str(number_of(capture)),
        "message": told.get("gateway_response"),
        "currency": payment.currency,
        "metadata": entry.request.get("metadata"),
        "fees": 0,
        "authorization": _CARD if told else {},
        "customer": _customer(entry.request),
        "created_at": written(entry.created_at),
        "expiry_date": written(entry.created_at + _HOLD),
        "expire_action": "release",
    }


def refund(entry: Transaction) -> dict[str, Any]:
    """A refund, as the API tells of it."""
    payment, made = entry.payment, money_maker(entry.payment)
    usual = f"Refund for transaction {payment.reference}"
    return {
        "id": number_of(entry),
        "domain": "test",
        "status": (entry.result or {}).get("status", "pending"),
        "amount": hundredths(entry.amount, payment.currency),
        "currency": payment.currency,
        "transaction": {"id": made and number_of(made), "reference": payment.reference},
        "merchant_note": entry.request.get("merchant_note") or f"{usual} by owner@shop.test",
        "customer_note": entry.request.get("customer_note") or usual,
        "createdAt": written(entry.created_at),
    }


def told_of_refund(entry: Transaction, status: str) -> dict[str, Any]:
    """A refund, as notified: no id, the amount as text, no reference before it is processed."""
    payment = entry.payment
    return {
        "status": status,
        "transaction_reference": payment.reference,
        "refund_reference": None if status == "pending" else f"TRF_{entry.ref[-16:]}",
        "amount": str(hundredths(entry.amount, payment.currency)),
        "currency": payment.currency,
        "processor": "sandbox",
        "customer": {"first_name": None, "last_name": None, "email": "payer@example.test"},
        "integration": 100_123,
        "domain": "test",
    }


def dispute(entry: Transaction) -> dict[str, Any]:
    made, told = money_maker(entry.payment), entry.result or {}
    return {
        "id": number_of(entry),
        "refund_amount": hundredths(entry.amount, entry.payment.currency),
        "currency": entry.payment.currency,
        "status": told.get("status", "awaiting-merchant-feedback"),
        "resolution": told.get("resolution"),
        "domain": "test",
        "transaction": made and transaction(made),
        "transaction_reference": None,
        "category": "chargeback",
        "dueAt": written(entry.created_at + timedelta(days=1)),
        "resolvedAt": written(timezone.now()) if told else None,
        "created_at": written(entry.created_at),
    }
