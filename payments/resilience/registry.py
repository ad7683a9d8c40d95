"""Every breaker of this process by its name, made when it is first asked for."""

import os
import re
from collections.abc import Callable
from functools import lru_cache

from payments.resilience.batched import BatchedStore
from payments.resilience.breaker import Breaker
from payments.resilience.memory import MemoryStore
from payments.resilience.policy import Policy
from payments.resilience.resilient import Link, ResilientStore
from payments.resilience.storage import Store

Maker = Callable[[str], Breaker]

_NAME = re.compile(r"[a-z0-9_.:-]{1,64}")
_breakers: dict[str, Breaker] = {}
_maker: list[Maker] = []


def configure(maker: Maker) -> None:
    """Say how a breaker of a name is made; those made before are forgotten."""
    _maker[:] = [maker]
    forget()


def forget() -> None:
    """Make every breaker anew when it is next asked for."""
    _breakers.clear()
    _link_to.cache_clear()


def get(name: str) -> Breaker:
    """The one breaker of this name here. Raises ValueError for what cannot be a name."""
    if name not in _breakers:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a breaker: {_NAME.pattern} is.")
        _breakers.setdefault(name, _maker[0](name))
    return _breakers[name]


def known() -> list[Breaker]:
    """Those that were asked for so far, by name."""
    return [_breakers[name] for name in sorted(_breakers)]


def open_store(name: str, policy: Policy, address: str, prefix: str) -> Store:
    """Shared where there is an address of a Redis, else this process's own."""
    limits = policy.limits()
    local = MemoryStore(name, limits)
    if not address:
        return local
    return ResilientStore(BatchedStore(name, limits, address, prefix), local, _link_to(address))


def is_degraded(address: str) -> bool:
    """Whether breakers decide alone because their Redis does not answer."""
    return _link_to(address).is_down


@lru_cache(maxsize=8)
def _link_to(address: str) -> Link:
    return Link()


# A child makes its own: what its parent counted and whom it found silent is the parent's.
os.register_at_fork(after_in_child=forget)
