"""Who calls PayPal's API, how they log in, and PayPal's way of refusing."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from sandbox.models import Transaction
from sandbox.paypal.objects import NAME, minimal

TOKEN_SECONDS = 32400
LONGEST_REQUEST_ID = 108
ORDERS_REMEMBERED = timedelta(hours=6)
PAYMENTS_REMEMBERED = timedelta(days=45)
Work = Callable[..., tuple[int, dict[str, Any] | None]]


class Refused(Exception):
    """PayPal's error answer: an HTTP status, a name, and the issue that callers branch on."""

    def __init__(self, status: int, name: str, issue: str, text: str, url: str = "") -> None:
        super().__init__(text)
        self.status, self.name, self.issue, self.text, self.url = status, name, issue, text, url

    def body(self) -> dict[str, Any]:
        details = [{"issue": self.issue, "description": self.text}] if self.issue else []
        links = [{"href": self.url, "rel": "payer-action", "method": "GET"}] if self.url else []
        body = {"name": self.name, "message": self.text, "debug_id": secrets.token_hex(7)}
        return body | {"details": details, "links": links}

    def answer(self) -> JsonResponse:
        return JsonResponse(self.body(), status=self.status)


def unprocessable(issue: str, text: str, url: str = "") -> Refused:
    return Refused(422, "UNPROCESSABLE_ENTITY", issue, text, url)


def invalid(issue: str, text: str) -> Refused:
    return Refused(400, "INVALID_REQUEST", issue, text)


def not_found() -> Refused:
    text = "Specified resource ID does not exist. Please check the resource ID and try again."
    return Refused(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", text)


def token(request: HttpRequest) -> HttpResponse:
    """POST /v1/oauth2/token: a token that proves itself, so that a restart forgets none."""
    if not _is_application(request.headers.get("Authorization", "")):
        problem = {"error": "invalid_client", "error_description": "Client Authentication failed"}
        return JsonResponse(problem, status=401)
    if request.POST.get("grant_type") != "client_credentials":
        problem = {"error": "unsupported_grant_type", "error_description": "unsupported grant_type"}
        return JsonResponse(problem, status=400)
    text = _token(int(time.time()))
    facts = {"scope": "https://uri.paypal.com/services/payments/payment", "token_type": "Bearer"}
    facts |= {"access_token": text, "app_id": "APP-80W284485P519543T"}
    return JsonResponse(facts | {"expires_in": TOKEN_SECONDS})


def _is_application(header: str) -> bool:
    wanted = f"{settings.PAYPAL_CLIENT_ID}:{settings.PAYPAL_CLIENT_SECRET}".encode()
    scheme, _, given = header.partition(" ")
    try:
        pair = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return False
    return scheme == "Basic" and hmac.compare_digest(pair, wanted)


def _token(since: int) -> str:
    key = settings.PAYPAL_CLIENT_SECRET.encode()
    return f"A21AA{since}-{hmac.new(key, str(since).encode(), 'sha256').hexdigest()}"


def _is_logged_in(header: str) -> bool:
    given = header.removeprefix("Bearer A21AA")
    since = given.partition("-")[0]
    if given == header or not since.isascii() or not since.isdigit():
        return False
    is_theirs = hmac.compare_digest(header.encode(), f"Bearer {_token(int(since))}".encode())
    return is_theirs and time.time() - int(since) < TOKEN_SECONDS


def api(method: str) -> Callable[[Work], Callable[..., HttpResponse]]:
    """A view of PayPal's: logged in, JSON in and out, all or nothing."""

    def decorate(work: Work) -> Callable[..., HttpResponse]:
        @wraps(work)
        def wrapped(request: HttpRequest, **ids: str) -> HttpResponse:
            try:
                demand_access(request, method)
                with transaction.atomic():
                    status, answer = work(request, **ids)
            except Refused as no:
                return no.answer()
            if answer is None:
                return HttpResponse(status=status)
            return JsonResponse(_preferred(request, status, answer), status=status)

        return wrapped

    return decorate


def _preferred(request: HttpRequest, status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """Ids alone, unless all was asked for: amounts are absent then."""
    wants_all = "representation" in request.headers.get("Prefer", "")
    is_short = request.method == "POST" and status < 400 and not wants_all
    return minimal(answer) if is_short else answer


def demand_access(request: HttpRequest, method: str) -> None:
    if not _is_logged_in(request.headers.get("Authorization", "")):
        text = "Authentication failed due to invalid authentication credentials."
        raise Refused(401, "AUTHENTICATION_FAILURE", "", text)
    if request.method != method:
        raise Refused(405, "METHOD_NOT_SUPPORTED", "", f"Use {method} here.")
    if method == "POST" and request.content_type != "application/json":
        raise Refused(415, "UNSUPPORTED_MEDIA_TYPE", "", "Send application/json.")


def body_of(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise invalid("MALFORMED_REQUEST_JSON", "The request JSON is not well formed.")
    return body


def fingerprint(request: HttpRequest) -> str:
    """What a PayPal-Request-Id is remembered as; a request without one is never the same."""
    name = request.headers.get("PayPal-Request-Id", "")
    if len(name) > LONGEST_REQUEST_ID:
        raise invalid("INVALID_STRING_LENGTH", "PayPal-Request-Id is too long.")
    if not name:
        return ""
    return hashlib.sha256(f"{request.path} {name}".encode()).hexdigest()


def done_before(print_of_it: str, remembered: timedelta) -> Transaction | None:
    """What the same request brought about the first time, as long as it is remembered."""
    if not print_of_it:
        return None
    ours = Transaction.objects.filter(payment__company=NAME, fingerprint=print_of_it)
    recent = ours.filter(created_at__gt=timezone.now() - remembered)
    return recent.select_related("payment", "parent").first()
