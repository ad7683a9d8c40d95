"""Every breaker in here runs on each store, under a clock that the test holds."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from payments.resilience import registry
from payments.resilience.batched import BatchedStore
from payments.resilience.breaker import Breaker
from payments.resilience.memory import MemoryStore
from payments.resilience.policy import Policy
from payments.resilience.shared import RedisStore
from payments.resilience.signals import breaker_changed, call_finished
from payments.resilience.storage import Store
from tests.resilience.callers import Caller, Clock, Heard, WrittenControls
from tests.resilience.servers import CAN_SHARE, PrivateRedis

OpenStore = Callable[..., Store]
MakeCaller = Callable[..., Caller]
USUAL = Policy()
THIS_RUN = f"breakers-{uuid4().hex}"


@pytest.fixture(autouse=True)
def _nobody_else_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's receivers keep rows; here is the machinery alone."""
    for signal in (breaker_changed, call_finished):
        monkeypatch.setattr(signal, "receivers", [])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def controls() -> WrittenControls:
    return WrittenControls()


@pytest.fixture(scope="session")
def lent_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis: the one that was named, or one of our own."""
    if settings.REDIS_URL:
        yield settings.REDIS_URL
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            for key in client.scan_iter(f"{THIS_RUN}*"):
                client.delete(key)
        return
    with PrivateRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server.address


@pytest.fixture(params=["redis-server"] if CAN_SHARE else [])
def mortal_redis(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateRedis]:
    """A Redis that the test may treat as it likes."""
    with PrivateRedis(tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture
def prefix() -> str:
    """Not the service's own: another run may clean that away while this one still counts."""
    return f"{THIS_RUN}-{uuid4().hex}"


@pytest.fixture(params=["memory", "redis", "batched"] if CAN_SHARE else ["memory"])
def open_store(request: pytest.FixtureRequest, clock: Clock, prefix: str) -> OpenStore:
    """Open a store; on Redis, one more of the same name is a view of the same state."""

    def in_memory(policy: Policy = USUAL, name: str = "target") -> Store:
        return MemoryStore(name, policy.limits(), clock)

    def in_redis(policy: Policy = USUAL, name: str = "target") -> Store:
        address = request.getfixturevalue("lent_redis")
        return RedisStore(name, policy.limits(), address, prefix, clock)

    def in_batches(policy: Policy = USUAL, name: str = "target") -> Store:
        address = request.getfixturevalue("lent_redis")
        limits = policy.limits()
        return BatchedStore(name, limits, address, prefix, clock, clock.nanoseconds)

    return {"memory": in_memory, "redis": in_redis, "batched": in_batches}[request.param]


@pytest.fixture
def make_caller(open_store: OpenStore, clock: Clock, controls: WrittenControls) -> MakeCaller:
    def make(policy: Policy = USUAL, store: Store | None = None, **judging: Any) -> Caller:
        breaker = Breaker(
            store or open_store(policy),
            policy,
            controls=controls,
            timer=clock.nanoseconds,
            **judging,
        )
        return Caller(breaker, clock)

    return make


@pytest.fixture
def caller(make_caller: MakeCaller) -> Caller:
    return make_caller()


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service's own breakers stay as they are."""
    monkeypatch.setattr(registry, "_breakers", {})
    monkeypatch.setattr(registry, "_maker", [])


@pytest.fixture
def heard() -> Iterator[Heard]:
    listener = Heard()
    breaker_changed.connect(listener.receive)
    yield listener
    breaker_changed.disconnect(listener.receive)
