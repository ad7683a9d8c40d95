"""The shape of a gateway: values in, values out; no socket, clock, setting or row."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from payments.gateways.messages import GatewayEvent, GatewayResult, Order
from payments.gateways.wire import Headers, WireRequest, WireResponse


class Capability(StrEnum):
    """Something a gateway can do. Lookup is not among them: everybody must answer that."""

    CHARGE = "charge"
    AUTHORIZE = "authorize"


class SignatureInvalid(Exception):
    """The notification is not the gateway's, or was altered. `reason` is for operators only."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unreadable(Exception):
    """Signed, yet nothing in it can be read; kept and shown, never applied."""


class Gateway(ABC):
    """One provider's translator. Adding a provider is a file of this shape and a registry line.

    `timeout` bounds one attempt; "never heard of it" is believed only when an attempt's
    deadline is `settling_time` past.
    """

    name: str
    currencies: frozenset[str]
    capabilities: frozenset[Capability]
    timeout: timedelta
    settling_time: timedelta

    @abstractmethod
    def request_for(self, order: Order) -> WireRequest:
        """The HTTP request that asks for this."""

    @abstractmethod
    def result_of(self, order: Order, response: WireResponse) -> GatewayResult:
        """What the answer means. Never guesses: a word not listed is PENDING, nonsense UNKNOWN."""

    @abstractmethod
    def verify(self, headers: Headers, body: bytes) -> None:
        """Raise SignatureInvalid unless these raw bytes are the gateway's own."""

    @abstractmethod
    def events_in(self, body: bytes) -> list[GatewayEvent]:
        """The news in a verified body. Raises Unreadable."""

    def verify_return(self, fields: Mapping[str, str]) -> None:  # noqa: B027 - most sign nothing
        """Raise SignatureInvalid unless the browser's return fields are the gateway's own."""
