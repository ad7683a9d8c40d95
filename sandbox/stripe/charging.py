"""What becomes of the money: a card pays or is refused, or a page ends before either."""

from typing import Any

from django.db import transaction

from sandbox.models import Payment
from sandbox.stripe import objects
from sandbox.stripe.news import tell

# How a card may be refused → code, decline_code, message.
REFUSALS = {
    "decline": ("card_declined", "generic_decline", "Your card was declined."),
    "insufficient_funds": (
        "card_declined",
        "insufficient_funds",
        "Your card has insufficient funds.",
    ),
    "authentication_failed": (
        "payment_intent_authentication_failure",
        "",
        "We are unable to authenticate your payment method.",
    ),
}


def pay(payment: Payment, cause: str | None = None) -> None:
    """The card pays; where that is by hand, what it pays is only reserved."""
    intent, session = objects.intent_for(payment), objects.part_of(payment, "session")
    manual = intent.request["capture_method"] == "manual"
    intent.result = {"status": "requires_capture" if manual else "succeeded"}
    intent.save()
    payment.status = Payment.Status.AUTHORIZED if manual else Payment.Status.CAPTURED
    payment.captured = 0 if manual else payment.amount
    payment.save()
    name = "amount_capturable_updated" if manual else "succeeded"
    tell(payment, "charge.succeeded", objects.charge(intent), cause)
    tell(payment, f"payment_intent.{name}", objects.intent(intent), cause)
    if session:
        session.result = {"status": "complete"}
        session.save()
        tell(payment, "checkout.session.completed", objects.session(payment), cause)


def refuse(payment: Payment, how: str, cause: str | None = None) -> dict[str, Any]:
    """The bank says no, and the intent remembers it; a page stays open for another card."""
    intent = objects.intent_for(payment)
    code, decline_code, message = REFUSALS[how]
    error: dict[str, Any] = {"type": "card_error", "code": code, "message": message}
    if decline_code:
        error["decline_code"] = decline_code
    if method := intent.request.get("payment_method"):
        error["payment_method"] = {"id": method, "object": "payment_method", "type": "card"}
    intent.result = {"status": "requires_payment_method", "last_payment_error": error}
    intent.save()
    if not objects.part_of(payment, "session"):
        payment.status = Payment.Status.FAILED
        payment.save()
    tell(payment, "payment_intent.payment_failed", objects.intent(intent), cause)
    return error


def close(payment: Payment, cause: str | None = None) -> None:
    """A page or a bank's question ends unanswered, and what was begun with it."""
    session, intent = objects.part_of(payment, "session"), objects.part_of(payment, "intent")
    payment.status = Payment.Status.CANCELLED
    payment.save()
    if intent:
        intent.result = {"status": "canceled", "cancellation_reason": "automatic"}
        intent.save()
        tell(payment, "payment_intent.canceled", objects.intent(intent), cause)
    if session:
        session.result = {"status": "expired"}
        session.save()
        tell(payment, "checkout.session.expired", objects.session(payment), cause)


def close_if_over(payment: Payment) -> None:
    """A page whose time has come is closed when somebody next looks at it."""
    if payment.status != Payment.Status.PENDING or not objects.part_of(payment, "session"):
        return
    if objects.now() >= objects.ends_at(payment):
        with transaction.atomic():
            close(payment)
