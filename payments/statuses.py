"""Every status, every outcome, and the two tables that join them.

`MOVES` says where a payment may go; `EFFECTS` says where an outcome wants it to go. `lifecycle`
reads both and decides nothing itself.
"""

from enum import StrEnum


class PaymentStatus(StrEnum):
    """Where the customer's money is."""

    CREATED = "created"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZED = "authorized"
    COMPLETED = "completed"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    CHARGED_BACK = "charged_back"


class OperationKind(StrEnum):
    """Which effect an operation is meant to have."""

    CHARGE = "charge"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Outcome(StrEnum):
    """What became of one operation."""

    PENDING = "pending"
    ACTION_REQUIRED = "action_required"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    NOT_SENT = "not_sent"


class Contradiction(StrEnum):
    """News that our records forbid: kept for a person, never applied."""

    AMOUNT_DIFFERS = "amount_differs"
    CURRENCY_DIFFERS = "currency_differs"
    REFERENCE_DIFFERS = "reference_differs"
    ORPHAN_CHARGE = "orphan_charge"
    KIND_DIFFERS = "kind_differs"
    UNEXPECTED_NEWS = "unexpected_news"
    UNKNOWN_REFUND = "unknown_refund"
    UNKNOWN_TO_PROVIDER = "unknown_to_provider"


OPEN_OUTCOMES = frozenset({Outcome.PENDING, Outcome.ACTION_REQUIRED, Outcome.UNKNOWN})
FINAL_OUTCOMES = frozenset(Outcome) - OPEN_OUTCOMES

_S = PaymentStatus
# Money was taken, whatever became of it since.
PAID = frozenset({_S.COMPLETED, _S.PARTIALLY_REFUNDED, _S.REFUNDED, _S.CHARGED_BACK})
_FROM_PROCESSING = frozenset(
    {
        _S.CREATED,
        _S.REQUIRES_ACTION,
        _S.AUTHORIZED,
        _S.COMPLETED,
        _S.FAILED,
        _S.CANCELLED,
        _S.EXPIRED,
    }
)
# A success that arrives after everybody gave up: rare, real, and raised to an operator.
_LATE_SUCCESS = frozenset({_S.AUTHORIZED, _S.COMPLETED})

MOVES: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    _S.CREATED: frozenset({_S.PROCESSING, _S.FAILED, _S.CANCELLED, _S.EXPIRED}) | _LATE_SUCCESS,
    _S.PROCESSING: _FROM_PROCESSING,
    _S.REQUIRES_ACTION: (_FROM_PROCESSING | {_S.PROCESSING}) - {_S.REQUIRES_ACTION},
    _S.AUTHORIZED: frozenset({_S.COMPLETED, _S.CANCELLED, _S.EXPIRED}),
    _S.COMPLETED: frozenset({_S.PARTIALLY_REFUNDED, _S.REFUNDED, _S.CHARGED_BACK}),
    _S.PARTIALLY_REFUNDED: frozenset({_S.REFUNDED, _S.CHARGED_BACK, _S.COMPLETED}),
    _S.REFUNDED: frozenset({_S.CHARGED_BACK, _S.PARTIALLY_REFUNDED, _S.COMPLETED}),
    _S.CHARGED_BACK: frozenset({_S.COMPLETED, _S.PARTIALLY_REFUNDED, _S.REFUNDED}),
    _S.FAILED: _LATE_SUCCESS,
    _S.EXPIRED: _LATE_SUCCESS,
    _S.CANCELLED: _LATE_SUCCESS,
}

# (kind, outcome) → the status it asks for. UNKNOWN asks for nothing: the payment waits where it
# is. A decline is refined by its failure code, see ENDINGS.
EFFECTS: dict[tuple[OperationKind, Outcome], PaymentStatus] = {
    (OperationKind.CHARGE, Outcome.ACTION_REQUIRED): _S.REQUIRES_ACTION,
    (OperationKind.CHARGE, Outcome.PENDING): _S.PROCESSING,
    (OperationKind.CHARGE, Outcome.SUCCEEDED): _S.COMPLETED,
    (OperationKind.CHARGE, Outcome.DECLINED): _S.FAILED,
    (OperationKind.CHARGE, Outcome.NOT_SENT): _S.CREATED,
    (OperationKind.AUTHORIZE, Outcome.ACTION_REQUIRED): _S.REQUIRES_ACTION,
    (OperationKind.AUTHORIZE, Outcome.PENDING): _S.PROCESSING,
    (OperationKind.AUTHORIZE, Outcome.SUCCEEDED): _S.AUTHORIZED,
    (OperationKind.AUTHORIZE, Outcome.DECLINED): _S.FAILED,
    (OperationKind.AUTHORIZE, Outcome.NOT_SENT): _S.CREATED,
    (OperationKind.CAPTURE, Outcome.SUCCEEDED): _S.COMPLETED,
    (OperationKind.VOID, Outcome.SUCCEEDED): _S.CANCELLED,
}


class FailureCode(StrEnum):
    """Why a payment did not happen, as merchants branch on it."""

    CARD_DECLINED = "card_declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    AUTHENTICATION_FAILED = "authentication_failed"
    CANCELLED_BY_PAYER = "cancelled_by_payer"
    EXPIRED = "expired"
    PROVIDER_ERROR = "provider_error"


# Declines that are not failures: nobody said no.
ENDINGS: dict[FailureCode, PaymentStatus] = {
    FailureCode.CANCELLED_BY_PAYER: _S.CANCELLED,
    FailureCode.EXPIRED: _S.EXPIRED,
}


def may_become(current: PaymentStatus, wanted: PaymentStatus) -> bool:
    """Whether the table of lawful moves has this move."""
    return wanted in MOVES[current]


def effect_of(
    kind: OperationKind, outcome: Outcome, failure: FailureCode | None
) -> PaymentStatus | None:
    """The status an outcome asks for, or None when the payment waits where it is.

    What a refund does depends on sums, so it is not in the table: see `outcomes`.
    """
    status = EFFECTS.get((kind, outcome))
    if status is _S.FAILED and failure in ENDINGS:
        return ENDINGS[failure]
    return status
