"""Deliveries take a short road: nothing that is for browsers stands on it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import resolve

_GENERIC = "/payments/v2/webhook"
_PROVIDERS = "/webhooks/payments/"


class ShortRoad:
    """Leads a delivery from here straight to its view.

    Stands behind what is for everybody (conversation, security headers) and before sessions,
    cookies, messages and pages: a provider has none of them, and each costs every delivery.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if not path.startswith(_PROVIDERS) and path.rstrip("/") != _GENERIC:
            return self.get_response(request)
        match = resolve(path)
        answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
        # Else the server would send it in chunks.
        answer.headers.setdefault("Content-Length", str(len(answer.content)))
        return answer
