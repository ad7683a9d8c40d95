"""Callers who exceed limits, at a moment that stands still: no minute ends in between."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from payments.models import ApiKey, StoredEvent

ADDRESS, ELSEWHERE = "203.0.113.7", "198.51.100.9"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LIST = "/payments/v2"
GUESSED = {"Authorization": "Bearer bk_a_b"}


@pytest.fixture
def few_calls(transactional_db: None, settings: Settings) -> Iterator[None]:
    """Limits that are soon exceeded."""
    limits = {"default": "3/m", "block_address_after": "4/10m", "block_key_after": "6/10m"}
    settings.RATE_LIMITS = settings.RATE_LIMITS | limits
    with time_machine.travel(NOON, tick=False):
        yield


def stranger(address: str = ADDRESS) -> Client:
    return Client(headers=GUESSED, REMOTE_ADDR=address)


def merchant(address: str = ADDRESS) -> tuple[Client, ApiKey]:
    key, text = ApiKey.issue("test", ["payments:read", "payments:write"])
    return Client(headers={"Authorization": f"Bearer {text}"}, REMOTE_ADDR=address), key


def statuses(client: Client, times: int, path: str = LIST) -> list[int]:
    return [client.get(path).status_code for _ in range(times)]


def waited_for(answer: Any) -> int:
    assert answer.status_code == 429
    assert [error["code"] for error in answer.json()["errors"]] == ["rate_limited"]
    return int(answer["Retry-After"])


def block_strangers(address: str = ADDRESS) -> None:
    assert statuses(stranger(address), 7) == [401] * 3 + [429] * 4


def later(**distance: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(**distance), tick=False)


def security_events() -> list[dict[str, str]]:
    return [event.data for event in StoredEvent.objects.filter(type="security.event")]
