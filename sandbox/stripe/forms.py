"""How Stripe is spoken to: nested form fields in, JSON out, one answer a key."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox.models import Payment, Transaction
from sandbox.stripe.objects import NAME, new_id

FORM = "application/x-www-form-urlencoded"
LONGEST_KEY = 255
_NAME = re.compile(r"\w+(\[\w*\])*")
Fields = dict[str, Any]
View = Callable[..., tuple[Payment | None, dict[str, Any]]]


class Refused(Exception):
    """Stripe's error answer. One with a payment came from its execution, and is remembered."""

    def __init__(
        self, status: int, message: str, *, payment: Payment | None = None, **facts: Any
    ) -> None:
        super().__init__(message)
        self.status, self.payment = status, payment
        self.error = {"type": "invalid_request_error", "message": message} | facts


def missing(what: str, ref: str) -> Refused:
    return Refused(404, f"No such {what}: '{ref}'", code="resource_missing", param="id")


def posted(*allowed: str) -> Callable[[View], Callable[..., HttpResponse]]:
    """A POST with these fields at most: carried out once a key, and in one piece."""

    def decorated(view: View) -> Callable[..., HttpResponse]:
        @wraps(view)
        def wrapped(request: HttpRequest, **ids: str) -> HttpResponse:
            try:
                with transaction.atomic():
                    return _once(request, view, ids, allowed)
            except Refused as no:
                return _refusal(no)

        return wrapped

    return decorated


def read(view: Callable[..., dict[str, Any]]) -> Callable[..., HttpResponse]:
    """A GET, which changes nothing."""

    @wraps(view)
    def wrapped(request: HttpRequest, **ids: str) -> HttpResponse:
        try:
            _check_key(request)
            return _answer(200, view(request, **ids))
        except Refused as no:
            return _refusal(no)

    return wrapped


def _once(
    request: HttpRequest, view: View, ids: dict[str, str], allowed: tuple[str, ...]
) -> HttpResponse:
    _check_key(request)
    if request.method != "POST":
        raise Refused(405, "Unrecognized request method: use POST.")
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST_KEY:
        raise Refused(400, "Idempotency keys may be at most 255 characters long.")
    fingerprint = _digest(request.path.encode() + b"?" + request.body)
    if known := Transaction.objects.filter(ref=_reply_ref(key)).first() if key else None:
        return _replayed(known, fingerprint)
    fields = _fields_of(request, allowed)
    try:
        payment, answer = view(fields, key or None, **ids)
        status = 200
    except Refused as no:
        if no.payment is None:  # a failed validation is not remembered
            raise
        payment, status, answer = no.payment, no.status, {"error": no.error}
    if key and payment:
        _remember(payment, key, fingerprint, status, answer)
    return _answer(status, answer)


def _replayed(known: Transaction, fingerprint: str) -> HttpResponse:
    if known.fingerprint != fingerprint:
        message = "Keys for idempotent requests can only be used with the same parameters."
        raise Refused(400, message, type="idempotency_error")
    first = known.result or {}
    response = _answer(first["status"], first["body"])
    response["Idempotent-Replayed"] = "true"
    return response


def _remember(
    payment: Payment, key: str, fingerprint: str, status: int, answer: dict[str, Any]
) -> None:
    Transaction.objects.create(
        payment=payment,
        ref=_reply_ref(key),
        kind="reply",
        amount=0,
        reference="",
        request={},
        result={"status": status, "body": answer},
        fingerprint=fingerprint,
    )


def _reply_ref(key: str) -> str:
    return f"{NAME}_{_digest(key.encode())[:50]}"


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _check_key(request: HttpRequest) -> None:
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {settings.STRIPE_SECRET_KEY}".encode()):
        raise Refused(401, "Invalid API Key provided.")


def _fields_of(request: HttpRequest, allowed: tuple[str, ...]) -> Fields:
    if request.body and request.content_type != FORM:
        raise Refused(400, f"Invalid request (check that your POST content type is {FORM}).")
    fields: Fields = {}
    for name, value in parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True):
        _put(fields, name, value)
    for name in fields:
        if name not in allowed:
            message = f"Received unknown parameter: {name}"
            raise Refused(400, message, code="parameter_unknown", param=name)
    return fields


def _put(fields: Fields, name: str, value: str) -> None:
    """`a[b][0]=v` is {"a": {"b": {"0": "v"}}}."""
    if not _NAME.fullmatch(name):
        raise Refused(400, f"Received unknown parameter: {name}", code="parameter_unknown")
    *path, last = name.replace("]", "").split("[")
    for step in path:
        fields = fields.setdefault(step, {})
        if not isinstance(fields, dict):
            raise Refused(400, f"Invalid hash: {name}")
    fields[last] = value


def group(fields: Fields, name: str) -> Fields:
    """The fields below this name; none where it is a plain value."""
    given = fields.get(name)
    return given if isinstance(given, dict) else {}


def _refusal(no: Refused) -> HttpResponse:
    return _answer(no.status, {"error": no.error})


def _answer(status: int, body: dict[str, Any]) -> HttpResponse:
    # Written by hand, so that a replay is the same text byte by byte.
    text = json.dumps(body, indent=2, sort_keys=True)
    response = JsonResponse({}, status=status)
    response.content = text.encode()
    response["Request-Id"] = new_id("req")
    return response
