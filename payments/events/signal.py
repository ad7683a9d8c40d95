"""EventSignal: a Django signal with a stored name; and the register of all names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.dispatch import Signal

from payments.events.models import Priority, StoredEvent

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
_register: dict[str, "EventSignal"] = {}


class EventSignal(Signal):
    """A Django signal whose name and typed data are kept in the history.

    Receivers get `event` (the StoredEvent) as keyword argument, after the commit.
    `data_type` is the dataclass that the event's `data` is made of; `aliases` are names that
    the same event bears elsewhere. Where the data's shape changes, raise `version` and say in
    `upcasts` how each older version becomes the next: what is stored is never rewritten.
    """

    def __init__(
        self,
        name: str,
        data_type: type[Any],
        *,
        priority: Priority = Priority.MEDIUM,
        version: int = 1,
        aliases: tuple[str, ...] = (),
        upcasts: Mapping[int, Upcast] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        if set(upcasts) != set(range(1, version)):
            raise ValueError(f"{name} needs an upcast for each version before {version}.")
        self.name, self.data_type = name, data_type
        self.priority, self.version, self.upcasts = priority, version, upcasts
        for known_as in (name, *aliases):
            if known_as in _register:
                raise ValueError(f"Two event signals are called {known_as!r}.")
            _register[known_as] = self

    def read(self, event: StoredEvent) -> Any:
        """A stored event's typed data, in today's shape whatever it was written in.

        Of a version that is newer than this one it is not known what it means: the relay parks it.
        """
        data = dict(event.data)
        for version in range(event.version, self.version):
            data = self.upcasts[version](data)
        return self.data_type(**data)

    def __repr__(self) -> str:
        return f"<EventSignal {self.name}>"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The record that events are about."""

    type: str
    id: str


def signal_named(name: str) -> EventSignal:
    """The signal of this name or alias. Raises KeyError when there is none."""
    return _register[name]


def is_known(event: StoredEvent) -> bool:
    """Whether this release knows what an event of this type and version means."""
    signal = _register.get(event.type)
    return signal is not None and event.version <= signal.version


def all_signals() -> dict[str, EventSignal]:
    """Every name and alias with its signal."""
    return dict(_register)
