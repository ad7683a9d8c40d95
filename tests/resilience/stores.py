"""A shared breaker's store as the service opens it, under a clock that the test holds.

`batched` is what `registry.open_store` makes; `asking` asks Redis about each call.
"""

from payments.resilience.batched import BatchedStore
from payments.resilience.memory import MemoryStore
from payments.resilience.policy import Policy
from payments.resilience.resilient import Link, ResilientStore
from payments.resilience.shared import RedisStore
from payments.resilience.storage import Store
from tests.resilience.callers import Clock

SHARED_STORES = ("asking", "batched")


def shared_store(
    kind: str, policy: Policy, address: str, prefix: str, clock: Clock, link: Link | None = None
) -> Store:
    limits, timer = policy.limits(), clock.nanoseconds
    shared = (
        BatchedStore("target", limits, address, prefix, clock, timer)
        if kind == "batched"
        else RedisStore("target", limits, address, prefix, clock)
    )
    return ResilientStore(shared, MemoryStore("target", limits, clock), link or Link(timer), timer)
