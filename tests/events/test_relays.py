"""Several relays at once, killed where they stand: each event has its effect once, in order."""

import os
import random
import signal
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections

from payments.events import relay
from payments.events.durable import Handler
from payments.events.models import Delivery
from tests.events.receivers import handler, heard, keep, write

HISTORIES, EVENTS, RELAYS, KILLS = 12, 5, 2, 6


def start_a_relay() -> int:
    """A process that brings what is due until it is killed."""
    connections.close_all()
    if child := os.fork():
        return child
    try:
        while True:
            for _ in relay.drain():
                time.sleep(0.002)  # as handlers do that have something to do
            time.sleep(0.01)
    finally:
        os._exit(1)


def kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def unfinished() -> int:
    return Delivery.objects.exclude(status="done").count()


@pytest.mark.django_db(transaction=True)
def test_relays_that_are_killed_again_and_again_lose_and_double_nothing(
    subscribe: Callable[[Handler], Handler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LEASE", timedelta(seconds=1))
    subscribe(handler(keep))
    for number in range(EVENTS * HISTORIES):
        write(about=f"p-{number % HISTORIES}")
    relays = [start_a_relay() for _ in range(RELAYS)]
    try:
        bring_all_about(relays)
    finally:
        for child in relays:
            kill(child)
    assert len(heard()) == EVENTS * HISTORIES
    for history in range(HISTORIES):
        of_one = [name for name in heard() if name.startswith(f"p-{history} ")]
        assert of_one == [f"p-{history} {sequence}" for sequence in range(1, EVENTS + 1)]


def bring_all_about(relays: list[int]) -> None:
    """Kill one now and then, and start another in its place, until all is done."""
    kills, patience = KILLS, time.monotonic() + 60
    while unfinished():
        assert time.monotonic() < patience, f"{unfinished()} deliveries are not done"
        if kills:
            kills -= 1
            time.sleep(random.uniform(0.03, 0.15))
            kill(relays.pop(0))
            relays.append(start_a_relay())
        else:
            time.sleep(0.05)
