"""Several processes, one circuit."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Self

import pytest

from config.environment import ROOT
from payments.resilience import registry, shared
from payments.resilience.breaker import Breaker
from payments.resilience.memory import MemoryStore
from payments.resilience.policy import Policy
from payments.resilience.registry import open_store
from payments.resilience.shared import RedisStore
from payments.resilience.storage import BreakerState, Scope
from tests.resilience.callers import Caller, Clock
from tests.resilience.servers import CAN_SHARE

Gather = Callable[..., list["Process"]]


class Process:
    def __init__(self, address: str, prefix: str) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.resilience.worker", address, prefix],
            cwd=ROOT,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()

    def order(self, do: str, clock: Clock, times: int = 1) -> None:
        assert self._popen.stdin is not None
        print(
            json.dumps({"do": do, "now": clock.now, "times": times}),
            file=self._popen.stdin,
            flush=True,
        )

    def answer(self) -> dict[str, Any]:
        assert self._popen.stdout is not None
        answer: dict[str, Any] = json.loads(self._popen.stdout.readline())
        return answer

    def do(self, what: str, clock: Clock) -> dict[str, Any]:
        self.order(what, clock)
        return self.answer()


@pytest.fixture(params=["redis"] if CAN_SHARE else [])
def gather(request: pytest.FixtureRequest, prefix: str) -> Iterator[Gather]:
    address = request.getfixturevalue("lent_redis")
    with ExitStack() as stack:

        def start(count: int) -> list[Process]:
            return [stack.enter_context(Process(address, prefix)) for _ in range(count)]

        yield start


@pytest.fixture
def onlooker(lent_redis: str, prefix: str, clock: Clock) -> Caller:
    """The same circuit, seen from here."""
    policy = Policy()
    store = RedisStore("target", policy.limits(), lent_redis, prefix, clock)
    return Caller(Breaker(store, policy, timer=clock.nanoseconds), clock)


def all_at_once(
    processes: list[Process], do: str, clock: Clock, times: int = 1
) -> list[dict[str, Any]]:
    for process in processes:
        process.order(do, clock, times)
    return [process.answer() for process in processes]


def changes_of(answers: list[dict[str, Any]]) -> list[list[Any]]:
    return sorted(
        (change for answer in answers for change in answer["changes"]), key=lambda c: c[1]
    )


def test_each_transition_is_told_by_one_process(gather: Gather, clock: Clock) -> None:
    processes = gather(4)
    told = []
    for _ in range(3):
        told += changes_of(all_at_once(processes, "fail", clock, times=20))
        clock.go(60)
        told += changes_of(all_at_once(processes, "succeed", clock, times=5))
        clock.go(10)
    kinds = [kind for kind, _ in told]
    assert kinds == ["opened", "half_open", "closed"] * 3
    assert [generation for _, generation in told] == list(range(1, 10))


def test_trials_are_counted_over_all_processes(
    gather: Gather, onlooker: Caller, clock: Clock
) -> None:
    processes = gather(7)
    onlooker.open_up()
    clock.go(30)
    answers = all_at_once(processes, "hold", clock)
    assert sum(answer["refused"] for answer in answers) == 2
    inside = [p for p, answer in zip(processes, answers, strict=True) if not answer["refused"]]
    inside.pop().kill()
    clock.go(34)
    assert onlooker.is_refused()
    clock.go(1)
    assert not onlooker.is_refused()
    totals = onlooker.breaker.statistics().totals
    assert totals.lease_expired == 5


def test_a_trial_of_a_killed_process_is_neither_good_nor_bad(
    gather: Gather, onlooker: Caller, clock: Clock
) -> None:
    doomed, other = gather(2)
    onlooker.open_up()
    clock.go(30)
    assert doomed.do("hold", clock)["refused"] == 0
    assert other.do("hold", clock)["refused"] == 0
    doomed.kill()
    assert onlooker.state is BreakerState.HALF_OPEN
    clock.go(35)
    other.do("release", clock)
    statistics = onlooker.breaker.statistics()
    assert (statistics.state, statistics.totals.late) == (BreakerState.HALF_OPEN, 1)


# --- after a fork


def in_child(act: Callable[[], bool]) -> bool:
    """Whether it went well there, with a way out for a child that hangs."""
    child = os.fork()
    if child == 0:
        watchdog = threading.Timer(10, os._exit, args=(2,))
        watchdog.start()
        try:
            os._exit(0 if act() else 1)
        finally:
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_has_no_lock_that_its_parent_held() -> None:
    store = MemoryStore("target", Policy().limits())
    breaker = Breaker(store, Policy())
    breaker.call(int)
    with store._lock:
        assert in_child(lambda: breaker.call(int) == 0)
    assert breaker.statistics().totals.fires == 1


@pytest.mark.parametrize("scope", [Scope.SHARED] if CAN_SHARE else [])
def test_a_child_shares_no_socket_with_its_parent(
    scope: Scope, prefix: str, request: pytest.FixtureRequest
) -> None:
    lent_redis = request.getfixturevalue("lent_redis")
    policy = Policy()
    breaker = Breaker(open_store("target", policy, lent_redis, prefix), policy)
    breaker.call(int)
    client, parent = shared._script_at(lent_redis).registered_client, os.getpid()

    def call_often() -> bool:
        for _ in range(200):
            breaker.call(int)
        is_own = shared._script_at(lent_redis).registered_client is not client
        is_shared = breaker.statistics().scope is scope
        return is_shared and is_own == (os.getpid() != parent)

    together: list[bool] = []
    thread = threading.Thread(target=lambda: together.append(call_often()))
    thread.start()
    together.append(in_child(call_often))
    thread.join()
    assert together == [True, True]
    assert breaker.statistics().totals.successes == 401


def test_a_child_makes_breakers_of_its_own(own_registry: None) -> None:
    policy = Policy()
    registry.configure(lambda name: Breaker(open_store(name, policy, "", ""), policy))
    mine = registry.get("stripe-create")
    assert in_child(lambda: registry.get("stripe-create") is not mine)
    assert registry.get("stripe-create") is mine
