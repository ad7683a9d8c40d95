"""The companies that are played here, and how a request finds its own.

A company is a module with the same few names, whichever it is:

    NAME                       as in `/control/<NAME>`
    API_PATHS                  what the faults may spoil; its payment pages keep working
    urlpatterns                all that its port answers
    act(payment, verb)         the payer, or a person at the control panel, does something
    VERBS                      which verbs it understands
"""

from collections.abc import Callable, Container, Mapping
from typing import Protocol, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern

from sandbox import flutterwave, paypal, paystack, paytabs, stripe
from sandbox.models import Payment

View = Callable[[HttpRequest], HttpResponseBase]


class Company(Protocol):
    __name__: str
    NAME: str
    API_PATHS: Container[str]
    VERBS: frozenset[str]
    urlpatterns: list[URLPattern]

    def act(self, payment: Payment, verb: str) -> None: ...


_ALL = (
    paytabs,
    stripe,
    paypal,
    flutterwave,
    paystack,
)
# Only those that have a port: the others' credentials were not given.
COMPANIES: Mapping[str, Company] = {
    company.NAME: cast("Company", company)
    for company in _ALL
    if company.NAME in settings.COMPANY_PORTS
}


def company_of(request: HttpRequest) -> str | None:
    """Whose port the request came in at; none at the control panel's own."""
    return cast("str | None", request.META["sandbox.company"])


def route_by_port(get_response: View) -> View:
    """Middleware: each company's port answers that company's addresses only."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if name := company_of(request):
            request.urlconf = COMPANIES[name].__name__
        return get_response(request)

    return middleware
