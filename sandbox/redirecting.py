"""A hosted page whose payer goes back to the merchant by a plain redirect."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect

from sandbox import pages
from sandbox.models import ActRefused, Payment

REFUSED = "failed"


def play(
    request: HttpRequest,
    title: str,
    payment: Payment,
    endings: Mapping[str, tuple[str, str]],
    act: Callable[[Payment, str], None],
    way_back: Callable[[Payment, str], str],
) -> HttpResponse:
    """Show the page, or do what the payer chose on it; `way_back` says where they go then.

    `endings` say of each choice its status and a sentence. Who is refused stays, and may choose
    again.
    """
    if payment.status != Payment.Status.PENDING:
        return _ended(request, title, payment)
    choice = request.POST.get("choice", "") if request.method == "POST" else None
    if choice is None:
        return pages.chooser(request, title, payment)
    if choice == "challenge":
        return pages.challenge(request, title, payment)
    if choice == "abandon":
        text = "Nothing was sent to the merchant, and the page can still be paid."
        return pages.closing(request, title, payment, "You left the page", text, request.path)
    if choice not in endings:
        return HttpResponseBadRequest("There is no such button on this page.")
    try:
        act(payment, choice)
    except ActRefused:
        return _ended(request, title, payment)
    status, said = endings[choice]
    if status == REFUSED:
        text = "The page can still be paid, with another card."
        return pages.closing(request, title, payment, said, text, request.path)
    return _leave(request, title, payment, way_back(payment, choice))


def _ended(request: HttpRequest, title: str, payment: Payment) -> HttpResponse:
    payment.refresh_from_db()
    cancelled = payment.status == Payment.Status.CANCELLED
    told = "This payment was cancelled" if cancelled else "This payment is already paid"
    return pages.closing(request, title, payment, told, "There is nothing left to do here.")


def _leave(request: HttpRequest, title: str, payment: Payment, url: str) -> HttpResponse:
    if url:
        return HttpResponseRedirect(url)
    return pages.closing(request, title, payment, "All done", "You may close this window.")


def with_query(url: str, fields: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(fields))))
    return urlunsplit(parts._replace(query=query))
