"""Stripe's objects and our orders, as its contract tests need them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from payments.gateways.messages import (
    Capture,
    Charge,
    GatewayEvent,
    GatewayResult,
    Handle,
    Order,
    Refund,
    Void,
)
from payments.gateways.stripe import API_VERSION, BASE, Stripe
from payments.gateways.wire import WireResponse
from payments.money import Money
from payments.statuses import OperationKind, Outcome

KEY = "sk_test_TESTONLY"
SECRET = "whsec_TESTONLY"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
K = OperationKind
O = Outcome  # noqa: E741 - many rows of tables below
OURS = "k" * 32


def stripe(*secrets: str) -> Stripe:
    return Stripe(KEY, secrets or (SECRET,), BASE, timedelta(seconds=30), timedelta(seconds=120))


def charge(money: Money = Money(12550, "AED"), **facts: Any) -> Charge:
    usual: dict[str, Any] = {
        "key": OURS,
        "kind": K.CHARGE,
        "description": "Order 1",
        "return_url": "https://us/return?payment=1",
        "callback_url": "https://us/hook",
    }
    return Charge(money=money, **(usual | facts))


PAID = Handle("cs_1", {"session": "cs_1", "payment_intent": "pi_1", "charge": "ch_1"})
PAGE = Handle("cs_1", {"session": "cs_1"})
MONEY = Money(12550, "AED")
CAPTURE = Capture(OURS, MONEY, PAID)
VOID = Void(OURS, MONEY, PAID)
REFUND = Refund(OURS, MONEY, PAID)
EFFECTS: list[Any] = [charge(), charge(kind=K.AUTHORIZE), CAPTURE, VOID, REFUND]


def sent(order: Order) -> tuple[str, str, dict[str, str]]:
    request = stripe().request_for(order)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Stripe-Version"] == API_VERSION
    return request.method, request.url.removeprefix(BASE), dict(parse_qsl(request.body.decode()))


def answered(order: Order, status: int, body: Any) -> GatewayResult:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return stripe().result_of(order, WireResponse(status, {}, raw))


def session(**facts: Any) -> dict[str, Any]:
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "mode": "payment",
        "client_reference_id": OURS,
        "metadata": {"ballast_operation": OURS},
        "amount_total": 12550,
        "currency": "aed",
        "status": "open",
        "payment_status": "unpaid",
        "payment_intent": None,
        "url": "https://checkout/c/cs_1",
    } | facts


def intent(status: str = "succeeded", **facts: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 12550,
        "amount_capturable": 12550 if status == "requires_capture" else 0,
        "amount_received": 12550 if status == "succeeded" else 0,
        "capture_method": "automatic_async",
        "currency": "aed",
        "status": status,
        "latest_charge": "ch_1",
        "last_payment_error": None,
        "payment_method_types": ["card"],
        "metadata": {"ballast_operation": OURS},
    } | facts


def held(status: str = "requires_capture", **facts: Any) -> dict[str, Any]:
    return intent(status, **({"capture_method": "manual"} | facts))


def captured(key: str = OURS, **facts: Any) -> dict[str, Any]:
    metadata = {"ballast_operation": "a" * 32, "ballast_capture": key}
    return held("succeeded", **({"metadata": metadata} | facts))


def refund(status: str = "succeeded", **facts: Any) -> dict[str, Any]:
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 12550,
        "currency": "aed",
        "status": status,
        "payment_intent": "pi_1",
        "charge": "ch_1",
        "metadata": {"ballast_operation": OURS},
    } | facts


def error(kind: str = "invalid_request_error", **facts: Any) -> dict[str, Any]:
    return {"error": {"type": kind, "message": "said so"} | facts}


def declined(code: str = "card_declined", decline: str = "generic_decline") -> dict[str, Any]:
    card = {"type": "card_error", "code": code, "decline_code": decline, "message": "No."}
    return {"last_payment_error": card}


def paid_page(body: dict[str, Any], **facts: Any) -> dict[str, Any]:
    usual = {"status": "complete", "payment_status": "paid", "url": None}
    return session(**(usual | {"payment_intent": body} | facts))


def event(name: str, thing: Any, **facts: Any) -> GatewayEvent:
    news = {"id": "evt_1", "object": "event", "type": name, "data": {"object": thing}} | facts
    (only,) = stripe().events_in(json.dumps(news).encode())
    return only
