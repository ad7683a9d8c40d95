"""What Paystack's words mean: its tables, and one reader for each thing that it can tell of."""

from dataclasses import replace
from typing import Any

from payments.gateways.messages import DisputeNews, DisputeStatus, GatewayResult
from payments.gateways.reading import Vocabulary, moment_in, money_of, part_of, text_of
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome

_KIND = OperationKind


def _all(words: str, outcome: Outcome) -> dict[str, Outcome]:
    return dict.fromkeys(words.split(), outcome)


_ON_ITS_WAY = _all("pending processing queued pay_offline", Outcome.PENDING)
_STEPS = "ongoing open_url send_pin send_otp send_phone send_birthday send_address"
_PAGE_OPEN = _all(f"abandoned {_STEPS}", Outcome.ACTION_REQUIRED)
STATUSES: dict[OperationKind, dict[str, Outcome]] = {
    _KIND.CHARGE: _all("success", Outcome.SUCCEEDED)
    | _all("timeout reversed", Outcome.DECLINED)
    | _all("failed", Outcome.PENDING)
    | _ON_ITS_WAY
    | _PAGE_OPEN,
    _KIND.AUTHORIZE: _all("authorized captured capture_failed release_failed", Outcome.SUCCEEDED)
    | _all("released", Outcome.DECLINED)
    | _all("failed", Outcome.PENDING)
    | _ON_ITS_WAY
    | _PAGE_OPEN,
    _KIND.CAPTURE: _all("success captured", Outcome.SUCCEEDED)
    | _all("failed capture_failed released", Outcome.DECLINED)
    | _all("authorized release_failed", Outcome.NOT_SENT)
    | _all("ongoing", Outcome.PENDING)
    | _ON_ITS_WAY,
    _KIND.VOID: _all("released", Outcome.SUCCEEDED)
    | _all("release_failed captured", Outcome.DECLINED)
    | _all("authorized capture_failed", Outcome.NOT_SENT)
    | _all("ongoing", Outcome.PENDING)
    | _ON_ITS_WAY,
    _KIND.REFUND: _all("processed", Outcome.SUCCEEDED)
    | _all("failed", Outcome.DECLINED)
    | _all("needs-attention", Outcome.PENDING)
    | _ON_ITS_WAY,
}
_WORDS = Vocabulary(
    STATUSES,
    # Paystack has no codes: the bank's sentence, in part.
    refusals={
        "insufficient": FailureCode.INSUFFICIENT_FUNDS,
        "authentication": FailureCode.AUTHENTICATION_FAILED,
        "incorrect pin": FailureCode.AUTHENTICATION_FAILED,
        "timeout": FailureCode.PROVIDER_ERROR,
    },
    endings={
        "released": FailureCode.CANCELLED_BY_PAYER,
        "timeout": FailureCode.EXPIRED,
        "capture_failed": FailureCode.PROVIDER_ERROR,
        "release_failed": FailureCode.PROVIDER_ERROR,
    },
    # Money or a reservation that was there, and went back. A failed refund gives it back to us.
    takes_back=frozenset(
        {(_KIND.CHARGE, "reversed"), (_KIND.AUTHORIZE, "released"), (_KIND.REFUND, "failed")}
    ),
    # One transaction counts several tries: its `log` has refusals, and then what was paid with.
    page_stays_open=frozenset({(_KIND.CHARGE, "failed"), (_KIND.AUTHORIZE, "failed")}),
)


def outcome_in(kind: OperationKind, data: dict[str, Any]) -> GatewayResult:
    """One charge or one reservation, as the answer to a question about it."""
    if kind is OperationKind.CAPTURE:
        return capture_in(data, text_of(data, "transaction_id"))
    if kind is OperationKind.VOID:
        return release_in(data)
    money = _charged(data) if kind is OperationKind.CHARGE else _money_in(data, "amount")
    ids = {"transaction": text_of(data, "id")} if kind is OperationKind.CHARGE else {}
    method = text_of(data, "channel") or text_of(part_of(data, "authorization"), "channel")
    told = _result_in(kind, data, money)
    named = replace(told, reference=text_of(data, "reference"), ids=ids)
    fee = _fee_in(data) if kind is OperationKind.CHARGE else None
    return replace(named, fee=fee, payment_method=method[:40])


def capture_in(data: dict[str, Any], transaction: str) -> GatewayResult:
    name = "captured_amount" if data.get("captured_amount") is not None else "amount"
    told = _result_in(OperationKind.CAPTURE, data, _money_in(data, name))
    ids = {"transaction": transaction} if transaction else {}
    named = replace(told, reference=transaction, parent_reference=text_of(data, "reference"))
    return replace(named, ids=ids, fee=_fee_in(data))


def release_in(data: dict[str, Any]) -> GatewayResult:
    told = _result_in(OperationKind.VOID, data, _money_in(data, "amount"))
    number, parent = text_of(data, "id"), text_of(data, "reference")
    return replace(told, reference=number, parent_reference=parent)


def refund_in(data: dict[str, Any]) -> GatewayResult:
    told = _result_in(OperationKind.REFUND, data, _money_in(data, "amount"))
    parent = text_of(data, "transaction_reference") or text_of(
        part_of(data, "transaction"), "reference"
    )
    # An answer names a refund by its id, a notification mostly by its `refund_reference` alone.
    name = text_of(data, "refund_reference")
    ids = {"refund_reference": name} if name else {}
    return replace(told, reference=text_of(data, "id"), parent_reference=parent, ids=ids)


def _result_in(kind: OperationKind, data: dict[str, Any], money: Money | None) -> GatewayResult:
    said = text_of(data, "gateway_response", "message")
    return _WORDS.result(kind, text_of(data, "status").lower(), said, money)


def dispute_in(data: dict[str, Any]) -> DisputeNews:
    return DisputeNews(
        reference=text_of(data, "id"),
        status=_dispute_status(data),
        money=_money_in(data, "refund_amount"),
        reason=text_of(data, "category"),
        deadline=moment_in(text_of(data, "dueAt")),
    )


def _dispute_status(data: dict[str, Any]) -> DisputeStatus:
    resolution = text_of(data, "resolution").lower()
    if text_of(data, "status").lower() != "resolved":
        return DisputeStatus.OPEN
    if (
        resolution.endswith("accepted")
        or text_of(part_of(data, "transaction"), "status") == "reversed"
    ):
        return DisputeStatus.LOST
    return DisputeStatus.WON if resolution == "declined" else DisputeStatus.OPEN


def key_noted(refund: dict[str, Any]) -> str:
    """Our key, as the first word of the note that we sent; refunds by hand have another note."""
    first, *_ = [*text_of(refund, "merchant_note").split(), ""]
    return first.removeprefix("#") if first.startswith("#") else ""


def _charged(data: dict[str, Any]) -> Money | None:
    """What we asked for, without the fee that a payer may bear on top; less, if less was paid."""
    paid, asked = _money_in(data, "amount"), _money_in(data, "requested_amount")
    return min(paid, asked) if paid and asked else paid


def _fee_in(data: dict[str, Any]) -> Money | None:
    """What Paystack keeps of what we asked for: the payer may bear all of it, or a part, on top."""
    fee, paid, asked = (_money_in(data, name) for name in ("fees", "amount", "requested_amount"))
    on_top = paid.amount - asked.amount if paid and asked else 0
    return Money(max(fee.amount - max(on_top, 0), 0), fee.currency) if fee else None


def _money_in(data: dict[str, Any], name: str) -> Money | None:
    """It counts in hundredths, whatever the currency."""
    return money_of(text_of(data, name), text_of(data, "currency"), places=2)
