"""One provider dies at every point of a call, another may take over: nobody pays twice unseen.

Schedules are made up by hypothesis: weather at both providers, requests, deaths of our process,
payers, news that is late, repeated or lost, recovery, and an operator who may be mistaken.
FAILOVER_SCHEDULES says how many, 200 unless told; `-s` shows what they came upon.
"""

import os
import socket
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client, override_settings
from hypothesis import HealthCheck, example, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from pytest_django import Settings

from tests.journeys.town import BOTH, DIALS, FIRST, SECOND, Town
from tests.sandbox.process import SandboxProcess

SCHEDULES = int(os.environ.get("FAILOVER_SCHEDULES", "200"))
SHARDS = 8
Schedule = list[tuple[Any, ...]]

provider = st.sampled_from(BOTH)
# The second is well more often than not: else there is nobody to take over.
weathers = {
    FIRST: st.sampled_from([*DIALS, "down", "refused"]),
    SECOND: st.sampled_from([*DIALS, *["up"] * 7]),
}
page = st.integers(0, 2)
sent = st.one_of(
    st.just(("process",)),
    st.just(("process",)),
    st.tuples(st.just("die"), st.sampled_from(["before the call", "after the call"])),
)
later = st.one_of(
    st.tuples(st.just("pay"), provider, page, st.sampled_from(["approve", "approve", "decline"])),
    st.tuples(st.just("hear"), st.booleans(), st.booleans()),
    st.just(("lose_news",)),
    st.just(("read",)),
    st.tuples(st.just("recover"), st.sampled_from([1, 6, 31])),
    st.just(("conclude_not_done",)),
)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """The weather turns, the payment is sent, and a few things come of it; more than once."""
    steps: Schedule = []
    for _ in range(draw(st.integers(1, 4))):
        steps += [("weather", name, draw(weathers[name])) for name in BOTH]
        steps += [draw(sent), *draw(st.lists(later, max_size=4))]
    return steps + ([("pay_all",)] if draw(st.booleans()) else [])


# An operator errs, the second takes over, and both pages are paid.
BOTH_PAID: Schedule = [
    ("weather", FIRST, "mute"),
    ("process",),
    ("conclude_not_done",),
    ("weather", FIRST, "down"),
    ("process",),
    ("pay", SECOND, 0, "approve"),
    ("weather", FIRST, "up"),
    ("pay", FIRST, 0, "approve"),
]
# A page whose address was lost is opened again at the same provider, and both are paid.
PAID_TWICE_AT_ONE: Schedule = [
    ("weather", FIRST, "mute"),
    ("process",),
    ("weather", FIRST, "up"),
    ("recover", 6),
    ("process",),
    ("pay", FIRST, 1, "approve"),
    ("pay", FIRST, 0, "approve"),
    ("hear", True, True),
]
REACHED_BY_NOBODY: Schedule = [
    ("weather", FIRST, "down"),
    ("process",),
    ("pay", SECOND, 0, "approve"),
]
# We die before the page's name is written down; its payment is told in several notices.
TOLD_BEFORE_IT_HAS_A_NAME: Schedule = [
    ("weather", FIRST, "refused"),
    ("die", "after the call"),
    ("pay", SECOND, 0, "approve"),
    ("hear", False, True),
]
# We die before the page's name is written down, and another is opened when its time is over.
OVER_BEFORE_IT_HAS_A_NAME: Schedule = [
    ("weather", FIRST, "refused"),
    ("die", "after the call"),
    ("weather", FIRST, "up"),
    ("recover", 31),
    ("process",),
    ("recover", 31),
    ("pay", SECOND, 0, "approve"),
    ("pay", SECOND, 1, "approve"),
]
# What the schedules above alone bring about: without it nothing would be proven.
EXPECTED = {
    "the second took over",
    "pages at both",
    "an operator concluded",
    f"a second charge at {FIRST} went back",
}


@pytest.fixture
def swallowing() -> Iterator[socket.socket]:
    """A port that takes every connection and reads nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        yield server


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_payment_is_taken_twice_without_going_back(
    sandbox: SandboxProcess,
    settings: Settings,
    api: Client,
    swallowing: socket.socket,
    shard: int,
) -> None:
    seen: Counter[str] = Counter()
    settings.RATE_LIMITS_ENABLED = False
    settings.PROVIDER_ORDER = list(BOTH)
    settings.PROVIDERS = {name: settings.PROVIDERS[name] for name in BOTH}

    # Where CI is set hypothesis would repeat itself, and each shard would be every other's.
    @profile(
        max_examples=SCHEDULES // SHARDS,
        derandomize=False,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(schedule=schedules())
    @example(schedule=BOTH_PAID)
    @example(schedule=PAID_TWICE_AT_ONE)
    @example(schedule=REACHED_BY_NOBODY)
    @example(schedule=TOLD_BEFORE_IT_HAS_A_NAME)
    @example(schedule=OVER_BEFORE_IT_HAS_A_NAME)
    def prove(schedule: Schedule) -> None:
        with override_settings(REDIS_KEY_PREFIX=f"failover-{uuid4().hex}"):
            town = Town(sandbox, settings, api, swallowing, seen)
            for what, *facts in schedule:
                getattr(town, what)(*facts)
            town.prove_the_lease()
            town.calm_down()
            town.prove_the_end()

    prove()
    print(f"{SCHEDULES // SHARDS} schedules: {dict(seen)}")  # noqa: T201 - shown with -s
    assert seen.keys() >= EXPECTED
