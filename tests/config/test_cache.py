"""Redis may die or hang: looks and counters go on in the process, and nothing waits for long."""

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import RequestFactory
from pytest_django import Settings
from redis.exceptions import RedisError

from config import cache as cache_module
from config.cache import SurvivingRedisCache
from config.stores import cache as cache_settings
from payments.api.limits import seconds_to_wait


@pytest.fixture(autouse=True)
def _no_outage_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "_outage", cache_module._Outage())


@pytest.fixture
def hung() -> Iterator[str]:
    """A port that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture
def dead() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def cache_at(address: str) -> SurvivingRedisCache:
    options = cache_settings(address, "test")["OPTIONS"]
    return SurvivingRedisCache(address, {"OPTIONS": options, "KEY_PREFIX": "test"})


@pytest.mark.parametrize("kind", ["hung", "dead"])
def test_a_redis_that_does_not_answer_is_replaced_by_memory(
    kind: str, request: pytest.FixtureRequest
) -> None:
    cache = cache_at(request.getfixturevalue(kind))
    assert cache.get("seen") is None
    cache.set("seen", 1, 60)
    assert cache.get("seen") == 1
    assert cache.add("counter", 1, 60)
    assert not cache.add("counter", 1, 60)
    assert cache.incr("counter") == 2
    with pytest.raises(RedisError):
        cache.ping()


def test_a_hung_redis_is_left_alone_after_the_first_wait(
    hung: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_at(hung)
    cache.get("seen")
    asked: list[object] = []
    monkeypatch.setattr(cache._cache, "get", lambda *_: asked.append(1))
    for _ in range(100):
        cache.get("seen")
    assert asked == []


def test_once_the_outage_may_be_over_redis_is_asked_again(
    dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_at(dead)
    cache.set("seen", "meanwhile", 60)
    monkeypatch.setattr(cache._cache, "get", lambda *_: "from redis")
    assert cache.get("seen") == "meanwhile"
    monkeypatch.setattr(cache_module._outage, "_ends_at", time.monotonic())
    assert cache.get("seen") == "from redis"
    assert not cache_module._outage.is_on


def test_limits_count_in_the_process_meanwhile(dead: str, settings: Settings) -> None:
    settings.CACHES = {"default": cache_settings(dead, "test")}
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"default": "3/h"}
    request = RequestFactory().get("/")
    waits = [seconds_to_wait(request, "default", "somebody") for _ in range(5)]
    assert waits[:3] == [0, 0, 0]
    assert all(wait > 0 for wait in waits[3:])


def test_a_counter_that_redis_takes_with_it_stops_nobody(
    dead: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHES = {"default": cache_settings(dead, "test")}
    monkeypatch.setattr(SurvivingRedisCache, "add", lambda *_: False)  # it was there just now
    assert seconds_to_wait(RequestFactory().get("/"), "default", "somebody") == 0


@pytest.mark.parametrize("kind", ["hung", "dead"])
def test_redis_is_waited_for_once_and_briefly(kind: str, request: pytest.FixtureRequest) -> None:
    cache, started = cache_at(request.getfixturevalue(kind)), time.monotonic()
    cache.get("seen")
    assert time.monotonic() - started < 0.5


def client_of(cache: SurvivingRedisCache) -> object:
    return cache._cache.get_client()


def test_all_threads_of_a_process_share_one_client(dead: str) -> None:
    with ThreadPoolExecutor(1) as other:
        theirs = other.submit(lambda: client_of(cache_at(dead))).result()
    cache = cache_at(dead)
    assert client_of(cache) is theirs
    assert cache._cache.get_client(write=True) is theirs


def test_a_forked_child_makes_its_own_client(dead: str) -> None:
    cache = cache_at(dead)
    before = client_of(cache)
    child = os.fork()
    if not child:
        os._exit(client_of(cache) is before)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
