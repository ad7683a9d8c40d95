"""An HTTP exchange as plain data, and the two ways in which it can fail."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """What to send. Header values and body may hold secrets, so neither is ever printed."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class WireResponse:
    """What came back."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def json_value(self) -> Any:
        """The body as JSON, or None where it is none (an HTML error page, a cut answer)."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class NotSent(Exception):
    """No byte of the request left: nothing can have happened there."""


class Crowded(NotSent):
    """Our own connections were all busy: that says nothing of who was to be called."""


class Lost(Exception):
    """The request left and no answer came: whether it was carried out is not known."""


class TimedOut(Lost):
    """It did not come in time."""


def header_values(headers: Headers, name: str) -> list[str]:
    """Every value of a header, whatever the case of its name."""
    return [value for key, value in headers if key.lower() == name.lower()]
