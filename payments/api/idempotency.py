"""Take the caller's key, replay the answer.

A row is taken before the work and learns the payment in the commit that creates it, so a repeat
after any death resumes that payment and never makes a second.
"""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from uuid_utils.compat import uuid7

from payments.api.errors import ApiError
from payments.api.permissions import caller_of
from payments.crypto.signatures import derived_key, hmac_hex
from payments.events.models import canonical_text
from payments.models import GatewayOperation, IdempotencyKey
from payments.operations import demand_not_in_flight
from payments.statuses import Outcome

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_NEVER_KEPT = frozenset({401, 403, 409, 429})

Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Make an unsafe action repeatable under `Idempotency-Key`.

    The handler finds the taken row in `request.idempotency_key` (None without the header).
    """

    @wraps(handler)
    def answer_once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        name = request.headers.get(HEADER)
        request.idempotency_key = None  # type: ignore[attr-defined]
        if name is None or request.method == "GET":
            return handler(view, request, *args, **kwargs)
        row = _take(request, name)
        if row.status_code is not None:
            return _replayed(row)
        request.idempotency_key = row  # type: ignore[attr-defined]
        try:
            response = handler(view, request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - answered, and perhaps kept, like any other
            response = view.handle_exception(error)
        _keep_or_release(row, response)
        return response

    return answer_once


def resumed_operation(row: IdempotencyKey | None) -> GatewayOperation | None:
    """What a named request began before it died or was told to try again; None to begin anew.

    What was never sent is let go of, since the caller was told to repeat it. Raises
    OperationInProgress while the first call is in flight. The answer is the moment's, not kept.
    """
    if row is None or row.operation is None:
        return None
    if row.operation.outcome == Outcome.NOT_SENT:
        row.let_go()
        return None
    demand_not_in_flight(row.operation)
    row.is_resumed = True
    return row.operation


def _take(request: Request, name: str) -> IdempotencyKey:
    if not _ACCEPTABLE.fullmatch(name):
        detail = f"{HEADER} must be 1 to 255 visible ASCII characters."
        raise ApiError(400, "invalid_idempotency_key", detail)
    identity = {
        "caller": caller_of(request),
        "method": str(request.method),
        "path": request.path.rstrip("/"),
        "key": name,
    }
    return _new_row(identity, _fingerprint(request)) or _existing(identity, _fingerprint(request))


def _fingerprint(request: Request) -> str:
    # Keyed: what a caller should not have sent could be guessed back from a plain digest.
    body = canonical_text(request.data).encode(errors="surrogatepass")
    return hmac_hex(derived_key(settings.SECRET_KEY, "fingerprint"), body)


def _new_row(identity: dict[str, str], fingerprint: str) -> IdempotencyKey | None:
    forgotten = timezone.now() - timedelta(days=settings.RETENTION_IDEMPOTENCY_KEYS_DAYS)
    IdempotencyKey.objects.filter(**identity, created_at__lt=forgotten).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(
                **identity, fingerprint=fingerprint, locked_until=_lock_end()
            )
    except IntegrityError:
        return None


def _lock_end() -> Any:
    return timezone.now() + settings.IDEMPOTENCY_LOCK_TIMEOUT


def _existing(identity: dict[str, str], fingerprint: str) -> IdempotencyKey:
    row = IdempotencyKey.objects.get(**identity)
    if row.fingerprint != fingerprint:
        detail = "This idempotency key was used with another body; use a new key."
        raise ApiError(422, "idempotency_key_reused", detail)
    if row.status_code is not None or row.payment_id or row.operation_id:
        return row
    now = timezone.now()
    if row.locked_until and row.locked_until > now:
        detail = "The first request with this key is still running; ask again in a moment."
        raise ApiError(409, "idempotency_key_in_progress", detail, timedelta(seconds=1))
    return _take_over(row)


def _take_over(row: IdempotencyKey) -> IdempotencyKey:
    """The first request died or was not kept: whoever swaps the token first goes on."""
    token = uuid7()
    mine = IdempotencyKey.objects.filter(
        pk=row.pk, lock_token=row.lock_token, payment__isnull=True, operation__isnull=True
    ).filter(status_code__isnull=True)
    if not mine.update(lock_token=token, locked_until=_lock_end()):
        detail = "Another repeat of this request was faster; ask again in a moment."
        raise ApiError(409, "idempotency_key_in_progress", detail, timedelta(seconds=1))
    row.lock_token = token
    return row


def _keep_or_release(row: IdempotencyKey, response: Response) -> None:
    with transaction.atomic():
        mine = IdempotencyKey.objects.select_for_update().filter(
            pk=row.pk, lock_token=row.lock_token
        )
        if (held := mine.first()) is None:
            return
        is_final = response.status_code < 500 and response.status_code not in _NEVER_KEPT
        if is_final and not row.is_resumed:
            held.status_code = response.status_code
            held.answer = json.loads(JSONRenderer().render(response.data))
        held.locked_until = None
        held.save(update_fields=["status_code", "answer", "locked_until"])


def _replayed(row: IdempotencyKey) -> Response:
    return Response(row.answer, status=row.status_code, headers={REPLAYED: "true"})
