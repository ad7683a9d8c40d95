"""Every request belongs to a conversation, and every answer names it."""

import hashlib
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from payments.api.addresses import client_address
from payments.events import context

HEADER = "X-Correlation-ID"
# Pages that payers' browsers open: who they are is none of our history's business.
_PAYERS = ("/payments/v2/return",)


class CorrelationMiddleware:
    """Binds the caller's correlation id (or a new one), and repeats it in the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        correlation_id = context.accepted_or_new(request.headers.get(HEADER))
        with context.bound(correlation_id=correlation_id, **_origin(request)):
            response = self.get_response(request)
        response[HEADER] = correlation_id
        return response


def _origin(request: HttpRequest) -> dict[str, str]:
    if request.path.startswith(_PAYERS):
        return {"source": "return"}
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return {
        "source": request.path.strip("/").split("/")[0] or "page",
        "ip_address": client_address(request),
        "user_agent": request.headers.get("User-Agent", "")[:200],
        "session_id": hashlib.sha256(session.encode()).hexdigest()[:16] if session else "",
    }
