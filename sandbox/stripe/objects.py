"""Stripe's objects as its API and its events show them, and how they are kept here.

A payment is a Checkout session, or a payment intent where a token paid; its intent, refunds and
dispute are transactions of it.
"""

import secrets
from datetime import timedelta
from typing import Any

from django.utils import timezone

from sandbox.models import Payment, Transaction
from sandbox.money import EXPONENTS

NAME = "stripe"
API_VERSION = "2026-06-24.dahlia"
# How long a page may live, in seconds.
SHORTEST_PAGE, LONGEST_PAGE = 30 * 60, 24 * 60 * 60
# An ariary is counted whole, though it has decimals; krónur and shillings by the hundredth.
_UNITS = {"MGA": 0, "ISK": 2, "UGX": 2}


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(20)}"


def minor_of(units: int, currency: str) -> int | None:
    """Stripe's integer as the sandbox counts; None where it has no such amount."""
    shift = EXPONENTS[currency] - _UNITS.get(currency, EXPONENTS[currency])
    minor, rest = (units * 10**shift, 0) if shift >= 0 else divmod(units, 10**-shift)
    rounded = EXPONENTS[currency] < 3 or units % 10 == 0
    return minor if rounded and not rest else None


def units_of(minor: int, currency: str) -> int:
    shift = EXPONENTS[currency] - _UNITS.get(currency, EXPONENTS[currency])
    return minor // 10**shift if shift >= 0 else minor * 10**-shift


def part_of(payment: Payment, kind: str) -> Transaction | None:
    """The newest transaction of a kind; there is one session and one intent at most."""
    return payment.transactions.filter(kind=kind).order_by("-id").first()


def the(payment: Payment, kind: str) -> Transaction:
    return payment.transactions.get(kind=kind)


def add(
    payment: Payment, prefix: str, kind: str, amount: int, facts: Any, status: str
) -> Transaction:
    is_the_payment = payment.transaction_ref.startswith(f"{prefix}_")
    return Transaction.objects.create(
        payment=payment,
        ref=payment.transaction_ref if is_the_payment else new_id(prefix),
        kind=kind,
        amount=amount,
        reference=payment.reference,
        request=facts,
        result={"status": status},
    )


def status_of(kept: Transaction) -> str:
    return str((kept.result or {})["status"])


def intent_for(payment: Payment) -> Transaction:
    """The payment intent, which for a page does not exist before somebody pays."""
    if kept := part_of(payment, "intent"):
        return kept
    wishes = the(payment, "session").request.get("payment_intent_data") or {}
    facts = {
        "metadata": wishes.get("metadata") or {},
        "capture_method": wishes.get("capture_method") or "automatic_async",
        "charge": new_id("ch"),
    }
    return add(payment, "pi", "intent", payment.amount, facts, "requires_payment_method")


def ends_at(payment: Payment) -> int:
    """When the page is over, in seconds."""
    told = the(payment, "session").request.get("expires_at")
    return int(told) if told else int(payment.created_at.timestamp()) + LONGEST_PAGE


def session(payment: Payment, *, expanded: bool = False) -> dict[str, Any]:
    kept, paid = the(payment, "session"), part_of(payment, "intent")
    status = status_of(kept)
    asked = kept.request
    told = intent(paid, expanded=expanded) if paid and expanded else paid and paid.ref
    return _object("checkout.session", kept) | {
        "amount_total": units_of(payment.amount, payment.currency),
        "client_reference_id": asked.get("client_reference_id"),
        "currency": payment.currency.lower(),
        "customer_details": {"email": asked.get("customer_email"), "name": "Sample Payer"},
        "expires_at": ends_at(payment),
        "metadata": asked.get("metadata") or {},
        "mode": "payment",
        "payment_intent": told,
        "payment_method_types": ["card"],
        "payment_status": "paid" if payment.captured else "unpaid",
        "status": status,
        "success_url": asked.get("success_url"),
        "cancel_url": asked.get("cancel_url"),
        "url": payment.page_url if status == "open" else None,
    }


def intent(kept: Transaction, *, expanded: bool = False) -> dict[str, Any]:
    payment, result, status = kept.payment, kept.result or {}, status_of(kept)
    captured = status == "succeeded"
    return _object("payment_intent", kept) | {
        "amount": units_of(payment.amount, payment.currency),
        "amount_capturable": _units(payment, payment.held) if status == "requires_capture" else 0,
        "amount_received": _units(payment, payment.captured) if captured else 0,
        "canceled_at": None,
        "cancellation_reason": result.get("cancellation_reason"),
        "capture_method": kept.request["capture_method"],
        "client_secret": f"{kept.ref}_secret_{payment.page_token[:20]}",
        "currency": payment.currency.lower(),
        "last_payment_error": result.get("last_payment_error"),
        "latest_charge": charge(kept) if expanded else kept.request["charge"],
        "metadata": kept.request["metadata"],
        "next_action": _next_action(kept) if status == "requires_action" else None,
        "payment_method": kept.request.get("payment_method"),
        "payment_method_types": ["card"],
        "status": status,
    }


def _next_action(kept: Transaction) -> dict[str, Any]:
    page = {"return_url": kept.request["return_url"], "url": kept.payment.page_url}
    return {"type": "redirect_to_url", "redirect_to_url": page}


def charge(kept: Transaction) -> dict[str, Any]:
    payment = kept.payment
    return _object("charge", kept) | {
        "id": kept.request["charge"],
        "amount": _units(payment, payment.amount),
        "amount_captured": _units(payment, payment.captured),
        "amount_refunded": _units(payment, payment.refunded),
        "captured": payment.captured > 0,
        "currency": payment.currency.lower(),
        "disputed": part_of(payment, "dispute") is not None,
        "metadata": kept.request["metadata"],
        "paid": True,
        "payment_intent": kept.ref,
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}},
        "refunded": bool(payment.captured) and payment.refunded == payment.captured,
        "status": "succeeded",
    }


def refund(kept: Transaction) -> dict[str, Any]:
    paid, result = the(kept.payment, "intent"), kept.result or {}
    return _object("refund", kept) | {
        "amount": _units(kept.payment, kept.amount),
        "charge": paid.request["charge"],
        "currency": kept.payment.currency.lower(),
        "failure_reason": result.get("failure_reason"),
        "metadata": kept.request.get("metadata") or {},
        "payment_intent": paid.ref,
        "reason": kept.request.get("reason"),
        "status": status_of(kept),
    }


def dispute(kept: Transaction) -> dict[str, Any]:
    paid = the(kept.payment, "intent")
    answer_by = kept.created_at + timedelta(days=7)
    return _object("dispute", kept) | {
        "amount": _units(kept.payment, kept.amount),
        "charge": paid.request["charge"],
        "currency": kept.payment.currency.lower(),
        "evidence_details": {"due_by": int(answer_by.timestamp()), "has_evidence": False},
        "metadata": {},
        "payment_intent": paid.ref,
        "reason": "fraudulent",
        "status": status_of(kept),
    }


def now() -> int:
    return int(timezone.now().timestamp())


def _object(name: str, kept: Transaction) -> dict[str, Any]:
    created = int(kept.created_at.timestamp())
    return {"id": kept.ref, "object": name, "created": created, "livemode": False}


def _units(payment: Payment, minor: int) -> int:
    return units_of(minor, payment.currency)
