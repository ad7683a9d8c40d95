"""What follows a payment at Stripe: capture, cancellation, refunds, and a bank's objection."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from sandbox.models import ActRefused, Payment, Transaction
from sandbox.money import in_major_units
from sandbox.stripe import objects
from sandbox.stripe.api import amount_in, intent_named
from sandbox.stripe.forms import Fields, Refused, group, missing, posted, read
from sandbox.stripe.lists import listed
from sandbox.stripe.news import tell
from sandbox.stripe.objects import NAME

CANCEL_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
REFUND_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
_STATE = "payment_intent_unexpected_state"


@posted("amount_to_capture", "final_capture", "metadata", "expand")
def capture_intent(fields: Fields, cause: str | None, ref: str) -> tuple[Payment, dict[str, Any]]:
    """POST /v1/payment_intents/{id}/capture: once; what is not taken is released."""
    intent = intent_named(ref)
    payment = intent.payment
    if objects.status_of(intent) != "requires_capture":
        raise _unexpected(intent, "captured")
    amount = payment.held
    if "amount_to_capture" in fields:
        amount = amount_in(fields, "amount_to_capture", payment.currency)
    if amount > payment.held:
        message = f"No more than {in_major_units(payment.held, payment.currency)} can be captured."
        raise Refused(400, message, payment=payment, code="amount_too_large")
    payment.captured, payment.released = amount, payment.held - amount
    payment.status = Payment.Status.CAPTURED
    payment.save()
    intent.request["metadata"] |= group(fields, "metadata")
    intent.result = {"status": "succeeded"}
    intent.save()
    tell(payment, "charge.captured", objects.charge(intent), cause)
    tell(payment, "payment_intent.succeeded", objects.intent(intent), cause)
    return payment, objects.intent(intent)


@posted("cancellation_reason", "expand")
def cancel_intent(fields: Fields, cause: str | None, ref: str) -> tuple[Payment, dict[str, Any]]:
    """POST /v1/payment_intents/{id}/cancel: what was reserved is released."""
    intent = intent_named(ref)
    payment, reason = intent.payment, fields.get("cancellation_reason")
    if reason not in (None, *CANCEL_REASONS):
        raise Refused(400, "Invalid cancellation_reason", param="cancellation_reason")
    is_paid_on_page = objects.part_of(payment, "session")
    if is_paid_on_page and payment.status == Payment.Status.PENDING:
        message = "This PaymentIntent was created by an open Checkout Session: expire that instead."
        raise Refused(400, message, payment=payment, code=_STATE)
    if objects.status_of(intent) not in ("requires_capture", "requires_action"):
        raise _unexpected(intent, "canceled")
    cancel(intent, reason, cause)
    return payment, objects.intent(intent)


def cancel(intent: Transaction, reason: str | None, cause: str | None = None) -> None:
    """Release what is reserved; `automatic` is Stripe's own clock, after seven days."""
    payment = intent.payment
    payment.released, payment.status = payment.held, Payment.Status.CANCELLED
    payment.save()
    intent.result = {"status": "canceled", "cancellation_reason": reason}
    intent.save()
    tell(payment, "payment_intent.canceled", objects.intent(intent), cause)


def _unexpected(intent: Transaction, wish: str) -> Refused:
    status = objects.status_of(intent)
    message = f"This PaymentIntent could not be {wish} because it has a status of {status}."
    return Refused(400, message, payment=intent.payment, code=_STATE)


def refunds(request: HttpRequest) -> HttpResponse:
    """GET or POST /v1/refunds"""
    return _list(request) if request.method == "GET" else _create(request)


@read
def _list(request: HttpRequest) -> dict[str, Any]:
    ref = request.GET.get("payment_intent")
    of = {"payment": intent_named(ref).payment} if ref else {}
    return listed(request, "refund", objects.refund, **of)


@posted("payment_intent", "charge", "amount", "reason", "metadata", "expand")
def _create(fields: Fields, cause: str | None) -> tuple[Payment, dict[str, Any]]:
    intent = _paid(fields)
    payment = intent.payment
    if fields.get("reason") not in (None, *REFUND_REASONS):
        raise Refused(400, "Invalid reason", param="reason")
    left = payment.captured - payment.refunded
    if not payment.captured:
        message = f"This PaymentIntent ({intent.ref}) does not have a successful charge to refund."
        raise Refused(400, message, payment=payment)
    if not left:
        message = f"Charge {intent.request['charge']} has already been refunded."
        raise Refused(400, message, payment=payment, code="charge_already_refunded")
    amount = amount_in(fields, "amount", payment.currency) if "amount" in fields else left
    if amount > left:
        most = in_major_units(left, payment.currency)
        message = f"Refund amount is greater than unrefunded amount on charge ({most})."
        raise Refused(400, message, payment=payment, param="amount")
    facts = {"metadata": group(fields, "metadata"), "reason": fields.get("reason")}
    return payment, give_back(payment, amount, facts, cause)


def give_back(
    payment: Payment, amount: int, facts: dict[str, Any], cause: str | None = None
) -> dict[str, Any]:
    kept = objects.add(payment, "re", "refund", amount, facts, "succeeded")
    payment.refunded += amount
    _settle(payment)
    told = objects.refund(kept)
    tell(payment, "refund.created", told, cause)
    tell(payment, "charge.refunded", objects.charge(objects.the(payment, "intent")), cause)
    return told


def send_back(payment: Payment) -> None:
    """The payer's bank did not take the last refund: what had succeeded has failed."""
    kept = objects.part_of(payment, "refund")
    if kept is None or objects.status_of(kept) != "succeeded":
        raise ActRefused("there is no refund that could fail")
    kept.result = {"status": "failed", "failure_reason": "expired_or_canceled_card"}
    kept.save()
    payment.refunded -= kept.amount
    _settle(payment)
    tell(payment, "refund.failed", objects.refund(kept))


def _settle(payment: Payment) -> None:
    status = Payment.Status.CAPTURED
    if payment.refunded:
        in_full = payment.refunded == payment.captured
        status = Payment.Status.REFUNDED if in_full else Payment.Status.PARTIALLY_REFUNDED
    payment.status = status
    payment.save()


@read
def read_refund(request: HttpRequest, ref: str) -> dict[str, Any]:
    """GET /v1/refunds/{id}"""
    found = Transaction.objects.filter(payment__company=NAME, kind="refund", ref=ref).first()
    if found is None:
        raise missing("refund", ref)
    return objects.refund(found)


def _paid(fields: Fields) -> Transaction:
    """The intent that was named, by itself or by its charge."""
    if ref := fields.get("payment_intent"):
        return intent_named(str(ref))
    wanted = str(fields.get("charge") or "")
    intents = Transaction.objects.filter(payment__company=NAME, kind="intent")
    for intent in intents.select_related("payment"):
        if intent.request["charge"] == wanted:
            return intent
    raise missing("charge", wanted)


def open_dispute(payment: Payment) -> None:
    if not payment.captured or objects.part_of(payment, "dispute"):
        raise ActRefused("only a charge can be disputed, and only once")
    kept = objects.add(payment, "du", "dispute", payment.captured, {}, "needs_response")
    tell(payment, "charge.dispute.created", objects.dispute(kept))
    tell(payment, "charge.dispute.funds_withdrawn", objects.dispute(kept))


def close_dispute(payment: Payment, status: str) -> None:
    kept = objects.part_of(payment, "dispute")
    if kept is None or objects.status_of(kept) != "needs_response":
        raise ActRefused("there is no open dispute")
    kept.result = {"status": status}
    kept.save()
    tell(payment, "charge.dispute.closed", objects.dispute(kept))
    if status == "won":
        tell(payment, "charge.dispute.funds_reinstated", objects.dispute(kept))
