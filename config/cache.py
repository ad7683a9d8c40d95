"""The cache in Redis that outlives Redis: while it is gone or hangs, each process counts alone."""

import os
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import redis
import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = structlog.get_logger(__name__)
_LEFT_ALONE_FOR = 2.0


class _Outage:
    """When Redis may be asked again: known to all threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends_at = 0.0
        self.is_on = False

    def is_over(self) -> bool:
        return time.monotonic() >= self._ends_at

    def begin(self, error: Exception) -> None:
        self._ends_at = time.monotonic() + _LEFT_ALONE_FOR
        with self._lock:
            was_on, self.is_on = self.is_on, True
        if not was_on:
            log.error("cache_unreachable", error=f"{type(error).__name__}: {error}")

    def end(self) -> None:
        with self._lock:
            was_on, self.is_on = self.is_on, False
        if was_on:
            log.warning("cache_back")


_outage = _Outage()


def _surviving(name: str) -> Callable[..., Any]:
    def method(self: "SurvivingRedisCache", *args: Any, **options: Any) -> Any:
        if _outage.is_over():
            try:
                answer = getattr(RedisCache, name)(self, *args, **options)
            except (RedisError, OSError) as error:
                _outage.begin(error)
            else:
                if _outage.is_on:
                    _outage.end()
                return answer
        return getattr(self._meanwhile, name)(*args, **options)

    method.__name__ = name
    return method


@lru_cache(maxsize=8)
def _client_at(address: str, **options: Any) -> redis.Redis:
    """This process's own, for all its threads; Django would make one for every question."""
    return redis.Redis.from_url(address, retry=Retry(NoBackoff(), 0), **options)


# A child that shared its parent's socket would read its parent's answers.
os.register_at_fork(after_in_child=_client_at.cache_clear)


class _KeptClient(RedisCacheClient):
    def __init__(self, servers: list[str], **options: Any) -> None:
        super().__init__(servers, **options)
        self._address, self._options = servers[0], options

    def get_client(self, key: Any = None, *, write: bool = False) -> redis.Redis:
        return _client_at(self._address, **self._options)


class SurvivingRedisCache(RedisCache):
    """Redis; and where it fails, memory of this process until it is asked again.

    Only for what may be lost: counters, and looks that spare work. Nothing is carried back.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _KeptClient
        kept = {name: value for name, value in params.items() if name != "OPTIONS"}
        self._meanwhile = LocMemCache(server, kept | {"OPTIONS": {"MAX_ENTRIES": 100_000}})

    def ping(self) -> None:
        """Ask Redis itself. Raises RedisError or OSError where it cannot be reached."""
        super().get("ping")

    add = _surviving("add")
    get = _surviving("get")
    set = _surviving("set")
    touch = _surviving("touch")
    delete = _surviving("delete")
    get_many = _surviving("get_many")
    set_many = _surviving("set_many")
    delete_many = _surviving("delete_many")
    has_key = _surviving("has_key")
    incr = _surviving("incr")
