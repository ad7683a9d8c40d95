"""What we ask of a gateway and what we hear: plain frozen values."""

from dataclasses import dataclass, field
from typing import Any

from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome


@dataclass(frozen=True, slots=True)
class Charge:
    """Take (or, as `AUTHORIZE`, reserve) an amount on the gateway's hosted page.

    `key` is our own name for the operation, the same over all tries.
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


@dataclass(frozen=True, slots=True)
class Lookup:
    """What became of an operation? Asked by the gateway's reference, or by our key without one."""

    key: str
    kind: OperationKind
    reference: str = ""


Order = Charge | Lookup


@dataclass(frozen=True, slots=True)
class Failure:
    """Why not: a code of ours, and the gateway's sentence, fit to be shown."""

    code: FailureCode
    message: str = ""


@dataclass(frozen=True, slots=True)
class GatewayResult:
    """What became of an operation, in our own words.

    ACTION_REQUIRED is a page that waits for its payer, PENDING is money that the gateway is busy
    with; NOT_SENT answering a Lookup means that it never heard of it. `kind` is what the gateway
    says it did, where it says so; `also_taken` are further transactions that took money for the
    same operation; `takes_back` undoes a success told before. `exchange` is the redacted
    conversation, for the operator.
    """

    outcome: Outcome
    kind: OperationKind | None = None
    reference: str = ""
    parent_reference: str = ""
    also_taken: tuple[str, ...] = ()
    takes_back: bool = False
    money: Money | None = None
    redirect_url: str = ""
    payment_method: str = ""
    failure: Failure | None = None
    exchange: dict[str, Any] = field(default_factory=dict, repr=False)
    unlisted_word: str = ""


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """One notification's news: about which operation, and what became of it.

    `id` is the gateway's own, or a business key where it has none. `key` is our operation's
    key, as the gateway echoed it. `result` is None where the news is not of a charge of ours.
    """

    id: str
    type: str
    key: str
    result: GatewayResult | None
