"""Stripe's hosted Checkout page, and what the payer, the bank and the clock may do."""

from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from sandbox import pages
from sandbox.models import ActRefused, Payment
from sandbox.stripe import objects
from sandbox.stripe.charging import REFUSALS, close, close_if_over, pay, refuse
from sandbox.stripe.follow_ups import (
    cancel,
    close_dispute,
    give_back,
    open_dispute,
    send_back,
)
from sandbox.stripe.objects import NAME

TITLE = "Stripe"
PAYS = frozenset({"approve", "3ds"})


def _refund_rest(payment: Payment) -> None:
    left = payment.captured - payment.refunded
    if not left:
        raise ActRefused("there is nothing left to refund")
    give_back(payment, left, {"reason": "requested_by_customer"})


def _lapse(payment: Payment) -> None:
    """The page's time is over, or the seven days of a reservation are."""
    intent = objects.part_of(payment, "intent")
    if payment.status == Payment.Status.PENDING:
        close(payment)
    elif intent and objects.status_of(intent) == "requires_capture":
        cancel(intent, "automatic")
    else:
        raise ActRefused(f"the payment is {payment.status} already")


# What can happen after the page, or without the payer.
LATER: dict[str, Callable[[Payment], None]] = {
    "dispute": open_dispute,
    "dispute_won": lambda payment: close_dispute(payment, "won"),
    "dispute_lost": lambda payment: close_dispute(payment, "lost"),
    "refund": _refund_rest,
    "refund_fails": send_back,
    "expire": _lapse,
}
VERBS = frozenset({*PAYS, *REFUSALS, *LATER, "cancel", "abandon"})


def act(payment: Payment, verb: str) -> None:
    """The payer, or a person at the control panel, does something."""
    close_if_over(payment)
    with transaction.atomic():
        if verb in LATER:
            payment.refresh_from_db()
            return LATER[verb](payment)
        payment = Payment.still_pending(payment.pk)
        if verb in PAYS:
            pay(payment)
        elif verb in REFUSALS:
            refuse(payment, verb)
        # Whoever goes back or away leaves an open page behind, and Stripe says nothing.
        return None


@require_http_methods(["GET", "HEAD", "POST"])
def show_page(request: HttpRequest, token: str) -> HttpResponse:
    payment = get_object_or_404(Payment, company=NAME, page_token=token)
    close_if_over(payment)
    if payment.status != Payment.Status.PENDING:
        return _ended(request, payment)
    if request.method == "POST":
        return _chosen(request, payment, request.POST.get("choice", ""))
    return pages.chooser(request, TITLE, payment)


def _chosen(request: HttpRequest, payment: Payment, choice: str) -> HttpResponse:
    if choice == "challenge":
        return pages.challenge(request, TITLE, payment)
    if choice == "abandon":
        text = "Nothing was sent to the merchant, and the page can still be paid."
        return pages.closing(request, TITLE, payment, "You left the page", text, request.path)
    if choice not in {*PAYS, *REFUSALS, "cancel"}:
        return HttpResponseBadRequest("There is no such button on this page.")
    try:
        act(payment, choice)
    except ActRefused:
        return _ended(request, payment)
    if choice in REFUSALS:
        text = "The page can still be paid, with another card."
        return pages.closing(request, TITLE, payment, REFUSALS[choice][2], text, request.path)
    return _way_back(payment, "cancel_url" if choice == "cancel" else "success_url")


def _ended(request: HttpRequest, payment: Payment) -> HttpResponse:
    payment.refresh_from_db()
    cancelled = payment.status == Payment.Status.CANCELLED
    title = "This page has expired" if cancelled else "This payment is already paid"
    return pages.closing(request, TITLE, payment, title, "There is nothing left to do here.")


def _way_back(payment: Payment, name: str) -> HttpResponse:
    """Back to the merchant, who may ask for the page's id in the address."""
    url = str(objects.the(payment, "session").request[name])
    return HttpResponseRedirect(url.replace("{CHECKOUT_SESSION_ID}", payment.transaction_ref))
