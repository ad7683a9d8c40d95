"""Who exceeds limits again and again is turned away for a while, and nobody else for it."""

import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import structlog
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from config import cache as cache_module
from config.stores import cache as cache_settings
from payments.api import blocks
from payments.models import ApiKey
from tests.fakes import FakeTransport
from tests.payments.blocking import (
    ADDRESS,
    ELSEWHERE,
    GUESSED,
    LIST,
    block_strangers,
    few_calls,
    later,
    merchant,
    statuses,
    stranger,
    waited_for,
)

__all__ = ["few_calls"]
pytestmark = pytest.mark.usefixtures("few_calls")

# Who is blocked, and for how long.


def test_an_address_that_goes_on_is_turned_away_until_the_block_is_over() -> None:
    block_strangers()
    assert waited_for(stranger().get(LIST)) == 600
    with later(minutes=9):
        assert waited_for(stranger().get(LIST)) == 60
    with later(minutes=10, seconds=1):
        assert stranger().get(LIST).status_code == 401


def test_who_stops_in_time_is_not_blocked() -> None:
    statuses(stranger(), 6)
    with later(minutes=1):
        assert stranger().get(LIST).status_code == 401


def test_who_is_turned_away_costs_the_database_nothing() -> None:
    block_strangers()
    with CaptureQueriesContext(connection) as heard:
        waited_for(stranger().get(LIST))
    assert list(heard) == []


def test_being_turned_away_makes_no_block_longer(settings: Settings) -> None:
    block_strangers()
    with later(minutes=9):
        statuses(stranger(), 30)
    with later(minutes=10, seconds=1):
        assert stranger().get(LIST).status_code == 401


def test_a_household_is_one_source_and_its_neighbours_are_others() -> None:
    for number in range(7):
        stranger(f"2001:db8::{number}").get(LIST)
    assert waited_for(stranger("2001:db8::ff").get(LIST)) > 60
    assert stranger("2001:db8:0:1::1").get(LIST).status_code == 401


def test_each_limit_can_be_switched_off(settings: Settings) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"block_address_after": None}
    statuses(stranger(), 30)
    with later(minutes=1):
        assert stranger().get(LIST).status_code == 401


def test_switching_the_limits_off_ends_every_block(settings: Settings) -> None:
    block_strangers()
    settings.RATE_LIMITS_ENABLED = False
    assert stranger().get(LIST).status_code == 401


def test_of_many_refused_at_once_one_begins_the_block(settings: Settings) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"block_address_after": "40/10m"}
    request = RequestFactory().get("/", REMOTE_ADDR=ADDRESS)
    source = blocks.address_of(request)

    def exceed(_: int) -> None:
        blocks.note_excess(request, source, "default")
        connection.close()

    with structlog.testing.capture_logs() as lines, ThreadPoolExecutor(4) as threads:
        assert list(threads.map(exceed, range(79))) == [None] * 79
    assert [line["event"] for line in lines].count("source_blocked") == 1


def test_where_redis_is_gone_nobody_is_blocked_until_this_process_has_counted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_outage", cache_module._Outage())
    block_strangers()
    with socket.create_server(("127.0.0.1", 0)) as server:
        dead = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
    settings.CACHES = {"default": cache_settings(dead, "test")}
    block_strangers()
    assert waited_for(stranger().get(LIST)) == 600


# Who must not be hurt.


def test_a_merchant_whose_key_is_known_is_heard_from_a_blocked_address(
    settings: Settings,
) -> None:
    client, _ = merchant()
    assert client.get(LIST).status_code == 200
    with later(minutes=1):
        block_strangers()
    with later(minutes=2):
        assert client.get(LIST).status_code == 200
        assert waited_for(stranger().get(LIST)) > 60


def test_a_key_that_nobody_has_seen_is_not_tried_at_a_blocked_address() -> None:
    block_strangers()
    client, _ = merchant()
    assert waited_for(client.get(LIST)) > 60


def test_merchants_who_share_an_address_do_not_block_each_other(settings: Settings) -> None:
    (loud, _), (quiet, _) = merchant(), merchant()
    statuses(loud, 1), statuses(quiet, 1)
    with later(minutes=1):
        statuses(loud, 3 + 6)
    with later(minutes=2):
        assert waited_for(loud.get(LIST)) > 60
        assert statuses(quiet, 3) == [200] * 3


def test_a_key_is_one_source_wherever_it_calls_from(settings: Settings) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"default": "6/m"}
    client, key = merchant()
    for number in range(12):
        client.get(LIST, REMOTE_ADDR=f"198.51.100.{number}")
    assert waited_for(client.get(LIST, REMOTE_ADDR=ELSEWHERE)) > 60
    assert [block.source for block in blocks.blocks()] == [f"key:{key.prefix}"]


@pytest.mark.parametrize("spelt", ["bearer {}", "Bearer   {}", "BEARER {} "])
def test_no_way_of_writing_it_makes_another_key(spelt: str) -> None:
    client, key = merchant(ELSEWHERE)
    statuses(client, 1)
    cache.set(f"block:key:{key.prefix}", (timezone.now() + timedelta(minutes=5)).timestamp(), 300)
    text = client.defaults["HTTP_AUTHORIZATION"].split()[1]
    again = Client(headers={"Authorization": spelt.format(text)}, REMOTE_ADDR=ELSEWHERE)
    assert waited_for(again.get(LIST)) > 60


def test_one_impatient_customer_blocks_neither_their_key_nor_their_address(
    provider: FakeTransport, settings: Settings
) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"default": "1000/m", "process": "1/h"}
    client, _ = merchant()
    body = {"amount": "10.00", "currency": "AED", "customer": {"id": "c-1"}}
    payment = client.post("/payments/v2/create", body, "application/json").json()["id"]
    path = f"/payments/v2/process/{payment}"
    answers = [client.post(path, {}, "application/json").status_code for _ in range(30)]
    assert answers == [200] + [429] * 29
    assert client.get(LIST).status_code == 200
    assert blocks.blocks() == []


def test_the_limit_of_everybody_blames_nobody(settings: Settings) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"global": "2/h", "default": "1000/m"}
    assert set(statuses(stranger(), 30)[2:]) == {429}
    assert blocks.blocks() == []


@pytest.mark.parametrize(
    "path", ["/payments/v2/health", "/health/paytabs", "/webhooks/payments/health"]
)
def test_probes_are_answered_at_a_blocked_address(path: str, settings: Settings) -> None:
    block_strangers()
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"default": "1000/m"}
    assert Client(REMOTE_ADDR=ADDRESS).get(path).status_code == 200
    assert waited_for(stranger().get(LIST)) > 60


def test_a_trusted_proxys_own_address_stands_for_nobody(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    statuses(stranger("10.0.0.1"), 30)
    assert blocks.blocks() == []


def test_behind_a_trusted_proxy_the_one_who_goes_on_is_blocked(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    loud = Client(headers=GUESSED | {"X-Forwarded-For": ADDRESS}, REMOTE_ADDR="10.0.0.1")
    quiet = Client(headers=GUESSED | {"X-Forwarded-For": ELSEWHERE}, REMOTE_ADDR="10.0.0.1")
    statuses(loud, 7)
    assert waited_for(loud.get(LIST)) > 60
    assert quiet.get(LIST).status_code == 401


def test_a_revoked_key_blocks_no_other_of_its_owner() -> None:
    client, key = merchant()
    statuses(client, 1)
    _, text = ApiKey.issue("anew", key.scopes, rotated_from=key)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    statuses(client, 20)
    assert [block.source for block in blocks.blocks()] == [f"key:{key.prefix}"]
    anew = Client(headers={"Authorization": f"Bearer {text}"}, REMOTE_ADDR=ELSEWHERE)
    assert anew.get(LIST).status_code == 200
