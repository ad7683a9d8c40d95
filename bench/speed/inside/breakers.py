"""What a guarded call costs, beside pybreaker's own and none."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pybreaker

from payments.resilience import registry
from payments.resilience.breaker import Breaker
from payments.resilience.errors import CallRefused
from payments.resilience.guard import Guard
from payments.resilience.policy import Policy
from payments.resilience.storage import Scope
from payments.services.breakers import make_breaker

_BATCH = 100


def _target(limit: Any = None) -> str:
    return "answer"


def microseconds(call: Callable[[], object], seconds: float) -> float:
    """How long one call takes, on the average of as many as fit into the time."""
    calls, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        for _ in range(_BATCH):
            call()
        calls += _BATCH
    return spent / calls * 1_000_000


def _refused(breaker: Breaker) -> Callable[[], None]:
    breaker.open()

    def call() -> None:
        try:
            breaker.call(_target)
        except CallRefused:
            return
        raise RuntimeError("an open breaker let a call pass")

    return call


def _measured(call: Callable[[], object], shared: Breaker, seconds: float) -> float:
    """Raises RuntimeError where Redis was not there: what was measured is memory then."""
    found = microseconds(call, seconds)
    if shared.statistics().scope is not Scope.SHARED:
        raise RuntimeError("the breakers' Redis does not answer, or there is none")
    return found


def main(for_each: str) -> dict[str, float]:
    """Microseconds a call, by what stands around it. Raises RuntimeError without a Redis."""
    own = uuid4().hex  # what an earlier round left in Redis is not ours
    plain = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=60)
    policy, budget = Policy(), timedelta(seconds=45)
    memory = Breaker(registry.open_store(f"memory-{own}", policy, "", ""), policy)
    shared = make_breaker(f"shared-{own}")
    guard_memory, guard = Guard(memory, budget), Guard(shared, budget)
    calls: dict[str, Callable[[], object]] = {
        "none": _target,
        "pybreaker": lambda: plain.call(_target),
        "memory": lambda: memory.call(_target),
        "guard memory": lambda: guard_memory.call(_target),
        "redis": lambda: shared.call(_target),
        "guard": lambda: guard.call(_target),
        "refused": _refused(make_breaker(f"refused-{own}")),
    }
    return {name: _measured(call, shared, float(for_each)) for name, call in calls.items()}
