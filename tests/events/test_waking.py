"""Workers are called soon, seldom, and never in the caller's way."""

import threading
import time
from collections.abc import Callable

import pytest
from celery import current_app
from celery.exceptions import OperationalError

from payments.events.durable import Handler
from payments.receivers import relay_wanted
from payments.waking import Waker
from tests.events.receivers import handler, keep, write


class Broker:
    """Counts what is sent; can be gone, or hang until it is let go."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.came = threading.Event()
        self.lets_go = threading.Event()
        self.lets_go.set()
        self.is_gone = False

    def send_task(self, name: str, **_: object) -> None:
        self.lets_go.wait(10)
        self.sent.append(name)
        self.came.set()
        if self.is_gone:
            raise OperationalError("nobody there")


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(current_app, "send_task", broker.send_task)
    return broker


def wait_for(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_many_calls_of_a_moment_are_one(broker: Broker) -> None:
    waker = Waker("a.task")
    for _ in range(50):
        waker.wake()
    wait_for(lambda: broker.sent == ["a.task"])


def test_who_calls_after_it_was_sent_is_heard_as_well(broker: Broker) -> None:
    waker = Waker("a.task")
    waker.wake()
    assert broker.came.wait(5)
    waker.wake()
    wait_for(lambda: len(broker.sent) == 2)


def test_a_broker_that_is_gone_ends_no_caller_and_no_later_call(broker: Broker) -> None:
    broker.is_gone, waker = True, Waker("a.task")
    waker.wake()
    assert broker.came.wait(5)
    waker.wake()
    wait_for(lambda: len(broker.sent) == 2)


def test_a_broker_that_hangs_keeps_nobody_waiting_and_gathers_no_threads(broker: Broker) -> None:
    broker.lets_go.clear()
    waker, before = Waker("a.task"), threading.active_count()
    for _ in range(20):
        waker.wake()
    assert threading.active_count() == before + 1
    assert broker.sent == []
    broker.lets_go.set()
    wait_for(lambda: bool(broker.sent))


@pytest.mark.django_db(transaction=True)
def test_the_relay_is_called_when_deliveries_are_committed(
    subscribe: Callable[[Handler], Handler], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    monkeypatch.setattr(relay_wanted, "wake", lambda: called.append("now"))
    write()
    assert called == []  # nobody has to hear of it
    subscribe(handler(keep))
    write(2)
    assert called == ["now", "now"]
