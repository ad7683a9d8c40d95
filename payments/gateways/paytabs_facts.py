"""What PayTabs' words mean: its tables, and how a transaction that it tells of is read."""

from typing import Any

from payments.gateways.messages import Failure, GatewayResult
from payments.gateways.reading import money_of, part_of, text_in
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome

STATUSES = {
    "A": Outcome.SUCCEEDED,
    "H": Outcome.PENDING,
    "P": Outcome.PENDING,
    "V": Outcome.DECLINED,
    "D": Outcome.DECLINED,
    "E": Outcome.DECLINED,
    "X": Outcome.DECLINED,
    "C": Outcome.DECLINED,
}
DECLINES = {
    "310": FailureCode.AUTHENTICATION_FAILED,
    "316": FailureCode.INSUFFICIENT_FUNDS,
    "321": FailureCode.CANCELLED_BY_PAYER,
    "345": FailureCode.AUTHENTICATION_FAILED,
}
DECLINED_STATUSES = {
    "V": FailureCode.CANCELLED_BY_PAYER,
    "C": FailureCode.CANCELLED_BY_PAYER,
    "X": FailureCode.EXPIRED,
    "E": FailureCode.PROVIDER_ERROR,
}
TRAN_TYPES = {
    OperationKind.CHARGE: "sale",
    OperationKind.AUTHORIZE: "auth",
    OperationKind.CAPTURE: "capture",
    OperationKind.VOID: "void",
    OperationKind.REFUND: "refund",
}
# Frees what a capture left; a void is for what was not captured at all.
RELEASE = "release"
KINDS = {tran_type: kind for kind, tran_type in TRAN_TYPES.items()} | {RELEASE: OperationKind.VOID}
# A voucher comes first as a request, and as a sale of its own once it is paid.
VOUCHER = "payment request"
# After a success: the reservation or the charge was undone, by hand or by time.
_TAKES_BACK = frozenset({"V", "X"})


def result_in(news: dict[str, Any], exchange: dict[str, Any] | None = None) -> GatewayResult:
    """What became of a transaction; one without a result is a page that waits for its payer."""
    word = status_word(news)
    kind = KINDS.get(text_in(news, "tran_type").lower())
    outcome = STATUSES.get(word, Outcome.PENDING) if word else Outcome.ACTION_REQUIRED
    if kind is OperationKind.VOID and word == "V":
        outcome = Outcome.SUCCEEDED
    return GatewayResult(
        outcome,
        kind=kind,
        takes_back=word in _TAKES_BACK,
        reference=text_in(news, "tran_ref"),
        parent_reference=text_in(news, "previous_tran_ref"),
        money=_money_in(news),
        payment_method=text_in(part_of(news, "payment_info"), "payment_method")[:40],
        failure=_failure_in(news) if outcome is Outcome.DECLINED else None,
        exchange=exchange or {},
        unlisted_word="" if word in STATUSES or not word else word,
    )


def _failure_in(news: dict[str, Any]) -> Failure:
    result = part_of(news, "payment_result")
    by_status = DECLINED_STATUSES.get(status_word(news), FailureCode.CARD_DECLINED)
    code = DECLINES.get(text_in(result, "response_code"), by_status)
    return Failure(code, text_in(result, "response_message"))


def _money_in(news: dict[str, Any]) -> Money | None:
    """What was really charged (`tran_*`: a discount can make it less than `cart_*`)."""
    currency = text_in(news, "tran_currency") or text_in(news, "cart_currency")
    total = news.get("tran_total")
    amount = news.get("cart_amount") if total is None else total
    return money_of(str(amount), currency)


def status_word(news: dict[str, Any]) -> str:
    """The letter that says what became of a transaction; empty while it is a page."""
    return text_in(part_of(news, "payment_result"), "response_status").upper()
