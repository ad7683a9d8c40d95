"""A payment whose page is open, and PayTabs' signed news of it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import time_machine
from django.test import Client
from django.utils import timezone

from payments.crypto.signatures import hmac_hex
from payments.gateways.messages import GatewayEvent
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation, Payment
from tests.callers import caller
from tests.fakes import notification
from webhooks import inbox
from webhooks.models import PaymentWebhookEvent

KEY = "STESTONLY01-TESTONLYKEY02-TESTONLY03"
Deliver = Callable[..., Any]


def open_page() -> GatewayOperation:
    """A payment of 125.50 AED, sent to its provider."""
    api = caller("payments:write")
    body = {"amount": "125.50", "currency": "AED"}
    made = api.post("/payments/v2/create", body, "application/json").json()
    api.post(f"/payments/v2/process/{made['id']}", {}, "application/json")
    return GatewayOperation.objects.get(payment_id=made["id"])


def deliver(body: bytes, signature: str | None = None, **headers: str) -> Any:
    given = hmac_hex(KEY.encode(), body) if signature is None else signature
    return Client(raise_request_exception=False).post(
        "/webhooks/payments/paytabs",
        body,
        "application/json",
        headers={"Signature": given} | headers,
    )


def news(operation: GatewayOperation, status: str = "A", **facts: Any) -> bytes:
    return notification(operation.key, operation.gateway_reference, status, **facts)


def payment_of(operation: GatewayOperation) -> Payment:
    return Payment.objects.get(pk=operation.payment_id)


def kept(operation: GatewayOperation, **facts: Any) -> tuple[PaymentWebhookEvent, GatewayEvent]:
    """News of a payment, kept under a lease by somebody who has not applied it yet."""
    body = news(operation, **facts)
    (event,) = gateway_named("paytabs").events_in(body)
    row = inbox.keep(inbox.Delivery("paytabs", body, {}), event, is_leased=True)
    assert isinstance(row, PaymentWebhookEvent)
    return row, event


def later(seconds: float = 0, **more: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds, **more), tick=False)
