"""Raw bytes in, acknowledgement out. Nothing parses a body before it is verified."""

import hashlib
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db.models import Count
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from payments.api.addresses import client_address
from payments.api.errors import error_body
from payments.api.limits import seconds_to_wait
from payments.errors import UnknownProvider
from payments.gateways.client import open_notification
from payments.gateways.contract import Gateway, SignatureInvalid, Unreadable
from payments.gateways.messages import GatewayEvent
from payments.gateways.registry import gateway_named
from webhooks import admission, inbox
from webhooks.admission import Refused
from webhooks.models import PaymentWebhookEvent

_Opener = Callable[[Gateway, bytes], list[GatewayEvent]]


@csrf_exempt
@require_POST
def receive(request: HttpRequest, provider: str) -> JsonResponse:
    """`POST /webhooks/payments/{provider}`: signed the provider's own way."""

    def opened(gateway: Gateway, body: bytes) -> list[GatewayEvent]:
        try:
            return open_notification(gateway, admission.headers_of(request), body)
        except SignatureInvalid as error:
            detail = "The signature does not fit the body."
            raise Refused(401, "invalid_signature", detail, error.reason) from None

    return _answered(request, provider, opened)


@csrf_exempt
@require_POST
def receive_generic(request: HttpRequest) -> JsonResponse:
    """`POST /payments/v2/webhook`: a provider's notification, signed with our own secret."""
    provider = request.headers.get("X-Webhook-Provider", "paytabs")

    def opened(gateway: Gateway, body: bytes) -> list[GatewayEvent]:
        secrets = settings.PROVIDERS[gateway.name]["generic_webhook_secrets"]
        admission.verify_generic(request.headers, body, secrets)
        events = gateway.events_in(body)
        _demand_same_id(request.headers.get("X-Webhook-Event-ID"), events)
        return events

    if wait := seconds_to_wait(request, "generic_webhook", client_address(request)):
        return _refusal(Refused(429, "rate_limited", f"Try again in {wait} s.", "", wait))
    return _answered(request, provider, opened)


def _demand_same_id(external: str | None, events: list[GatewayEvent]) -> None:
    if external and external not in [event.id for event in events]:
        detail = "X-Webhook-Event-ID is not the id of the event in the body."
        raise Refused(400, "event_id_contradicts", detail)


def _answered(request: HttpRequest, provider: str, opened: _Opener) -> JsonResponse:
    try:
        admission.demand_quiet_source(request)
        gateway = _gateway(provider)
        admission.demand_known_source(request, gateway.name)
        return JsonResponse(_processed(request, gateway, admission.body_of(request), opened))
    except Refused as refused:
        admission.report_refusal(request, provider[:20], refused)
        return _refusal(refused)
    except DatabaseError:
        return _refusal(Refused(503, "service_unavailable", "Send it again shortly.", "", 5))
    except Exception:  # noqa: BLE001 - written down as `failed`; the provider sends it again
        return _refusal(Refused(500, "processing_failed", "It is kept; send it again."))


def _gateway(provider: str) -> Gateway:
    try:
        return gateway_named(provider)
    except UnknownProvider as error:
        raise Refused(404, error.code, error.detail) from None


def _processed(
    request: HttpRequest, gateway: Gateway, body: bytes, opened: _Opener
) -> dict[str, Any]:
    delivery = inbox.Delivery(
        provider=gateway.name,
        body=body,
        headers=dict(request.headers),
        source_address=client_address(request),
        external_event_id=request.headers.get("X-Webhook-Event-ID", "")[:191],
    )
    try:
        events = opened(gateway, body)
    except Unreadable as error:
        event_id = "unreadable:" + hashlib.sha256(body).hexdigest()
        status = inbox.park_unreadable(delivery, event_id, str(error))
        return {"status": status, "event_id": event_id}
    answers = [{"status": inbox.process(delivery, e), "event_id": e.id} for e in events]
    return answers[0]


def _refusal(refused: Refused) -> JsonResponse:
    body = error_body(refused.status, refused.code, refused.detail)
    response = JsonResponse(body, status=refused.status)
    if refused.retry_after:
        response["Retry-After"] = str(refused.retry_after)
    return response


@csrf_exempt
@require_http_methods(["GET", "POST"])
def health(request: HttpRequest) -> JsonResponse:
    """How many events stand where."""
    rows = PaymentWebhookEvent.objects.order_by().values_list("status").annotate(Count("pk"))
    counts = dict(rows)
    statistics = {"total": sum(counts.values())}
    statistics |= {status.value: counts.get(status, 0) for status in inbox.Status}
    now = timezone.now().isoformat()
    return JsonResponse({"status": "ok", "timestamp": now, "statistics": statistics})
