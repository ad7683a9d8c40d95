"""PayTabs' hosted payment page, and what the payer may do on it."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from sandbox import pages
from sandbox.models import ActRefused, Payment
from sandbox.paytabs.dashboard import refund_rest
from sandbox.paytabs.news import arrives_whole, notify_of_page, return_fields
from sandbox.paytabs.transactions import NAME, OUTCOMES, page_entry, result

VERBS = frozenset({*OUTCOMES, "abandon", "dispute", "refund"})
TITLE = "PayTabs"
ENDINGS = {
    "failed": "This payment was declined",
    "cancelled": "This payment was cancelled",
}


def act(payment: Payment, verb: str) -> None:
    """The payer, or a person at the control panel, ends the page or walks away from it."""
    if verb == "dispute":
        raise ActRefused("PayTabs has no dispute notifications")
    with transaction.atomic():
        if verb == "refund":
            return refund_rest(payment)
        payment = Payment.still_pending(payment.pk)
        if verb in OUTCOMES:
            _end(payment, verb)
        return None


def _end(payment: Payment, verb: str) -> None:
    entry = page_entry(payment)
    entry.result = result(verb)
    entry.save()
    payment.status = _status_after(entry.kind, entry.result["response_status"])
    if payment.status == Payment.Status.CAPTURED:
        payment.captured = payment.amount
    payment.save()
    notify_of_page(payment, verb)


def _status_after(kind: str, response_status: str) -> str:
    if response_status == "A":
        return Payment.Status.CAPTURED if kind == "sale" else Payment.Status.AUTHORIZED
    return Payment.Status.CANCELLED if response_status == "C" else Payment.Status.FAILED


@require_http_methods(["GET", "HEAD", "POST"])
def show_page(request: HttpRequest, token: str) -> HttpResponse:
    payment = get_object_or_404(Payment, company=NAME, page_token=token)
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
    if choice not in OUTCOMES:
        return HttpResponseBadRequest("There is no such button on this page.")
    try:
        act(payment, choice)
    except ActRefused:
        return _ended(request, payment)
    return _way_back(request, payment)


def _ended(request: HttpRequest, payment: Payment) -> HttpResponse:
    payment.refresh_from_db()
    title = ENDINGS.get(payment.status, "This payment is already paid")
    return pages.closing(request, TITLE, payment, title, "There is nothing left to do here.")


def _way_back(request: HttpRequest, payment: Payment) -> HttpResponse:
    """Back to the merchant: by POST, by GET if they wished so, or nowhere."""
    wishes = page_entry(payment).request
    url = wishes.get("return")
    if not url:
        text = "You may close this window."
        return pages.closing(request, TITLE, payment, "All done", text)
    if not arrives_whole(url):
        return HttpResponseRedirect(url)
    if wishes.get("return_using_get") is True:
        return HttpResponseRedirect(_with_query(url, return_fields(payment)))
    return pages.leaving(request, TITLE, payment, url, return_fields(payment))


def _with_query(url: str, fields: dict[str, str]) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(fields))))
    return urlunsplit(parts._replace(query=query))
