"""Domain error → answer. The only place that knows HTTP statuses.

One shape everywhere, that of drf-standardized-errors:
`{"type", "errors": [{"code", "detail", "attr"}]}`.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from drf_standardized_errors.handler import ExceptionHandler
from rest_framework.exceptions import APIException, ErrorDetail, NotFound, ValidationError
from rest_framework.response import Response

from payments import errors

_View = Callable[..., HttpResponse]
_STATUS: dict[type[errors.DomainError], int] = {
    errors.PaymentNotFound: 404,
    errors.UnknownBreaker: 404,
    errors.InvalidTransition: 409,
    errors.OperationInProgress: 409,
    errors.NotSupported: 409,
    errors.RequestTakenOver: 409,
    errors.PaymentDeclined: 402,
    errors.ServiceUnavailable: 503,
    errors.OutcomeUnknown: 504,
}


class ApiError(APIException):
    """An answer with a status, a stable code and, perhaps, when to come back."""

    def __init__(
        self, status: int, code: str, detail: str, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(detail, code)
        self.status_code = status
        if retry_after is not None:
            self.wait = max(1, round(retry_after.total_seconds()))


class Answers(ExceptionHandler):
    """What every view answers when something is raised in it."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, errors.DomainError):
            return _translated(exc)
        if isinstance(exc, OperationalError | InterfaceError):
            detail = (
                "The database cannot be reached. Repeat the call shortly with the same"
                " Idempotency-Key: what was done already is not done twice."
            )
            return ApiError(503, "service_unavailable", detail, timedelta(seconds=5))
        if isinstance(exc, Http404):
            return NotFound(str(exc) or None)
        known: Exception = super().convert_known_exceptions(exc)
        return known

    def report_exception(self, exc: APIException, response: Response) -> None:
        # A provider's trouble is told to the caller and to the history; it is no bug of ours.
        if not isinstance(self.exc, errors.DomainError):
            super().report_exception(exc, response)


def _translated(error: errors.DomainError) -> APIException:
    if error.attr:
        return ValidationError({error.attr: [ErrorDetail(error.detail, error.code)]})
    retry_after = getattr(error, "retry_after", None)
    return ApiError(_STATUS.get(type(error), 400), error.code, error.detail, retry_after)


def error_body(status: int, code: str, detail: str) -> dict[str, Any]:
    """The one shape, for answers that no API view makes."""
    kind = "server_error" if status >= 500 else "client_error"
    return {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}


def allow_only(*methods: str) -> Callable[[_View], _View]:
    """Let only these methods through to a plain view; the rest is a 405 in the one shape."""

    def decorate(view: _View) -> _View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method in methods:
                return view(request, *args, **kwargs)
            detail = f"{request.method} is not offered here; use {' or '.join(methods)}."
            response = _answer(request, 405, "method_not_allowed", detail)
            response["Allow"] = ", ".join(methods)
            return response

        return checked

    return decorate


def _answer(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    wants_page = "text/html" in request.headers.get("Accept", "")
    if wants_page and not request.path.startswith(("/payments/", "/webhooks/")):
        facts = {"status": status, "detail": detail}
        return render(request, "error.html", facts, status=status)
    return JsonResponse(error_body(status, code, detail), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 outside the API's views."""
    return _answer(request, 400, "bad_request", "This request could not be understood.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403 outside the API's views."""
    return _answer(request, 403, "permission_denied", "You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 outside the API's views."""
    return _answer(request, 404, "not_found", f"There is nothing at {request.path}.")


@csrf_exempt
def no_such_path(request: HttpRequest) -> HttpResponse:
    """404 under the API's prefixes, in its own shape in development too."""
    return _answer(request, 404, "not_found", f"There is nothing at {request.path}.")


def server_error(request: HttpRequest) -> HttpResponse:
    """500 outside the API's views."""
    detail = "Something broke on our side; the correlation id helps to find it."
    return _answer(request, 500, "error", detail)
