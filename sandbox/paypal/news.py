"""What PayPal tells the merchant, signed its way; and how it judges what one holds for its own."""

import base64
import json
import re
import secrets
import uuid
from json import JSONDecoder
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from sandbox.models import Payment, Transaction
from sandbox.notices import Message, schedule
from sandbox.paypal import access
from sandbox.paypal.objects import NAME, base, described, moment, written
from sandbox.paypal.signing import CERTIFICATE, certificate_pem, is_signature, signature

TRIES = 25
_ALGORITHM = "SHA256withRSA"


def notify(entry: Transaction, event_type: str) -> None:
    entry.refresh_from_db()
    url = settings.PAYPAL_WEBHOOK_URL
    if not url:
        return
    payment, kind, resource = entry.payment, entry.kind, described(entry)
    ref = f"WH-{secrets.token_hex(8).upper()}-{secrets.token_hex(8).upper()}"
    news = {
        "id": ref,
        "event_version": "1.0",
        "create_time": moment(),
        "resource_type": {"order": "checkout-order"}.get(kind, kind),
        "resource_version": "2.0",
        "event_type": event_type,
        "summary": event_type.replace(".", " ").capitalize(),
        "resource": resource,
        "links": [{"href": f"{base()}/v1/notifications/webhooks-events/{ref}", "rel": "self"}],
    }
    body, lie = _json(news), _json(news | {"resource": _forged(resource, payment)})
    headers = _headers(body)
    forgeries = ((headers, lie), (_headers(lie) | {_SIGNATURE: _scribble()}, lie))
    message = Message("webhook", url, headers, body, forgeries, _retry_delays())
    schedule(NAME, payment.transaction_ref, message)


_SIGNATURE = "PAYPAL-TRANSMISSION-SIG"


def _retry_delays() -> list[float]:
    """Twenty-five tries: the last delay stands for all that follow."""
    delays = list(settings.RETRY_DELAYS)
    return (delays + delays[-1:] * TRIES)[: TRIES - 1]


def _json(news: dict[str, Any]) -> str:
    return json.dumps(news, separators=(",", ":"), ensure_ascii=False)


def _forged(resource: dict[str, Any], payment: Payment) -> dict[str, Any]:
    """What a forger wishes were true: that much more was paid."""
    return resource | {"status": "COMPLETED", "amount": written(98765400, payment.currency)}


def _scribble() -> str:
    return base64.b64encode(secrets.token_bytes(256)).decode()


def _headers(body: str) -> dict[str, str]:
    transmission, sent_at = str(uuid.uuid4()), moment()
    return {
        "Content-Type": "application/json",
        "User-Agent": "PayPal/AUHD-214.0-58843863",
        "PAYPAL-AUTH-ALGO": _ALGORITHM,
        "PAYPAL-AUTH-VERSION": "v2",
        "PAYPAL-CERT-URL": f"{base()}/v1/notifications/certs/{CERTIFICATE}",
        "PAYPAL-TRANSMISSION-ID": transmission,
        "PAYPAL-TRANSMISSION-TIME": sent_at,
        _SIGNATURE: signature(transmission, sent_at, settings.PAYPAL_WEBHOOK_ID, body.encode()),
    }


def certificate(request: HttpRequest, name: str) -> HttpResponse:
    """GET /v1/notifications/certs/{name}"""
    if name != CERTIFICATE:
        raise Http404
    return HttpResponse(certificate_pem(), content_type="application/x-pem-file")


def judge_notification(request: HttpRequest) -> HttpResponse:
    """POST /v1/notifications/verify-webhook-signature: the original bytes, or FAILURE."""
    try:
        access.demand_access(request, "POST")
        facts, event = access.body_of(request), _raw_event(request.body)
    except access.Refused as no:
        return no.answer()
    names = ("transmission_sig", "transmission_id", "transmission_time", "webhook_id")
    given = [str(facts.get(name, "")) for name in names]
    is_ours = facts.get("webhook_id") == settings.PAYPAL_WEBHOOK_ID
    is_ours = is_ours and facts.get("auth_algo") == _ALGORITHM
    good = is_ours and is_signature(given[0], given[1], given[2], given[3], event)
    return JsonResponse({"verification_status": "SUCCESS" if good else "FAILURE"})


def _raw_event(body: bytes) -> bytes:
    """`webhook_event` as it was written: read and written anew it would have another checksum."""
    text = body.decode(errors="replace")
    start = re.search(r'"webhook_event"\s*:\s*', text)
    if start is None:
        return b""
    end = JSONDecoder().raw_decode(text, start.end())[1]
    return text[start.end() : end].encode()
