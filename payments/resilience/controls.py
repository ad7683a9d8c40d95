"""What operators want of a breaker, wherever it is written down; an answer is kept a moment."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

import structlog

log = structlog.get_logger(__name__)

_KEPT_FOR = 2_000_000_000  # nanoseconds


class Mode(StrEnum):
    """Whether the breaker decides (auto), refuses every call, or lets every call pass."""

    AUTO = "auto"
    FORCED_OPEN = "forced-open"
    DISABLED = "disabled"


class Orders(NamedTuple):
    """A control as it stands at one moment; of two, the one of higher rank is the newer."""

    mode: Mode = Mode.AUTO
    epoch: int = 0
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Control:
    """An operator's word on one breaker.

    `version` grows with every change, so that a process with an older reading is not heard.
    `epoch` grows with every reset. After `until` the mode is auto again.
    """

    mode: Mode = Mode.AUTO
    epoch: int = 0
    version: int = 0
    until: datetime | None = None

    def at(self, now: datetime) -> Orders:
        """What it means now. Its end is a change too, which every reader sees by itself."""
        is_over = self.until is not None and self.until <= now
        mode = Mode.AUTO if is_over else self.mode
        return Orders(mode, self.epoch, 2 * self.version + is_over)


class ControlsUnreadable(Exception):
    """Where controls are written down, nothing can be read now."""


class Controls(Protocol):
    """Where controls are written down."""

    def read(self, name: str) -> Control:
        """The control of one breaker; a plain `Control()` where nobody ever said anything.

        Raises ControlsUnreadable.
        """


class NoControls:
    """Nobody interferes."""

    def read(self, name: str) -> Control:
        return Control()


class OrdersReader:
    """The orders of one breaker, read anew when they are two seconds old.

    Where the source fails, the last reading holds: operators' words outlive their database.
    """

    def __init__(self, name: str, controls: Controls, timer: Callable[[], int]) -> None:
        self._name, self._controls, self._timer = name, controls, timer
        self._orders = Orders()
        self._stale_at = timer()

    def current(self) -> Orders:
        if self._timer() < self._stale_at:
            return self._orders
        return self.read()

    def read(self) -> Orders:
        """The orders as they are written now."""
        self._stale_at = self._timer() + _KEPT_FOR
        try:
            self._orders = self._controls.read(self._name).at(datetime.now(UTC))
        except ControlsUnreadable:
            log.exception("breaker_controls_unreadable", breaker=self._name)
        return self._orders
