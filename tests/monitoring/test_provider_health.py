"""Health of providers and breakers: what recorded calls tell, and to whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from monitoring import health
from payments.gateways import transport
from payments.resilience import registry
from payments.services import breakers
from tests.callers import caller
from tests.factories import GatewayCallFactory, OperatorFactory, PaymentWebhookEventFactory

NAME = "paytabs-create-page"
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
KEPT = "provider-health:paytabs"
OPERATORS_PATHS = ("/health/circuit-breakers", "/health/detailed")


def health_of(provider: str = "paytabs") -> dict[str, Any]:
    answer = Client().get(f"/health/{provider}")
    told: dict[str, Any] = answer.json()
    assert answer.status_code == (503 if told["status"] == "down" else 200)
    return told


def record(outcome: str, milliseconds: int, name: str = NAME, at: datetime = NOW) -> None:
    spent = timedelta(milliseconds=milliseconds)
    GatewayCallFactory.create(breaker=name, outcome=outcome, duration=spent, started_at=at)


# A provider.


@pytest.mark.django_db
@time_machine.travel(NOW, tick=False)
def test_a_provider_is_known_by_its_recorded_calls() -> None:
    record("success", 100, at=NOW - timedelta(hours=2))
    record("timeout", 300, at=NOW - timedelta(hours=2))
    record("success", 100, at=NOW - timedelta(minutes=59))
    for outcome in ("failure", "timeout"):
        record(outcome, 500)
    record("success", 300, name="paytabs-verify", at=NOW - timedelta(minutes=1))
    record("refused", 0)
    record("ignored", 0)
    record("success", 9000, name="stripe-create")
    told = health_of()
    assert told["last_success_at"] == "2026-11-21T02:59:00Z"
    assert told["last_hour"] == {
        "calls": 4,
        "refused": 1,
        "success_rate": 50.0,
        "latency_mean": 350.0,
        "latency_p95": 500.0,
    }


@pytest.mark.django_db
@pytest.mark.parametrize(("count", "p95"), [(1, 10), (20, 190), (21, 200), (100, 950)])
def test_of_a_hundred_calls_five_were_slower_than_p95(count: int, p95: float) -> None:
    for number in range(count):
        record("success", 10 * (number + 1), at=datetime.now(UTC))
    assert health_of()["last_hour"]["latency_p95"] == p95


@pytest.mark.django_db
def test_of_a_provider_that_was_never_called_nothing_is_claimed() -> None:
    told = health_of()
    assert (told["status"], told["last_success_at"]) == ("ok", None)
    assert told["last_hour"]["calls"] == 0
    assert told["last_hour"]["success_rate"] is None
    assert told["last_hour"]["latency_p95"] is None


@pytest.mark.django_db(transaction=True)
def test_its_breakers_say_how_it_is_today() -> None:
    assert health_of()["status"] == "ok"
    registry.get("paytabs-verify").open()
    told = health_of()
    assert told["status"] == "degraded"
    states = {each["name"]: each["state"] for each in told["circuit_breakers"]}
    assert (states["paytabs-verify"], states[NAME]) == ("OPEN", "CLOSED")
    registry.get(NAME).open()
    assert health_of()["status"] == "down"
    registry.get(NAME).half_open()
    assert health_of()["status"] == "degraded"
    registry.get(NAME).reset()
    registry.get("paytabs-verify").reset()
    assert health_of()["status"] == "ok"


@pytest.mark.django_db(transaction=True)
def test_an_operators_word_is_part_of_it() -> None:
    breakers.force_open(NAME, reason="maintenance")
    assert health_of()["status"] == "down"
    breakers.disable(NAME, reason="counting only")
    told = health_of()
    assert (told["status"], told["circuit_breakers"][0]["forced"]) == ("degraded", "disabled")


@pytest.mark.django_db
def test_webhooks_are_told_by_yes_and_no_and_never_by_their_secret(settings: Any) -> None:
    paytabs = settings.PROVIDERS["paytabs"]
    settings.PROVIDERS = {"paytabs": paytabs | {"generic_webhook_secrets": [], "ip_whitelist": []}}
    assert health_of()["webhooks"] == {
        "configured": True,
        "generic_configured": False,
        "addresses_listed": False,
        "last_received_at": None,
    }
    secrets = {"generic_webhook_secrets": ["s3cr3t"], "ip_whitelist": ["192.0.2.7"]}
    settings.PROVIDERS = {"paytabs": paytabs | secrets | {"webhook_secrets": []}}
    PaymentWebhookEventFactory.create(received_at=NOW)
    answer = Client().get("/health/paytabs/")
    assert answer.json()["webhooks"] == {
        "configured": False,
        "generic_configured": True,
        "addresses_listed": True,
        "last_received_at": "2026-11-21T03:00:00Z",
    }
    for secret in ("s3cr3t", "192.0.2.7", paytabs["server_key"]):
        assert secret not in answer.content.decode()


@pytest.mark.django_db
def test_nobody_is_dialled_for_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    def dialled(*_: Any) -> None:
        raise AssertionError("a provider was called")

    monkeypatch.setattr(transport, "send", dialled)
    assert health_of()["status"] == "ok"


@pytest.mark.django_db
def test_a_provider_that_is_not_connected_is_a_404_in_the_one_shape() -> None:
    for name in ("stripe", "nobody", "-"):
        answer = Client().get(f"/health/{name}")
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["code"] == "not_found"


@pytest.mark.django_db
def test_health_is_only_read_and_never_kept() -> None:
    assert Client().post("/health/paytabs").status_code == 405
    assert "no-store" in Client().get("/health/paytabs")["Cache-Control"]


@pytest.mark.django_db
def test_it_costs_the_same_however_many_calls_were_recorded() -> None:
    def queries() -> int:
        cache.delete(KEPT)
        with CaptureQueriesContext(connection) as made:
            health_of()
        return len(made)

    record("success", 10, at=datetime.now(UTC))
    few = queries()
    for _ in range(10):
        record("failure", 10, at=datetime.now(UTC))
    assert queries() == few


@pytest.mark.django_db
def test_who_asks_again_at_once_does_not_have_the_calls_counted_again() -> None:
    health_of()
    record("success", 10, at=datetime.now(UTC))
    assert health_of()["last_hour"]["calls"] == 0
    cache.delete(KEPT)
    assert health_of()["last_hour"]["calls"] == 1


# For operators.


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", OPERATORS_PATHS)
def test_details_are_for_operators_alone(path: str) -> None:
    stranger = Client().get(path)
    assert stranger.status_code == 401
    assert stranger.json()["errors"][0]["code"] == "not_authenticated"
    merchant = caller("payments:read", "payments:write").get(path)
    assert merchant.status_code == 403
    assert merchant.json()["errors"][0]["code"] == "permission_denied"
    assert caller("operator").get(path).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", OPERATORS_PATHS)
def test_an_operators_session_opens_them_and_another_persons_does_not(path: str) -> None:
    for is_staff, status in ((True, 200), (False, 403)):
        client = Client()
        client.force_login(OperatorFactory.create(is_staff=is_staff, is_superuser=False))
        assert client.get(path).status_code == status


@pytest.mark.django_db(transaction=True)
def test_every_breaker_is_told_with_its_figures() -> None:
    operator = caller("operator")
    path = "/health/circuit-breakers"
    assert operator.get(path).json()["status"] == "ok"
    registry.get(NAME).open()
    told = operator.get(path).json()
    assert told["status"] == "degraded"
    figures = {each["name"]: each for each in told["circuit_breakers"]}
    assert (figures[NAME]["state"], figures[NAME]["opens"]) == ("OPEN", 1)
    assert figures["paytabs-verify"]["configuration"]["error_rate"] == "50"


@pytest.mark.django_db(transaction=True)
def test_details_name_every_check_and_every_provider() -> None:
    operator = caller("operator")
    told = operator.get("/health/detailed").json()
    assert told["status"] == "ok"
    names = ("database", "migrations", "cache", "breakers", "replica")
    assert told["checks"] == dict.fromkeys(names, "ok")
    assert [each["provider"] for each in told["providers"]] == ["paytabs"]
    registry.get(NAME).open()
    told = operator.get("/health/detailed").json()
    assert (told["status"], told["providers"][0]["status"]) == ("degraded", "down")


@pytest.mark.django_db
def test_breakers_that_decide_alone_degrade_us_and_stop_nothing(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    registry.forget()
    assert registry.get(NAME).call(str) == ""
    status, checks = health.verdict()
    assert checks["breakers"] == "each process decides alone; their Redis does not answer"
    assert status == "degraded"
