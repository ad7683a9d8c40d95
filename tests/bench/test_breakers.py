"""The price of a breaker is that of a shared one, or none is told."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from bench.speed.inside import breakers
from tests.resilience.servers import CAN_SHARE, PrivateRedis

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["redis-server"] if CAN_SHARE else [])
def breakers_redis(
    request: pytest.FixtureRequest, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateRedis]:
    with PrivateRedis(tmp_path_factory.mktemp(request.param)) as server:
        settings.REDIS_URL = server.address
        yield server


def test_every_call_has_its_price(breakers_redis: PrivateRedis) -> None:
    found = breakers.main("0.001")
    around = {"none", "pybreaker", "memory", "guard memory", "redis", "guard", "refused"}
    assert found.keys() == around
    assert min(found.values()) > 0


def test_a_dead_redis_is_not_measured_as_memory(breakers_redis: PrivateRedis) -> None:
    breakers_redis.kill()
    with pytest.raises(RuntimeError, match="does not answer"):
        breakers.main("0.001")


def test_no_redis_is_not_measured_as_memory(settings: Settings) -> None:
    settings.REDIS_URL = ""
    with pytest.raises(RuntimeError, match="there is none"):
        breakers.main("0.001")
