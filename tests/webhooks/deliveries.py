"""A payment whose page is open, and PayTabs' signed news of it."""

from collections.abc import Callable
from typing import Any

from django.test import Client

from payments.crypto.signatures import hmac_hex
from payments.models import GatewayOperation, Payment
from tests.callers import caller
from tests.fakes import notification

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
