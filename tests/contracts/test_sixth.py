"""A sixth provider: one file, one line in the registry, a folder of cases: its road is there."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from config import providers
from config.environment import Environment
from payments.crypto.signatures import hmac_hex
from payments.gateways import registry, transport
from payments.gateways.wire import WireRequest, WireResponse
from payments.models import GatewayOperation
from payments.resilience import registry as registry_of_breakers
from tests.callers import caller
from tests.contracts.sixth import Sixth
from tests.factories import OperatorFactory
from tests.fakes import answer

SECRET = "sixth-secret"


def play(gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
    asked = json.loads(request.body)
    return answer({"status": "open", "reference": "S1", "page": "https://sixth.test/1"} | asked)


@pytest.fixture
def sixth(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setitem(registry.TRANSLATORS, "sixth", Sixth)
    monkeypatch.setattr(transport, "send", play)
    settings.PROVIDERS = providers.configured(Environment({"SIXTH_SECRET": SECRET}))
    settings.PROVIDER_ORDER = ["sixth"]


def test_its_payments_are_created_sent_told_of_and_completed(sixth: None, api: Client) -> None:
    body = {"amount": "125.50", "currency": "AED"}
    payment = api.post("/payments/v2/create", body, "application/json").json()["id"]
    page = api.post(f"/payments/v2/process/{payment}", {}, "application/json").json()
    assert (page["provider"], page["redirect_url"]) == ("sixth", "https://sixth.test/1")
    key = GatewayOperation.objects.get().key
    news = {"id": "E1", "key": key, "status": "paid", "reference": "S1"}
    raw = json.dumps(news | {"amount": 12550, "currency": "AED"}).encode()
    headers = {"X-Sixth": hmac_hex(SECRET.encode(), raw)}
    for told in ("processed", "duplicate"):
        path = "/webhooks/payments/sixth"
        response = Client().post(path, raw, "application/json", headers=headers)
        assert response.json()["status"] == told
    assert api.get(f"/payments/v2/{payment}").json()["status"] == "completed"


def test_what_it_cannot_do_is_a_409(sixth: None, api: Client) -> None:
    body = {"amount": "125.50", "currency": "AED", "provider": "sixth", "capture": "manual"}
    response = api.post("/payments/v2/create", body, "application/json")
    assert response.status_code == 409
    assert response.json()["errors"][0]["code"] == "not_supported"


def test_a_stranger_signs_nothing(sixth: None, api: Client) -> None:
    response = Client().post("/webhooks/payments/sixth", b"{}", "application/json")
    assert response.status_code == 401


def test_its_health_and_its_breakers_are_told(sixth: None, api: Client) -> None:
    told = Client().get("/health/sixth").json()
    assert (told["provider"], told["status"]) == ("sixth", "ok")
    names = [each["name"] for each in told["circuit_breakers"]]
    assert names == ["sixth-create", "sixth-verify"]
    operator = caller("operator")
    for path in ("/payments/v2/circuit-breaker/stats", "/health/circuit-breakers"):
        body = operator.get(path).json()
        listed = body if isinstance(body, list) else body["circuit_breakers"]
        assert [each["name"] for each in listed] == names
    providers = operator.get("/health/detailed").json()["providers"]
    assert [each["provider"] for each in providers] == ["sixth"]


def test_its_breaker_is_reset_by_all_three_doors(sixth: None, api: Client) -> None:
    breaker = registry_of_breakers.get("sixth-create")
    api_path = "/payments/v2/circuit-breaker/sixth-create/reset"
    console = Client()
    console.force_login(OperatorFactory.create())
    page = reverse("admin:payments_breakercontrol_reset", args=["sixth-create"])
    doors: list[Callable[[], object]] = [
        lambda: caller("operator").post(api_path, {}, "application/json"),
        lambda: console.post(page, {"reason": "mended"}),
        lambda: call_command("breakers", "reset", "sixth-create", stdout=StringIO()),
    ]
    for reset in doors:
        breaker.open()
        reset()
        assert breaker.current_state == "closed"
