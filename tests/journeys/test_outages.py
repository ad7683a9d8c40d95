"""A provider is down, slow, flaky or says no: what its breaker makes of it, over real HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from payments.models import GatewayCall, StoredEvent
from payments.resilience import registry
from payments.resilience.breaker import Breaker
from payments.services.breakers import make_breaker
from tests.journeys.conftest import Merchant, eventually
from tests.sandbox.process import SandboxProcess

PAGES = "paytabs-create-page"
MINIMUM = 10


@pytest.fixture(autouse=True)
def _no_limits(settings: Settings, sandbox: SandboxProcess) -> None:
    settings.RATE_LIMITS_ENABLED = False


def held_to(settings: Settings, **facts: Any) -> None:
    """All is as usual but for this."""
    settings.CIRCUIT_BREAKERS = {"": facts}
    registry.configure(make_breaker)


def breaker(name: str = PAGES) -> Breaker:
    return registry.get(name)


def send(merchant: Merchant, times: int = 1) -> list[int]:
    return [merchant.process(merchant.create(provider="paytabs")).status_code for _ in range(times)]


def ends() -> list[str]:
    """How each recorded call ended."""
    return list(GatewayCall.objects.filter(breaker=PAGES).values_list("outcome", flat=True))


def told() -> list[str]:
    events = StoredEvent.objects.filter(aggregate_id=PAGES).order_by("sequence")
    return [event.type.removeprefix("circuit_breaker.") for event in events]


def test_down_it_opens_refuses_untouched_and_closes_by_itself(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings
) -> None:
    held_to(settings, reset_timeout=timedelta(seconds=4))
    sandbox.put({"mode": "down"})
    assert send(merchant, MINIMUM - 1) == [503] * (MINIMUM - 1)
    assert breaker().current_state == "closed"
    assert send(merchant) == [503]
    assert breaker().current_state == "open"
    sandbox.put({"mode": "up"})
    assert send(merchant, 3) == [503] * 3
    assert ends()[: MINIMUM + 3] == ["failure"] * MINIMUM + ["refused"] * 3
    assert sandbox.truth() == []  # nobody there heard of those three
    eventually(lambda: send(merchant) == [200])
    assert send(merchant) == [200]
    assert [word for word in told() if word != "service.unavailable"] == [
        "opened",
        "half_open",
        "closed",
    ]


def test_slow_it_opens_by_slow_calls_alone(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings
) -> None:
    held_to(settings, slow_call=timedelta(seconds=0.3))
    sandbox.put({"mode": "slow", "latency_ms": 350})
    assert send(merchant, MINIMUM) == [200] * MINIMUM
    assert breaker().current_state == "open"
    opened = StoredEvent.objects.get(type="circuit_breaker.opened")
    assert opened.data["reason"] == "slow-rate"
    assert set(ends()) == {"success"}


def test_flaky_at_thirty_percent_it_does_not_open(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    sandbox.put({"mode": "flaky", "error_rate": 0.3, "seed": 4})
    statuses = send(merchant, 40)
    assert 6 <= statuses.count(504) <= 18
    assert statuses.count(200) + statuses.count(504) == 40
    assert breaker().current_state == "closed"
    assert told() == []


def test_declined_cards_never_open_it(merchant: Merchant, sandbox: SandboxProcess) -> None:
    facts: dict[str, Any] = {"provider": "stripe", "currency": "USD"}
    body = {"payment_token": "pm_card_chargeDeclined"}
    for _ in range(2 * MINIMUM):
        payment = merchant.create(**facts)
        assert merchant.post(f"/process/{payment}", body).status_code == 402
    now = breaker("stripe-create").statistics()
    assert (now.state, now.totals.failures, now.totals.successes) == ("closed", 0, 2 * MINIMUM)
