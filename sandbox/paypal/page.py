"""PayPal's approval page, and what the payer or a person at the control panel may do."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from sandbox import pages
from sandbox.models import ActRefused, Payment, Transaction
from sandbox.paypal.access import Refused
from sandbox.paypal.follow_ups import give_back
from sandbox.paypal.news import notify
from sandbox.paypal.objects import (
    NAME,
    PAYER,
    mark,
    new_ref,
    order_of,
    status_of,
)

TITLE = "PayPal"
# All of them approve: how good the card is, the capture shows.
APPROVALS = frozenset(
    {
        "approve",
        "3ds",
        "decline",
        "insufficient_funds",
        "authentication_failed",
        "instrument_declined",
        "pending",
    }
)
RULINGS = {"dispute_won": "RESOLVED_SELLER_FAVOUR", "dispute_lost": "RESOLVED_BUYER_FAVOUR"}
VERBS = APPROVALS | {
    *RULINGS,
    "abandon",
    "cancel",
    "dispute",
    "expire",
    "pending_completes",
    "pending_fails",
    "refund",
}


def act(payment: Payment, verb: str) -> None:
    """Do it, or raise ActRefused."""
    with transaction.atomic():
        payment.refresh_from_db()
        if verb in APPROVALS:
            _approve(payment, verb)
        elif verb in RULINGS:
            _rule(payment, RULINGS[verb])
        elif verb not in ("abandon", "cancel"):
            _DEEDS[verb](payment)


def _approve(payment: Payment, verb: str) -> None:
    order = _open_order(payment)
    mark(order, status="APPROVED", approved_by=verb)
    notify(order, "CHECKOUT.ORDER.APPROVED")


def _open_order(payment: Payment) -> Transaction:
    order = order_of(Payment.still_pending(payment.pk))
    if status_of(order) != "PAYER_ACTION_REQUIRED":
        raise ActRefused(f"the order is {status_of(order).lower()} already")
    return order


def _expire(payment: Payment) -> None:
    mark(_open_order(payment), status="EXPIRED")
    payment.status = Payment.Status.CANCELLED
    payment.save()


def _complete_pending(payment: Payment) -> None:
    capture = _capture_that_is(payment, "PENDING")
    mark(capture, status="COMPLETED")
    payment.status, payment.captured = Payment.Status.CAPTURED, capture.amount
    payment.save()
    notify(capture, "PAYMENT.CAPTURE.COMPLETED")


def _fail_pending(payment: Payment) -> None:
    capture = _capture_that_is(payment, "PENDING")
    mark(capture, status="DECLINED")
    payment.status = Payment.Status.FAILED
    payment.save()
    notify(capture, "PAYMENT.CAPTURE.DENIED")


def _refund(payment: Payment) -> None:
    try:
        give_back(_capture_that_is(payment, "COMPLETED", "PARTIALLY_REFUNDED"), {})
    except Refused as no:
        raise ActRefused(no.text) from None


def _dispute(payment: Payment) -> None:
    capture = _capture_that_is(payment, "COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")
    if payment.transactions.filter(kind="dispute").exists():
        raise ActRefused("the payment is disputed already")
    dispute = Transaction.objects.create(
        payment=payment,
        ref=f"PP-D-{new_ref()}",
        parent=capture,
        kind="dispute",
        amount=capture.amount,
        reference=payment.reference,
        request={},
        result={"status": "WAITING_FOR_SELLER_RESPONSE"},
    )
    notify(dispute, "CUSTOMER.DISPUTE.CREATED")


def _rule(payment: Payment, outcome: str) -> None:
    for dispute in payment.transactions.filter(kind="dispute").select_related("payment", "parent"):
        if status_of(dispute) != "RESOLVED":
            mark(dispute, status="RESOLVED", outcome=outcome)
            return notify(dispute, "CUSTOMER.DISPUTE.RESOLVED")
    raise ActRefused("the payment has no open dispute")


def _capture_that_is(payment: Payment, *statuses: str) -> Transaction:
    captures = payment.transactions.filter(kind="capture").select_related("payment", "parent")
    for capture in captures.order_by("id"):
        if status_of(capture) in statuses:
            return capture
    raise ActRefused(f"the payment has no capture that is {' or '.join(statuses).lower()}")


_DEEDS = {
    "dispute": _dispute,
    "expire": _expire,
    "pending_completes": _complete_pending,
    "pending_fails": _fail_pending,
    "refund": _refund,
}


@require_http_methods(["GET", "HEAD", "POST"])
def show_page(request: HttpRequest) -> HttpResponse:
    payment = get_object_or_404(Payment, company=NAME, page_token=request.GET.get("token", ""))
    try:
        _open_order(payment)
    except ActRefused as no:
        text = f"Nothing is left to do here: {no}."
        return pages.closing(request, TITLE, payment, "This page is done with", text)
    if request.method == "POST":
        return _chosen(request, payment, request.POST.get("choice", ""))
    return pages.chooser(request, TITLE, payment)


def _chosen(request: HttpRequest, payment: Payment, choice: str) -> HttpResponse:
    if choice == "challenge":
        return pages.challenge(request, TITLE, payment)
    if choice == "cancel":
        return _way_back(payment, "cancel_url")
    if choice == "abandon":
        text = "Nothing was sent to the merchant, and the payment can still be approved."
        back = request.get_full_path()
        return pages.closing(request, TITLE, payment, "You left the page", text, back)
    if choice not in APPROVALS:
        return HttpResponseBadRequest("There is no such button on this page.")
    try:
        act(payment, choice)
    except ActRefused as no:
        return pages.closing(request, TITLE, payment, "This page is done with", f"Sorry: {no}.")
    return _way_back(payment, "return_url")


def _way_back(payment: Payment, name: str) -> HttpResponse:
    url = order_of(payment).request["payment_source"]["paypal"]["experience_context"][name]
    facts = {"token": payment.transaction_ref}
    if name == "return_url":
        facts["PayerID"] = str(PAYER["payer_id"])
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(facts))))
    return HttpResponseRedirect(urlunsplit(parts._replace(query=query)))
