"""Durable receivers: what must hear of an event, whatever breaks meanwhile.

A plain receiver of an EventSignal may miss it in a crash. One registered here gets a `Delivery`
in the event's own commit, and the relay brings it, at least once and in order per aggregate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps

from payments.events.models import StoredEvent
from payments.events.signal import EventSignal

# Of one event; or of a list of them, where a handler takes them in batches.
Receive = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Handler:
    """A durable receiver and its terms.

    With `acts_outside` it runs with no transaction open, at least once, and gives the event's id
    as idempotency key to whomever it calls; replays leave it out unless told. Otherwise what it
    writes is one commit with the end of its delivery: its effect happens once. With `is_strict`
    an event that it could not receive keeps the later ones of the aggregate waiting. With
    `in_batches` it is given a list of events, each of another aggregate. `about` chooses among
    the events of its signals, by what stands in them.
    """

    name: str
    receive: Receive
    signals: tuple[EventSignal, ...]
    acts_outside: bool = False
    is_strict: bool = False
    in_batches: bool = False
    about: Callable[[StoredEvent], bool] | None = None

    def tell(self, event: StoredEvent) -> None:
        """Tell of one event."""
        self.receive([event] if self.in_batches else event)


_handlers: dict[str, Handler] = {}
_by_signal: dict[str, tuple[Handler, ...]] = {}


def durable_receiver(
    *signals: EventSignal,
    acts_outside: bool = False,
    is_strict: bool = False,
    in_batches: bool = False,
    about: Callable[[StoredEvent], bool] | None = None,
) -> Callable[[Receive], Receive]:
    """Register a function of a module as durable receiver of these signals, under its own name.

    Rows remember the name: rename one only when nothing of it waits. Raises ValueError for a
    name that is taken or a local function, RuntimeError once the service has started.
    """

    def register(receive: Receive) -> Receive:
        if apps.ready:
            raise RuntimeError(f"{receive.__name__} must be registered while the apps are loaded.")
        name = receive.__name__
        subscribe(Handler(name, receive, signals, acts_outside, is_strict, in_batches, about))
        return receive

    return register


def subscribe(handler: Handler) -> None:
    """Deliver what is recorded from now on to this handler as well."""
    if "<locals>" in handler.receive.__qualname__ or handler.name in _handlers:
        raise ValueError(f"A durable receiver stands in its module, under one name: {handler.name}")
    _handlers[handler.name] = handler
    for signal in handler.signals:
        _by_signal[signal.name] = (*_by_signal.get(signal.name, ()), handler)


def handlers_of(event: StoredEvent) -> list[Handler]:
    """Who must hear of an event."""
    listening = _by_signal.get(event.type, ())
    return [each for each in listening if each.about is None or each.about(event)]


def handler_named(name: str) -> Handler | None:
    """The handler that bears this name in this version of the service."""
    return _handlers.get(name)


def all_handlers() -> tuple[Handler, ...]:
    """Every durable receiver."""
    return tuple(_handlers.values())
