"""What we ask of a gateway and what we hear: plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from payments.errors import NotSupported
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome


@dataclass(frozen=True, slots=True)
class Handle:
    """How a gateway knows an operation: its reference, and its further ids by their names.

    Stripe's session and payment intent, PayPal's order, authorization and capture: what a later
    order must name is kept from the answer that told it.
    """

    reference: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Charge:
    """Take (or, as `AUTHORIZE`, reserve) an amount, on the gateway's hosted page or by a token.

    `key` is our own name for the operation, the same over all tries. `payment_token` is what the
    gateway's own browser library made of a card: sent once, and written down nowhere.
    `expires_at` is when a page should end, where the gateway can be told.
    """

    key: str
    kind: OperationKind
    money: Money
    description: str
    return_url: str
    callback_url: str
    language: str = ""
    payment_methods: tuple[str, ...] = ()
    customer: dict[str, Any] = field(default_factory=dict, repr=False)
    payment_token: str = field(default="", repr=False)
    expires_at: datetime | None = None

    def payers_address(self, asker: str) -> str:
        """The payer's mail address, for gateways that open no page without. Raises NotSupported."""
        address = str(self.customer.get("email") or "")
        if "@" not in address:
            detail = f"{asker} needs the payer's mail address; send it as customer.email."
            raise NotSupported(detail, attr="customer.email")
        return address


@dataclass(frozen=True, slots=True)
class Capture:
    """Take what was reserved, whole or in part; the rest is released."""

    key: str
    money: Money
    parent: Handle
    kind: OperationKind = OperationKind.CAPTURE


@dataclass(frozen=True, slots=True)
class Void:
    """Release what was reserved. `money` is what was, or the rest that a capture left of it."""

    key: str
    money: Money
    parent: Handle
    kind: OperationKind = OperationKind.VOID
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class Refund:
    """Give back what was taken, whole or in part. `parent` is the charge or the capture."""

    key: str
    money: Money
    parent: Handle
    reason: str = ""
    kind: OperationKind = OperationKind.REFUND


@dataclass(frozen=True, slots=True)
class Lookup:
    """What became of an operation? Asked by the gateway's reference, or by our key without one.

    `handle` is what we know of the operation itself, `parent` what it followed (a refund's
    charge): some gateways can be asked by that alone. In a list of all that there is, nothing made
    before `began_at` or after `over_at` can be it, by our clock. `page` is where such a list goes
    on, as the answer before said in `next_page`.
    """

    key: str
    kind: OperationKind
    handle: Handle = Handle()
    parent: Handle = Handle()
    money: Money | None = None
    began_at: datetime | None = None
    over_at: datetime | None = None
    page: str = ""


@dataclass(frozen=True, slots=True)
class DisputeLookup:
    """How does a dispute stand? Asked by the gateway's reference.

    `key`, `charge` and `money` are those of the charge that it contests: the answer must name it.
    """

    reference: str
    key: str
    charge: Handle
    money: Money


FollowUp = Capture | Void | Refund
Order = Charge | FollowUp | Lookup


@dataclass(frozen=True, slots=True)
class Failure:
    """Why not: a code of ours, and the gateway's sentence, fit to be shown."""

    code: FailureCode
    message: str = ""


@dataclass(frozen=True, slots=True)
class GatewayCallFacts:
    """One attempt: through which breaker, when, for how long, and how it ended.

    `outcome` is `success`, `failure`, `timeout`, `refused` (by the breaker) or `ignored` (never
    tried); `status` is the HTTP answer's, where there was one.
    """

    breaker: str
    started_at: datetime
    duration: timedelta
    outcome: str
    status: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class GatewayResult:
    """What became of an operation, in our own words.

    ACTION_REQUIRED is a page that waits for its payer, PENDING is money that the gateway is busy
    with; NOT_SENT answering a Lookup means that it never heard of it. `kind` is what the gateway
    says it did, where it says so; `also_taken` are further transactions that took money for the
    same operation; `unsayable` is why the gateway's own language has no words for this order, which
    was therefore not sent; `takes_back` undoes a success told before. `leaves_another_try` is a
    decline of what the payer offered, not of the payment: they may offer something else.
    `fee` is what the gateway keeps of `money` at the merchant's cost, where it says so.
    `again_at` is when we shall send by ourselves once more what never left.
    `next_page` says that a list goes on, and that what took money may be there. `is_undecided` is
    an answer in the gateway's own words that leaves the question open: UNKNOWN, yet the gateway is
    well. `ids` are kept for later orders (see Handle). `exchange` is the redacted conversation,
    for the operator; a notification has none, for the inbox keeps it whole.
    """

    outcome: Outcome
    kind: OperationKind | None = None
    reference: str = ""
    parent_reference: str = ""
    also_taken: tuple[str, ...] = ()
    takes_back: bool = False
    leaves_another_try: bool = False
    money: Money | None = None
    fee: Money | None = None
    redirect_url: str = ""
    payment_method: str = ""
    failure: Failure | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
    exchange: dict[str, Any] = field(default_factory=dict, repr=False)
    unlisted_word: str = ""
    retry_after: timedelta | None = None
    again_at: datetime | None = None
    unsayable: str = ""
    next_page: str = ""
    is_undecided: bool = False
    calls: tuple[GatewayCallFacts, ...] = field(default=(), repr=False)


UNDECIDED = GatewayResult(Outcome.UNKNOWN, is_undecided=True)


class Family(StrEnum):
    """What a notification is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    TRANSFER = "transfer"
    OTHER = "other"


class DisputeStatus(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class DisputeNews:
    """A payer's bank contests a charge: how much, why, and until when one may answer."""

    reference: str
    status: DisputeStatus
    money: Money | None = None
    reason: str = ""
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """One notification's news: about which operation, and what became of it.

    `id` is the gateway's own, or a business key where it has none. `key` is our operation's
    key, as the gateway echoed it; `references` are its own ids by which we may know the operation
    where no key came back. `result` is None where the news is not of an operation of ours.
    `is_confirmed` says that the gateway itself was asked: `result` or `dispute` is its answer.
    """

    id: str
    type: str
    key: str
    result: GatewayResult | None
    family: Family = Family.PAYMENT
    references: tuple[str, ...] = ()
    dispute: DisputeNews | None = None
    is_confirmed: bool = False


class Listed(StrEnum):
    """Which of its lists a gateway is asked for."""

    CHARGES = "charges"
    REFUNDS = "refunds"


@dataclass(frozen=True, slots=True)
class Listing:
    """What a gateway did from `since` to before `until`, by its own list; or under one `key`.

    `cursor` is what the page before said of the next.
    """

    what: Listed
    since: datetime
    until: datetime
    cursor: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, in the shape of news; `next` is empty on the last, `calls` brought it.

    An event's `id` is here the gateway's name for the thing itself: a charge, a refund.
    """

    events: tuple[GatewayEvent, ...]
    next: str = ""
    calls: tuple[GatewayCallFacts, ...] = field(default=(), repr=False)
