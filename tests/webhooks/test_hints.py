"""News that proves nothing: its provider is asked, and who delivered it does not wait long."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from payments import operations
from payments.gateways import transport
from payments.gateways.registry import gateway_named
from payments.gateways.wire import Lost, WireRequest, WireResponse
from payments.models import GatewayOperation
from payments.money import Money
from payments.services.payments import create_payment
from payments.statuses import OperationKind
from tests.webhooks.deliveries import later, payment_of
from webhooks import tasks
from webhooks.models import PaymentWebhookEvent

PRICE = Money(100_00, "NGN")


class Flutterwave:
    """Says what it is told to say, and remembers how long it was given for that."""

    def __init__(self) -> None:
        self.reply: WireResponse | Exception = Lost("silence")
        self.limits: list[timedelta] = []

    def send(self, gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        self.limits.append(timeout)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


@pytest.fixture
def flutterwave(
    transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Flutterwave:
    facts = {
        "secret_key": "sk",
        "webhook_secrets": ["sk"],
        "generic_webhook_secrets": [],
        "ip_whitelist": [],
        "api_base": "https://provider.test",
        "timeout": timedelta(seconds=30),
        "settling_time": timedelta(seconds=60),
    }
    settings.PROVIDERS = settings.PROVIDERS | {"flutterwave": facts}
    played = Flutterwave()
    monkeypatch.setattr(transport, "send", played.send)
    return played


@pytest.fixture
def charge(flutterwave: Flutterwave) -> GatewayOperation:
    payment, gateway = create_payment(owner_id=None, money=PRICE), gateway_named("flutterwave")
    kind, limit = OperationKind.CHARGE, gateway.timeout
    return operations.begin(payment.id, kind, gateway, reason="", timeout=limit)[0]


def paid(charge: GatewayOperation) -> dict[str, Any]:
    facts = {"id": 7, "tx_ref": charge.key, "flw_ref": "F7", "status": "successful"}
    return facts | {"amount": 100, "currency": "NGN"}


def deliver(data: dict[str, Any], event: str = "charge.completed") -> Any:
    body = json.dumps({"event": event, "data": data})
    path, headers = "/webhooks/payments/flutterwave", {"verif-hash": "sk"}
    return Client().post(path, body, "application/json", headers=headers)


def listed(*each: dict[str, Any]) -> WireResponse:
    info = {"page_info": {"current_page": 1, "total_pages": 1}}
    told = {"status": "success", "data": list(each), "meta": info}
    return WireResponse(200, {}, json.dumps(told).encode())


def test_where_its_provider_is_silent_a_hint_is_left_to_the_workers(
    flutterwave: Flutterwave, charge: GatewayOperation
) -> None:
    answer = deliver(paid(charge))
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    assert flutterwave.limits
    assert max(flutterwave.limits) <= timedelta(seconds=3)
    row = PaymentWebhookEvent.objects.get()
    assert (row.status, row.lease_token, row.unended) == ("processing", None, 0)
    flutterwave.reply = listed(paid(charge))
    with later(seconds=1):
        assert tasks.apply_due_events() == 1
    assert payment_of(charge).status == "completed"


def test_a_workers_question_may_take_its_time(
    flutterwave: Flutterwave, charge: GatewayOperation
) -> None:
    deliver(paid(charge))
    flutterwave.limits.clear()
    with later(seconds=1):
        assert tasks.apply_due_events() == 1
    assert max(flutterwave.limits) > timedelta(seconds=3)
    assert PaymentWebhookEvent.objects.get().status == "failed"


def test_a_silent_provider_leaves_a_dispute_to_the_workers_too(
    flutterwave: Flutterwave, charge: GatewayOperation
) -> None:
    answer = deliver(paid(charge) | {"status": "lost"}, "chargeback.lost")
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    assert max(flutterwave.limits) <= timedelta(seconds=3)


def test_a_hint_of_what_its_provider_does_not_know_is_not_accepted(
    flutterwave: Flutterwave, charge: GatewayOperation
) -> None:
    flutterwave.reply = listed()
    assert deliver(paid(charge)).status_code == 503
    assert PaymentWebhookEvent.objects.get().status == "failed"
