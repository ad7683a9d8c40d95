"""What Flutterwave's words mean: its tables, and one reader for each thing that it can tell of."""

from dataclasses import replace
from typing import Any

from payments.gateways.messages import DisputeNews, DisputeStatus, GatewayResult
from payments.gateways.reading import Vocabulary, moment_in, money_of, part_of, text_of, texts
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome

_CHARGE, _REFUND = OperationKind.CHARGE, OperationKind.REFUND
STATUSES: dict[OperationKind, dict[str, Outcome]] = {
    _CHARGE: {
        "successful": Outcome.SUCCEEDED,
        "succeeded": Outcome.SUCCEEDED,
        "pending": Outcome.PENDING,
        "failed": Outcome.PENDING,
        "cancelled": Outcome.DECLINED,
        "voided": Outcome.DECLINED,
    },
    # What stands behind a dash says by which way the money went back: `completed-mpgs`.
    _REFUND: {
        "completed": Outcome.SUCCEEDED,
        "succeeded": Outcome.SUCCEEDED,
        "new": Outcome.PENDING,
        "pending": Outcome.PENDING,
        "failed": Outcome.DECLINED,
    },
}
_WORDS = Vocabulary(
    STATUSES,
    # Flutterwave has no codes: the processor's sentence, in part.
    refusals={
        "insufficient": FailureCode.INSUFFICIENT_FUNDS,
        "incorrect pin": FailureCode.AUTHENTICATION_FAILED,
        "authentication": FailureCode.AUTHENTICATION_FAILED,
        "otp": FailureCode.AUTHENTICATION_FAILED,
    },
    endings={
        "cancelled": FailureCode.CANCELLED_BY_PAYER,
        "voided": FailureCode.CANCELLED_BY_PAYER,
    },
    takes_back=frozenset({(_CHARGE, "voided"), (_REFUND, "failed")}),
    # A page lets its payer try again until `max_retry_attempt`, which we never set.
    page_stays_open=frozenset({(_CHARGE, "failed")}),
)
# What the merchant declined they contest: the payer's bank has the last word.
DISPUTES = {
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "accepted": DisputeStatus.LOST,
}
_LONGEST_NAME = 128
# One spelling in an answer, one in a list, one in v4.
_COMMENT = ("comments", "comment")
REFERENCE = ("tx_ref", "txRef", "reference")
_REFUNDED = ("amount_refunded", "AmountRefunded", "amount")
_REFUND_OF = ("tx_id", "TransactionId", "transaction_id")


def charge_in(data: dict[str, Any]) -> GatewayResult:
    # `amount`, not `charged_amount`: that holds the fees which the payer may bear on top.
    money = money_of(text_of(data, "amount"), text_of(data, "currency"))
    told = _result_in(_CHARGE, data, money)
    ids = {"transaction": text_of(data, "id"), "flw_ref": text_of(data, "flw_ref")}
    method = text_of(data, "payment_type") or text_of(part_of(data, "payment_method"), "type")
    return replace(
        told,
        reference=text_of(data, *REFERENCE),
        fee=_fee_in(data, money),
        ids={name: value for name, value in ids.items() if 0 < len(value) <= _LONGEST_NAME},
        payment_method=method[:40],
    )


def refund_in(data: dict[str, Any], currency: str) -> GatewayResult:
    """A refund's own words do not name its currency: it is that of the charge."""
    currency = text_of(data, "currency") or currency
    told = _result_in(_REFUND, data, money_of(text_of(data, *_REFUNDED), currency))
    return replace(
        told,
        reference=text_of(data, "id"),
        parent_reference=text_of(data, *REFERENCE, *_REFUND_OF),
    )


def _result_in(kind: OperationKind, data: dict[str, Any], money: Money | None) -> GatewayResult:
    word = text_of(data, "status").lower()
    if kind is _REFUND and word.startswith("completed-"):
        word = "completed"  # and by whom it was done
    said = text_of(data, "processor_response", "chargeResponseMessage")
    return _WORDS.result(kind, word, said, money)


def dispute_in(data: dict[str, Any], currency: str) -> DisputeNews:
    """A chargeback, in the currency of its charge where it names none."""
    return DisputeNews(
        reference=text_of(data, "id"),
        status=DISPUTES.get(text_of(data, "status").lower(), DisputeStatus.OPEN),
        money=money_of(text_of(data, "amount"), text_of(data, "currency") or currency),
        reason=text_of(data, "reason", "comment"),
        deadline=moment_in(text_of(data, "due_date", "due_datetime")),
    )


def charge_names(dispute: dict[str, Any]) -> tuple[str, ...]:
    """Flutterwave's own names for the charge that a chargeback contests."""
    return texts(text_of(dispute, "flw_ref"), text_of(dispute, *_REFUND_OF, "charge_id"))


def key_noted(refund: dict[str, Any]) -> str:
    """Our key, as the first word of the comment that we sent; others have another comment."""
    first, *_ = [*text_of(refund, *_COMMENT).split(), ""]
    return first.removeprefix("#") if first.startswith("#") else ""


def charge_of(refund: dict[str, Any]) -> str:
    """The number of the transaction whose money went back."""
    return text_of(refund, *_REFUND_OF)


def has_comment(refund: dict[str, Any]) -> bool:
    return bool(text_of(refund, *_COMMENT))


def _fee_in(data: dict[str, Any], money: Money | None) -> Money | None:
    """What Flutterwave keeps of `money`: what the payer bore on top is not at our cost."""
    currency = text_of(data, "currency")
    fee = money_of(text_of(data, "app_fee"), currency)
    charged = money_of(text_of(data, "charged_amount"), currency)
    on_top = charged.amount - money.amount if charged and money else 0
    return Money(max(fee.amount - max(on_top, 0), 0), fee.currency) if fee else None
