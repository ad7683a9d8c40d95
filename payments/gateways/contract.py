"""The shape of a gateway: values in, values out; no socket, clock, setting or row."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Self

from payments.errors import NotSupported
from payments.gateways.messages import (
    DisputeLookup,
    DisputeNews,
    GatewayEvent,
    GatewayResult,
    Listing,
    Order,
    Page,
)
from payments.gateways.wire import Headers, WireRequest, WireResponse


class Capability(StrEnum):
    """Something a gateway can do. Lookup is not among them: everybody must answer that."""

    CHARGE = "charge"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    PARTIAL_CAPTURE = "partial_capture"
    VOID = "void"
    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
    # It takes what its own browser library made of a card, so that no page is needed.
    PAYMENT_TOKEN = "payment_token"  # noqa: S105 - a word, no secret
    # It tells by itself of all that it did in a time, ours or not.
    LIST = "list"


# What a gateway with a hosted page can do at best.
BY_PAGE = frozenset(Capability) - {Capability.PAYMENT_TOKEN, Capability.LIST}


class Form(StrEnum):
    """How the text of a setting is written."""

    TEXT = "text"
    ITEMS = "items"
    NUMBER = "number"
    SECONDS = "seconds"


Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that a translator is told, and the variable that says it.

    `variable` stands behind the provider's name: `STRIPE_` and `SECRET_KEY`. A provider is
    connected when all its credentials are there. `choices` are all that may be written.
    """

    name: str
    variable: str
    form: Form = Form.TEXT
    is_credential: bool = False
    choices: tuple[str, ...] = ()
    usual: Any = None

    @property
    def retired(self) -> "Setting":
        """What this setting's secrets were before: for finding out who still signs with them."""
        return Setting(f"retired_{self.name}", f"RETIRED_{self.variable}S", Form.ITEMS)


# The secrets of the generic webhook: ours, and never a provider's own.
GENERIC = Setting("generic_webhook_secrets", "GENERIC_WEBHOOK_SECRET", Form.ITEMS)


class SignatureInvalid(Exception):
    """The notification is not the gateway's, or was altered. `reason` is for operators only."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CannotJudge(Exception):
    """What a verification needs cannot be had now; the sender may try again."""


class Unreadable(Exception):
    """Signed, yet nothing in it can be read; kept and shown, never applied."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verification may look at beside the delivery: the clock, and a fetched document."""

    now: datetime
    document: bytes = b""


@dataclass(frozen=True, slots=True)
class Token:
    """What a log-in gave, and for how long it is good."""

    text: str
    lifetime: timedelta

    def __repr__(self) -> str:
        return "<Token>"


class Gateway(ABC):
    """One provider's translator. Adding a provider is a file of this shape and a registry line.

    `told` are its settings and `home` is its usual address, both read before anything is made.

    `timeout` bounds one attempt; "never heard of it" is believed only when an attempt's
    deadline is `settling_time` past. Within `key_memory` the gateway takes a request that is
    repeated under the same key for the same request; where it cannot be asked what it made under
    a key (`finds_by_key` is False), the same request is the question. Where a signature does not
    prove the body (`proves_body` is False) a
    notification is a hint: a lookup confirms it before money moves. Where a capture of a part
    does not end the hold on the rest (`capture_ends_hold` is False), the rest is voided afterwards.
    """

    # What it is told beside where it is and how long it may take; where it is unless told.
    told: ClassVar[tuple[Setting, ...]] = ()
    home: ClassVar[str] = ""
    # The headers that bear its signatures; the setting whose secrets make them, if we have those.
    signed_in: ClassVar[tuple[str, ...]] = ()
    signed_with: ClassVar[str] = ""

    name: str
    currencies: frozenset[str]
    capabilities: frozenset[Capability]
    timeout: timedelta
    settling_time: timedelta
    key_memory: timedelta = timedelta(0)
    finds_by_key: bool = True
    proves_body: bool = True
    capture_ends_hold: bool = True
    charge_call: str = "create"
    # How long after the fact something may still be missing in its lists.
    list_lag: timedelta = timedelta(0)

    @classmethod
    def made(cls, told: Facts, usual: Facts) -> Self:
        """The translator with these settings: its own, and `base`, `timeout`, `settling_time`."""
        own = {each.name: told[each.name] for each in cls.told}
        return cls(**own, **usual)

    @classmethod
    def asked(cls) -> dict[str, Setting]:
        """Its own settings by name, the generic webhook's secrets among them."""
        return {each.name: each for each in (GENERIC, *cls.told)}

    @abstractmethod
    def request_for(self, order: Order, token: str = "") -> WireRequest:
        """The HTTP request that asks for this; `token` is what `token_request` brought."""

    @abstractmethod
    def result_of(self, order: Order, response: WireResponse) -> GatewayResult:
        """What the answer means. Never guesses: a word not listed is PENDING, nonsense UNKNOWN."""

    @abstractmethod
    def verify(self, headers: Headers, body: bytes, evidence: Evidence) -> None:
        """Raise SignatureInvalid unless these raw bytes are the gateway's own."""

    @abstractmethod
    def events_in(self, body: bytes) -> list[GatewayEvent]:
        """The news in a verified body. Raises Unreadable."""

    def page_lifetime(self, wanted: timedelta) -> timedelta:
        """How long a page lives here, of what we wish; we wait for its payer no shorter.

        A gateway that is not told the end keeps its page open for as long as it likes: money
        that is paid there after our own end is a late success.
        """
        return wanted

    def verify_return(self, fields: Mapping[str, str]) -> None:  # noqa: B027 - most sign nothing
        """Raise SignatureInvalid unless the browser's return fields are the gateway's own."""

    def token_request(self) -> WireRequest | None:
        """How to log in, where one must before anything else."""
        return None

    def token_of(self, response: WireResponse) -> Token | None:
        """The token in the answer to `token_request`; None where there is none."""
        return None

    def delivery_id(self, headers: Headers) -> str:
        """The gateway's name for this very delivery, where a name must never bear two bodies."""
        return ""

    def evidence_request(self, headers: Headers, now: datetime) -> WireRequest | None:
        """What `verify` must have fetched first (a certificate). Raises SignatureInvalid.

        Whatever can be refused without it is refused here, so that a stranger fetches nothing.
        """
        return None

    def dispute_request(self, order: DisputeLookup, token: str = "") -> WireRequest | None:
        """How to ask about a dispute; None where this gateway cannot be asked."""
        return None

    def dispute_of(self, order: DisputeLookup, response: WireResponse) -> DisputeNews | None:
        """The gateway's own word; None where it knows of no such dispute of this charge."""
        return None

    def list_request(self, listing: Listing, token: str = "") -> WireRequest | None:
        """How to ask for a page of this gateway's list; None where it has no such list.

        With the capability LIST it is asked by time; without, at most by a key of ours.
        """
        return None

    def page_in(self, listing: Listing, response: WireResponse) -> Page | None:
        """The page in an answer; None where it is none."""
        return None

    def report_in(self, text: str) -> Page:
        """What the gateway's dashboard exported, read like a page of its list.

        Raises NotSupported where no such file is known here, ReportUnreadable where it is none.
        """
        raise NotSupported(f"No file that {self.name}'s dashboard exports can be read here.")
