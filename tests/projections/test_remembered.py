"""Answers are remembered in two layers, forgotten once they are untrue, and never in the way."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from cachetools import TTLCache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from config import cache as cache_module
from config.stores import cache as cache_settings
from payments import remembered, tasks
from payments.models import ApiKey, DailyFigures
from payments.remembered import forget, forget_all, looked_up, recall
from payments.services.payments import create_payment
from tests.callers import caller
from tests.payments.test_settle import AED
from tests.projections.test_customers import bought, history
from tests.projections.test_statistics import rebuild, stats
from tests.resilience.servers import CAN_SHARE, PrivateRedis

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["redis-server"] if CAN_SHARE else [])
def redis(
    tmp_path_factory: pytest.TempPathFactory, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PrivateRedis]:
    with PrivateRedis(tmp_path_factory.mktemp("redis")) as server:
        settings.REDIS_URL = server.address
        settings.CACHES = {"default": cache_settings(server.address, "test")}
        monkeypatch.setattr(cache_module, "_outage", cache_module._Outage())
        yield server


@pytest.fixture
def alone(settings: Settings) -> None:
    """A process that shares nothing."""
    settings.REDIS_URL = ""


@pytest.fixture
def found() -> Iterator[list[str]]:
    """Where each answer came from."""
    heard: list[str] = []

    def hear(found: str, **_: Any) -> None:
        heard.append(found)

    looked_up.connect(hear)
    yield heard
    looked_up.disconnect(hear)


def ask(answer: Any, who: str = "me", question: str = "how many?") -> Any:
    return recall("test", who, question, lambda: answer)


def another_process() -> None:
    remembered.start_anew()


def test_what_is_asked_again_is_answered_from_the_process_then_from_redis(
    redis: PrivateRedis, found: list[str]
) -> None:
    assert [ask(1), ask(2)] == [1, 1]
    another_process()
    assert ask(3) == 1
    assert found == ["nowhere", "process", "shared"]


def test_questions_are_kept_apart(redis: PrivateRedis) -> None:
    assert [ask(1), ask(2, who="you"), ask(3, question="how much?")] == [1, 2, 3]
    another_process()
    assert [ask(0), ask(0, who="you"), ask(0, question="how much?")] == [1, 2, 3]


@pytest.mark.parametrize("forgetting", [lambda: forget({"me"}), forget_all])
def test_what_is_untrue_is_told_by_no_process_any_more(
    redis: PrivateRedis, forgetting: Callable[[], None]
) -> None:
    ask(1)
    forgetting()
    another_process()
    assert ask(2) == 2
    another_process()
    assert ask(3) == 2


def test_what_is_forgotten_about_one_is_kept_of_others(redis: PrivateRedis) -> None:
    ask(1, who="you")
    forget({"me"})
    another_process()
    assert ask(2, who="you") == 1


def test_what_became_untrue_while_it_was_worked_out_is_shared_with_nobody(
    redis: PrivateRedis,
) -> None:
    def slowly() -> int:
        forget({"me"})
        return 1

    assert recall("test", "me", "how many?", slowly) == 1
    another_process()
    assert ask(2) == 2


def test_a_process_believes_itself_for_a_second_and_then_asks_all(
    redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    process = remembered._Process()
    process.answers = TTLCache(maxsize=9, ttl=remembered._A_SECOND, timer=lambda: now[0])
    monkeypatch.setattr(remembered, "_process", process)
    ask(1)
    elsewhere = remembered._Process()  # a worker: only Redis hears of it
    monkeypatch.setattr(remembered, "_process", elsewhere)
    forget({"me"})
    monkeypatch.setattr(remembered, "_process", process)
    now[0] = 0.99
    assert ask(2) == 1
    now[0] = 1.01
    assert ask(2) == 2


def test_without_redis_each_process_remembers_for_itself(alone: None, found: list[str]) -> None:
    assert [ask(1), ask(2)] == [1, 1]
    another_process()
    assert ask(3) == 3
    assert found == ["nowhere", "process", "nowhere"]


@pytest.mark.parametrize("trouble", ["dead", "hung"])
def test_a_redis_that_is_gone_costs_nothing_but_the_work(redis: PrivateRedis, trouble: str) -> None:
    ask(1)
    redis.kill() if trouble == "dead" else redis.freeze()
    another_process()
    assert ask(2) == 2
    forget({"me"})
    assert ask(3) == 3


# --- what is remembered


@pytest.fixture
def merchant() -> Client:
    client = caller("payments:read")
    create_payment(owner_id=ApiKey.objects.get().owner_id, money=AED)
    tasks.deliver_events()
    return client


def test_figures_that_were_told_follow_the_next_payment_at_once(
    redis: PrivateRedis, merchant: Client, found: list[str]
) -> None:
    assert stats(merchant)["total"] == stats(merchant)["total"] == 1
    assert found == ["nowhere", "process"]
    create_payment(owner_id=ApiKey.objects.get().owner_id, money=AED)
    assert stats(merchant)["total"] == 1  # and its `as_of` says so
    tasks.deliver_events()
    assert stats(merchant)["total"] == 2
    another_process()
    assert stats(merchant)["total"] == 2
    assert found[2:] == ["process", "nowhere", "shared"]


def test_what_is_told_of_a_merchant_outlives_the_payments_of_others(
    redis: PrivateRedis, merchant: Client, found: list[str]
) -> None:
    stats(merchant)
    create_payment(owner_id=None, money=AED)
    tasks.deliver_events()
    stats(merchant)
    assert found == ["nowhere", "process"]


def test_a_customers_history_follows_what_they_buy(redis: PrivateRedis, found: list[str]) -> None:
    merchant = caller("payments:read")
    owner = ApiKey.objects.get().owner_id
    for count in (1, 2):
        bought("c-7", owner=owner)
        tasks.deliver_events()
        for _ in range(2):
            assert history(merchant).json()["by_currency"][0]["count"] == count
            another_process()
    assert found == ["nowhere", "shared"] * 2


def test_figures_made_anew_are_told_at_once(redis: PrivateRedis, merchant: Client) -> None:
    DailyFigures.objects.update(pending=77)
    assert stats(merchant)["total"] == 77
    rebuild("statistics")
    assert stats(merchant)["total"] == 1


def test_warmed_caches_answer_the_first_questions(
    redis: PrivateRedis, merchant: Client, found: list[str]
) -> None:
    out = StringIO()
    call_command("warm_caches", stdout=out)
    assert "4 answers are remembered" in out.getvalue()
    del found[:]
    another_process()
    month = (timezone.now().date() - timedelta(days=30)).isoformat()
    for client in (merchant, caller("operator")):
        stats(client)
        stats(client, since=month)
    assert found == ["shared"] * 4


def test_where_nothing_is_shared_there_is_nothing_to_warm(alone: None) -> None:
    out = StringIO()
    call_command("warm_caches", stdout=out)
    assert "Nothing to warm" in out.getvalue()
