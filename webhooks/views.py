"""Raw bytes in, acknowledgement out. Nothing parses a body before it is verified."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from payments.api.addresses import client_address
from payments.api.errors import allow_only, error_body
from payments.errors import NotConfirmed, UnknownProvider
from payments.gateways.client import verify_notification
from payments.gateways.contract import CannotJudge, Gateway, SignatureInvalid, Unreadable
from payments.gateways.messages import GatewayEvent
from payments.gateways.registry import gateway_named
from webhooks import admission, generic, inbox, names, roads
from webhooks.admission import Refused
from webhooks.diagnosis import diagnosed, diagnosed_generic
from webhooks.signals import webhook_answered

log = structlog.get_logger(__name__)
_Verifier = Callable[[Gateway, bytes], None]
_NOT_THEIRS = "The signature does not fit the body."
_STALE = ("stale_timestamp", "The timestamp is too old or too far ahead.")
_HEADER_FAULTS = {
    "missing_header": ("missing_header", "A header that the signature needs is missing."),
    "timestamp_outside_tolerance": _STALE,
    "transmission_time_out_of_bounds": _STALE,
}


@csrf_exempt
@allow_only("POST")
def receive(request: HttpRequest, provider: str) -> JsonResponse:
    """`POST /webhooks/payments/{provider}`: signed the provider's own way."""

    def verify(gateway: Gateway, body: bytes) -> None:
        try:
            verify_notification(gateway, headers, body)
        except SignatureInvalid as error:
            admission.turn_away_blocked(request)
            reason = diagnosed(gateway, headers, body, error.reason)
            raise _unverified(error.reason, reason, _HEADER_FAULTS) from None
        except CannotJudge as error:
            detail = "This cannot be judged now; send it again shortly."
            raise Refused(503, "service_unavailable", detail, f"cannot_judge: {error}", 5) from None

    headers = admission.headers_of(request)
    return _answered(request, provider, verify)


@csrf_exempt
@allow_only("POST")
def receive_generic(request: HttpRequest) -> JsonResponse:
    """`POST /payments/v2/webhook`: a provider's notification, signed with our own secret."""
    provider = request.headers.get("X-Webhook-Provider", "paytabs")

    def verify(gateway: Gateway, body: bytes) -> None:
        secrets = settings.PROVIDERS[gateway.name]["generic_webhook_secrets"]
        try:
            generic.verify(request.headers, body, secrets)
        except SignatureInvalid as error:
            admission.turn_away_blocked(request)
            reason = diagnosed_generic(gateway, request.headers, body, error.reason)
            raise _unverified(error.reason, reason, generic.HEADER_FAULTS) from None

    try:
        admission.demand_patience(request, "generic_webhook")
    except Refused as refused:
        return _refusal(provider, admission.reported(request, provider[:20], refused))
    named = request.headers.get("X-Webhook-Event-ID", "")
    return _answered(request, provider, verify, named=named)


def _unverified(fault: str, reason: str, faults: Mapping[str, tuple[str, str]]) -> Refused:
    """What is wrong with its headers is told to the sender; of a signature nothing is."""
    if told := faults.get(fault.partition(":")[0]):
        return Refused(400, *told, reason)
    return Refused(401, "invalid_signature", _NOT_THEIRS, reason)


def _demand_same_id(named: str, events: list[GatewayEvent]) -> None:
    if named and named not in [event.id for event in events]:
        detail = "X-Webhook-Event-ID is not the id of the event in the body."
        raise Refused(400, "event_id_contradicts", detail)


def _answered(
    request: HttpRequest, provider: str, verify: _Verifier, *, named: str = ""
) -> JsonResponse:
    """`named` is what the sender calls the event, where that has to be true."""
    try:
        gateway = _gateway(provider)
        admission.demand_known_source(request, gateway.name)
        delivery = _delivery(request, gateway)
        verify(gateway, delivery.body)
        told = _processed(gateway, delivery, named)
    except Refused as refused:
        return _refusal(provider, admission.reported(request, provider[:20], refused))
    except DatabaseError:
        later = Refused(503, "service_unavailable", "Send it again shortly.", "", 5)
        return _refusal(provider, later)
    except Exception:
        log.exception("webhook_not_processed", provider=provider[:20])
        return _refusal(provider, Refused(500, "processing_failed", "Send it again."))
    _announce(provider, told["status"])
    return JsonResponse(told)


def _gateway(provider: str) -> Gateway:
    try:
        return gateway_named(provider)
    except UnknownProvider as error:
        raise Refused(404, error.code, error.detail) from None


def _delivery(request: HttpRequest, gateway: Gateway) -> inbox.Delivery:
    return inbox.Delivery(
        provider=gateway.name,
        body=admission.body_of(request),
        headers=dict(request.headers),
        source_address=client_address(request),
        external_event_id=request.headers.get("X-Webhook-Event-ID", "")[:191],
        name=gateway.delivery_id(admission.headers_of(request))[:191],
        is_proven=gateway.proves_body,
    )


def _processed(gateway: Gateway, delivery: inbox.Delivery, named: str) -> dict[str, Any]:
    """Read and take in what was verified."""
    try:
        events = gateway.events_in(delivery.body)
    except Exception as error:
        # Not to be read: kept for a person, whatever the reason.
        if not isinstance(error, Unreadable):
            log.exception("notification_unreadable", provider=gateway.name)
        status, event_id = inbox.park_unreadable(delivery, str(error) or type(error).__name__)
        return {"status": status, "event_id": event_id}
    _demand_same_id(named, events)
    if names.bears_another_body(delivery):
        reason = "another_body: this delivery's name came before with another body"
        raise Refused(401, "invalid_signature", _NOT_THEIRS, reason)
    answers = [{"status": _taken_in(delivery, event), "event_id": event.id} for event in events]
    return answers[0] if answers else {"status": "ignored", "event_id": None}


def _taken_in(delivery: inbox.Delivery, event: GatewayEvent) -> str:
    try:
        return roads.take_in(delivery, event)
    except NotConfirmed as error:
        why = f"not_confirmed: {error}"
        raise Refused(503, "service_unavailable", "Send it again shortly.", why, 5) from None


def _refusal(provider: str, refused: Refused) -> JsonResponse:
    _announce(provider, refused.code)
    body = error_body(refused.status, refused.code, refused.detail)
    response = JsonResponse(body, status=refused.status)
    if refused.retry_after:
        response["Retry-After"] = str(refused.retry_after)
    return response


def _announce(provider: str, answer: str) -> None:
    named = provider if provider in settings.PROVIDERS else "unknown"
    webhook_answered.send_robust(sender=None, provider=named, answer=answer)
