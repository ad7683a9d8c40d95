"""What happens to breakers while nobody calls: orders are obeyed, gaps in histories are told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
import time_machine
from django.utils import timezone

from payments import tasks
from payments.events.chain import verify_stream
from payments.models import BreakerControl, GatewayCall, StoredEvent
from payments.resilience import registry
from payments.resilience.storage import Scope, Store
from payments.services import breakers, maintenance
from tests.factories import GatewayCallFactory
from tests.resilience.servers import CAN_SHARE, PrivateRedis

NAME = "paytabs-create-page"
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


def events() -> list[StoredEvent]:
    history = StoredEvent.objects.filter(aggregate_type="breaker", aggregate_id=NAME)
    return list(history.order_by("sequence"))


def types() -> list[str]:
    return [event.type.partition(".")[2] for event in events()]


# Orders.


def test_an_order_written_elsewhere_is_obeyed_though_nobody_calls() -> None:
    breaker = registry.get(NAME)
    breaker.call(str)
    BreakerControl.objects.create(name=NAME, mode="forced-open", version=1)
    assert breaker.statistics().mode == "auto"
    tasks.sweep_breakers()
    assert (breaker.statistics().mode, breaker.current_state) == ("forced-open", "open")


def test_a_reset_written_elsewhere_is_obeyed_though_nobody_calls() -> None:
    breaker = registry.get(NAME)
    breaker.call(str)
    breaker.open()
    BreakerControl.objects.create(name=NAME, version=1, epoch=1)
    tasks.sweep_breakers()
    assert breaker.current_state == "closed"


@time_machine.travel(NOW, tick=False)
def test_an_order_whose_time_is_over_ends_and_the_history_says_so_once() -> None:
    until = NOW + timedelta(minutes=5)
    breakers.force_open(NAME, reason="maintenance", until=until)
    tasks.sweep_breakers()
    assert registry.get(NAME).statistics().mode == "forced-open"
    with time_machine.travel(until, tick=False):
        for _ in range(3):
            tasks.sweep_breakers()
    assert registry.get(NAME).statistics().mode == "auto"
    assert [event.data["reason"] for event in events()] == ["maintenance", "its time is over"]
    assert events()[-1].data["mode"] == "auto"


# Gaps.


@pytest.fixture(scope="module")
def shared_address(tmp_path_factory: pytest.TempPathFactory, request: Any) -> Iterator[str]:
    from django.conf import settings

    if settings.REDIS_URL:
        yield settings.REDIS_URL
        return
    with PrivateRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server.address


@pytest.fixture(params=["redis"] if CAN_SHARE else [])
def shared(request: pytest.FixtureRequest, settings: Any, shared_address: str) -> Store:
    """The circuit as another process holds it, one that tells nobody what it did."""
    settings.REDIS_URL = shared_address
    policy = breakers.policy_for(NAME)
    return registry.open_store(NAME, policy, shared_address, settings.REDIS_KEY_PREFIX)


def forget_everything(address: str, prefix: str) -> None:
    with redis.Redis.from_url(address) as client:
        for key in client.scan_iter(f"{prefix}:cb:*"):
            client.delete(key)


def test_a_transition_that_nobody_told_of_is_told_once(shared: Store) -> None:
    shared.trip("died before it told")
    assert [tasks.sweep_breakers() for _ in range(4)] == [0, 1, 0, 0]
    assert types() == ["gap"]
    told = events()[0].data
    assert (told["state"], told["generation"], told["scope"]) == ("open", 1, "shared")
    assert told["reason"] == "the history ends at generation 0, the circuit stands at 1"
    assert verify_stream(breakers.history_of(NAME)) == 1


def test_who_is_about_to_tell_is_given_the_time_to(shared: Store) -> None:
    reply = shared.trip("manual")
    assert tasks.sweep_breakers() == 0
    registry.get(NAME)._announce(reply)
    assert [tasks.sweep_breakers() for _ in range(3)] == [0, 0, 0]
    assert types() == ["opened", "unavailable"]


def test_what_was_told_leaves_no_gap(shared: Store) -> None:
    breaker = registry.get(NAME)
    for move in (breaker.open, breaker.half_open, breaker.open, breaker.reset):
        move()
    breakers.force_open(NAME, reason="maintenance")
    breakers.release(NAME, reason="over")
    breakers.reset(NAME, reason="begin anew")
    breakers.reset(NAME, reason="and again")
    before = types()
    assert [tasks.sweep_breakers() for _ in range(3)] == [0, 0, 0]
    assert types() == before


def test_an_order_that_was_written_down_before_it_was_heard_leaves_no_gap(shared: Store) -> None:
    breakers.force_open(NAME, reason="maintenance")
    assert registry.get(NAME).statistics().generation == 1
    assert events()[-1].data["generation"] == 0
    assert [tasks.sweep_breakers() for _ in range(3)] == [0, 0, 0]


def test_a_gap_after_a_told_transition_is_found(shared: Store) -> None:
    registry.get(NAME).open()
    shared.probe("died before it told")
    assert [tasks.sweep_breakers() for _ in range(3)] == [0, 1, 0]
    assert types() == ["opened", "unavailable", "gap"]


def test_a_redis_that_forgot_everything_is_told_of(
    shared: Store, shared_address: str, settings: Any
) -> None:
    registry.get(NAME).open()
    forget_everything(shared_address, settings.REDIS_KEY_PREFIX)
    assert [tasks.sweep_breakers() for _ in range(3)] == [0, 1, 0]
    assert events()[-1].data["state"] == "closed"


def test_what_a_process_counted_alone_is_no_gap_of_the_shared_circuit(
    shared: Store, settings: Any
) -> None:
    registry.get(NAME).open()
    address, settings.REDIS_URL = settings.REDIS_URL, ""
    registry.forget()
    for _ in range(3):
        registry.get(NAME).open()
        registry.get(NAME).half_open()
    assert events()[-1].data["scope"] == Scope.PROCESS
    settings.REDIS_URL = address
    registry.forget()
    assert [tasks.sweep_breakers() for _ in range(3)] == [0, 0, 0]


def test_a_breaker_of_one_process_has_no_gaps(settings: Any) -> None:
    settings.REDIS_URL = ""
    registry.forget()
    registry.get(NAME)._store.trip("nobody told")
    assert [tasks.sweep_breakers() for _ in range(3)] == [0, 0, 0]


# Forgetting.


def test_old_calls_are_forgotten_in_batches_and_young_ones_kept(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RETENTION_GATEWAY_CALLS_DAYS = 7
    monkeypatch.setattr(maintenance, "_BATCH", 2)
    week = timedelta(days=7)
    for _ in range(5):
        GatewayCallFactory.create(started_at=timezone.now() - week - timedelta(seconds=1))
    young = GatewayCallFactory.create(started_at=timezone.now() - week + timedelta(minutes=1))
    assert tasks.prune_gateway_calls() == 5
    assert list(GatewayCall.objects.all()) == [young]
    assert tasks.prune_gateway_calls() == 0
