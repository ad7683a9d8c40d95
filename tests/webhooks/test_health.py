"""The page that counts the inbox for anybody, and costs no more the more often it is asked."""

import time
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from tests.factories import PaymentWebhookEventFactory
from webhooks import health

pytestmark = pytest.mark.django_db
PATH = "/webhooks/payments/health"


def total() -> int:
    told: int = Client().get(PATH).json()["statistics"]["total"]
    return told


def test_what_was_counted_is_good_for_some_seconds() -> None:
    PaymentWebhookEventFactory.create()
    assert total() == 1
    PaymentWebhookEventFactory.create()
    with CaptureQueriesContext(connection) as heard:
        assert total() == 1
    assert not heard.captured_queries


def test_after_that_it_is_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_GOOD_FOR", 1)  # Redis goes by its own clock
    assert total() == 0
    PaymentWebhookEventFactory.create()
    time.sleep(1.1)
    assert total() == 1


def test_who_asks_too_often_is_told_to_wait(settings: Settings) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"default": "3/m"}
    answers = [Client().get(PATH) for _ in range(5)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].json()["errors"][0]["code"] == "rate_limited"
    assert int(answers[-1]["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("addresses", "last"),
    [
        ([f"2001:db8:0:1::{n}" for n in range(4)], 429),
        ([f"2001:db8:0:{n}::1" for n in range(4)], 200),
        ([f"203.0.113.{n}" for n in range(4)], 200),
    ],
)
def test_limits_count_a_household_once_however_many_addresses_it_has(
    settings: Settings, addresses: list[str], last: int
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"default": "3/m"}
    answers = [Client(REMOTE_ADDR=each).get(PATH).status_code for each in addresses]
    assert answers == [200, 200, 200, last]


def test_while_the_database_is_away_it_says_so_in_the_houses_form() -> None:
    def away(*_: Any) -> None:
        raise OperationalError("gone")

    with connection.execute_wrapper(away):
        answer = Client().get(PATH)
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["code"] == "service_unavailable"
    assert answer["Retry-After"] == "5"
