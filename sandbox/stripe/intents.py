"""Payment intents that a token pays, and the bank's question where it asks one.

The names of Stripe's own test cards say how it ends; a token of any other name is not known.
"""

import secrets
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from sandbox import pages
from sandbox.models import ActRefused, Payment
from sandbox.redirecting import with_query
from sandbox.server import LOOPBACK
from sandbox.stripe import objects
from sandbox.stripe.api import amount_in, currency_in
from sandbox.stripe.charging import pay, refuse
from sandbox.stripe.forms import Fields, Refused, group, posted, read
from sandbox.stripe.lists import listed
from sandbox.stripe.news import tell
from sandbox.stripe.objects import NAME
from sandbox.stripe.page import PAYS, TITLE, act

TOKENS = {
    "pm_card_visa": "approve",
    "pm_card_mastercard": "approve",
    "pm_card_chargeDeclined": "decline",
    "pm_card_visa_chargeDeclined": "decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_authenticationRequired": "challenge",
    "pm_card_threeDSecure2Required": "challenge",
}
ANSWERS = frozenset(choice.verb for choice in pages.CHALLENGE)
_FIELDS = (
    "amount",
    "currency",
    "payment_method",
    "confirm",
    "return_url",
    "capture_method",
    "description",
    "metadata",
    "automatic_payment_methods",
    "payment_method_types",
    "receipt_email",
    "expand",
)


def intents(request: HttpRequest) -> HttpResponse:
    """GET or POST /v1/payment_intents"""
    return _list(request) if request.method == "GET" else _create(request)


@read
def _list(request: HttpRequest) -> dict[str, Any]:
    return listed(request, "intent", objects.intent)


@posted(*_FIELDS)
def _create(fields: Fields, cause: str | None) -> tuple[Payment, dict[str, Any]]:
    ending = _ending(fields)
    payment = _begun(fields)
    intent = objects.the(payment, "intent")
    if ending == "challenge":
        tell(payment, "payment_intent.requires_action", objects.intent(intent), cause)
    elif ending == "approve":
        pay(payment, cause)
    else:
        error = refuse(payment, ending, cause)
        told = objects.intent(objects.the(payment, "intent"))
        raise Refused(402, payment=payment, payment_intent=told, **error)
    return payment, objects.intent(objects.the(payment, "intent"))


def _ending(fields: Fields) -> str:
    """How it will end, if it can be confirmed at all."""
    if fields.get("confirm") != "true":
        raise Refused(400, "Only intents that are confirmed at once are played.", param="confirm")
    automatic = group(fields, "automatic_payment_methods")
    if automatic and "payment_method_types" in fields:
        message = "You may only specify automatic_payment_methods or payment_method_types."
        raise Refused(400, message, param="payment_method_types")
    if not str(fields.get("return_url") or "").startswith(("http://", "https://")):
        message = "The bank may have to ask the payer: provide a return_url."
        raise Refused(400, message, param="return_url")
    method = str(fields.get("payment_method") or "")
    if method not in TOKENS:
        message = f"No such PaymentMethod: '{method}'"
        raise Refused(400, message, code="resource_missing", param="payment_method")
    return TOKENS[method]


def _begun(fields: Fields) -> Payment:
    currency = currency_in(fields)
    metadata = group(fields, "metadata")
    token, ref = secrets.token_hex(32), objects.new_id("pi")
    payment = Payment.objects.create(
        company=NAME,
        transaction_ref=ref,
        reference=next(iter(metadata.values()), "")[:64],
        description=str(fields.get("description") or "")[:128],
        currency=currency,
        amount=amount_in(fields, "amount", currency),
        page_token=token,
        page_url=f"http://{LOOPBACK}:{settings.COMPANY_PORTS[NAME]}/3ds/{token}",
    )
    facts = {
        "metadata": metadata,
        "capture_method": fields.get("capture_method") or "automatic_async",
        "charge": objects.new_id("ch"),
        "payment_method": fields["payment_method"],
        "return_url": fields["return_url"],
    }
    objects.add(payment, "pi", "intent", payment.amount, facts, "requires_action")
    return payment


@require_http_methods(["GET", "HEAD", "POST"])
def show_challenge(request: HttpRequest, token: str) -> HttpResponse:
    """The bank asks the payer, who comes back to the merchant either way."""
    payment = get_object_or_404(Payment, company=NAME, page_token=token)
    choice = request.POST.get("choice", "")
    if payment.status != Payment.Status.PENDING:
        return _over(request, payment)
    if request.method != "POST":
        return pages.challenge(request, TITLE, payment)
    if choice not in ANSWERS:
        return HttpResponseBadRequest("There is no such button on this page.")
    try:
        act(payment, choice)
    except ActRefused:
        return _over(request, payment)
    intent = objects.the(payment, "intent")
    ended = "succeeded" if choice in PAYS else "failed"
    facts = {"payment_intent": intent.ref, "redirect_status": ended}
    return HttpResponseRedirect(with_query(intent.request["return_url"], facts))


def _over(request: HttpRequest, payment: Payment) -> HttpResponse:
    text = "There is nothing left to do here."
    return pages.closing(request, TITLE, payment, "Your bank was answered already", text)
