"""Pages for the payer's browser that look alike at every company."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sandbox.models import Payment


@dataclass(frozen=True, slots=True)
class Choice:
    """One way in which the payment may end, and the button for it."""

    verb: str
    label: str
    hint: str
    look: str = "plain"


CHOICES = (
    Choice("approve", "Approve", "The card pays at once", "good"),
    Choice("challenge", "3-D Secure", "The bank asks the payer first", "notable"),
    Choice("decline", "Decline", "The bank says no", "bad"),
    Choice("insufficient_funds", "Insufficient funds", "The bank says there is too little", "bad"),
    Choice("cancel", "Cancel", "The payer changes their mind"),
    Choice("abandon", "Abandon", "The payer leaves; nothing is sent"),
)
CHALLENGE = (
    Choice("3ds", "Authenticate", "The payer proves who they are", "good"),
    Choice("authentication_failed", "Fail authentication", "The code was wrong", "bad"),
)


def chooser(request: HttpRequest, company: str, payment: Payment) -> HttpResponse:
    return _choices(request, company, payment, CHOICES)


def challenge(request: HttpRequest, company: str, payment: Payment) -> HttpResponse:
    return _choices(request, company, payment, CHALLENGE, "Your bank asks: is it you?")


def _choices(
    request: HttpRequest,
    company: str,
    payment: Payment,
    choices: Sequence[Choice],
    question: str = "",
) -> HttpResponse:
    facts = {"company": company, "payment": payment, "choices": choices, "question": question}
    return render(request, "sandbox/page.html", facts)


def closing(
    request: HttpRequest, company: str, payment: Payment, title: str, text: str, back: str = ""
) -> HttpResponse:
    """The end of the road here: nothing more to choose."""
    facts = {"company": company, "payment": payment, "title": title, "text": text, "back": back}
    return render(request, "sandbox/closing.html", facts)


def leaving(
    request: HttpRequest, company: str, payment: Payment, url: str, fields: Mapping[str, str]
) -> HttpResponse:
    """Send the browser back to the merchant, by a form that submits itself."""
    facts = {"company": company, "payment": payment, "url": url, "fields": fields}
    return render(request, "sandbox/leaving.html", facts)
