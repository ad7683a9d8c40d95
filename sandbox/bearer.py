"""JSON APIs that know their callers by a bearer key, as Paystack and Flutterwave do."""

import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse

Body = dict[str, Any]
View = Callable[..., Body]


class Refused(Exception):
    """The company's no: an HTTP status, a sentence, and a code where it has codes."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class Addresses:
    """Every address that begins like one of these; the faults may spoil them."""

    def __init__(self, *starts: str) -> None:
        self._starts = starts

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and path.startswith(self._starts)


def api(
    key_name: str, refusal: Callable[[Refused], Body], **views: View
) -> Callable[..., HttpResponse]:
    """One address: who calls, what they say, a view for each method, and how a no looks."""

    def answer(request: HttpRequest, **named: Any) -> HttpResponse:
        try:
            _check_key(request, str(getattr(settings, key_name)))
            view: View = views.get(str(request.method), _no_such_method)
            body = _body_of(request) if request.method == "POST" else _query_of(request)
            with transaction.atomic():
                return JsonResponse(view(request, body, **named))
        except Refused as no:
            return JsonResponse(refusal(no), status=no.status)

    return answer


def _no_such_method(request: HttpRequest, body: Body, **named: Any) -> Body:
    raise Refused(405, f"{request.method} is not for this address")


def _check_key(request: HttpRequest, key: str) -> None:
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
        raise Refused(401, "Invalid key", "invalid_Key")


def _body_of(request: HttpRequest) -> Body:
    try:
        body = json.loads(request.body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON", "invalid_params") from None
    if not isinstance(body, dict):
        raise Refused(400, "The body is not an object", "invalid_params")
    return body


def _query_of(request: HttpRequest) -> Body:
    return {name: request.GET[name] for name in request.GET}


def text_in(body: Body, name: str, longest: int = 200) -> str:
    """A text that may be missing, but must be one where it is there."""
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise Refused(
            400, f"{name} must be a text of at most {longest} characters", "invalid_params"
        )
    return value


def web_address_in(body: Body, name: str) -> str:
    value = text_in(body, name, 2000)
    if value and not value.startswith(("http://", "https://")):
        raise Refused(400, f"{name} must be a web address", "invalid_params")
    return value
