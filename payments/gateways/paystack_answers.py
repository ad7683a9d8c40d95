"""Paystack's answers in our words: what became of an order, and what a lookup has found."""

from dataclasses import replace
from typing import Any

from payments.gateways.messages import (
    UNDECIDED,
    Capture,
    Charge,
    Failure,
    GatewayResult,
    Lookup,
    Order,
    Refund,
    Void,
)
from payments.gateways.paystack_facts import (
    capture_in,
    key_noted,
    outcome_in,
    refund_in,
    release_in,
)
from payments.gateways.reading import part_of, text_of
from payments.statuses import FailureCode, OperationKind, Outcome

FULL_LIST = 100


def told_by(order: Order, status: int, answer: Any) -> GatewayResult:
    """What became of an order, or of what a lookup asks for, by Paystack's answer to it."""
    if isinstance(order, Lookup):
        return _found(order, status, answer)
    if not isinstance(answer, dict) or status >= 500:
        return GatewayResult(Outcome.UNKNOWN)
    # `status` is about the request; what became of the money is `data.status`.
    if status >= 400 or answer.get("status") is not True:
        return _refused(status, answer)
    data = part_of(answer, "data")
    told = _page_in(order, data) if isinstance(order, Charge) else _follow_up_in(order, data)
    # That nothing was done yet is what a lookup may say, never the answer to an order.
    return replace(told, outcome=Outcome.UNKNOWN) if told.outcome is Outcome.NOT_SENT else told


def _refused(status: int, answer: dict[str, Any]) -> GatewayResult:
    message, code = text_of(answer, "message"), text_of(answer, "code").lower()
    failure = Failure(FailureCode.PROVIDER_ERROR, message)
    if status in (401, 429) or code == "invalid_key":
        # Too many calls or a wrong key: no verdict on this payment, which may be tried again.
        return GatewayResult(Outcome.NOT_SENT, failure=failure)
    said_no = text_of(answer, "type") in ("", "validation_error")
    # A reference used twice was taken before: only a lookup can tell what became of it.
    if status in (400, 404, 422) and said_no and "duplicate" not in f"{code} {message}".lower():
        return GatewayResult(Outcome.DECLINED, failure=failure)
    return GatewayResult(Outcome.UNKNOWN)


def _page_in(order: Charge, data: dict[str, Any]) -> GatewayResult:
    url = text_of(data, "authorization_url")
    if text_of(data, "reference") != order.key or not url.startswith(("https://", "http://")):
        return GatewayResult(Outcome.UNKNOWN)
    return GatewayResult(
        Outcome.ACTION_REQUIRED,
        reference=order.key,
        redirect_url=url,
    )


def _follow_up_in(order: Capture | Void | Refund, data: dict[str, Any]) -> GatewayResult:
    if isinstance(order, Refund):
        return refund_in(data)
    if isinstance(order, Capture):
        return capture_in(data, text_of(data, "id"))
    # A release is answered without its amount: it is always the whole.
    return replace(release_in(data), money=order.money)


def _found(order: Lookup, status: int, answer: Any) -> GatewayResult:
    own = order.kind in (OperationKind.CHARGE, OperationKind.AUTHORIZE)
    if own and _never_heard_of(status, answer):
        return GatewayResult(Outcome.NOT_SENT)
    if status != 200 or not isinstance(answer, dict) or answer.get("status") is not True:
        return GatewayResult(Outcome.UNKNOWN)
    if isinstance(answer.get("data"), list):
        return _found_among(order, answer["data"])
    data = part_of(answer, "data")
    if order.kind is OperationKind.REFUND:
        return refund_in(data)
    if text_of(data, "reference") != (order.key if own else order.parent.reference):
        return GatewayResult(Outcome.UNKNOWN)
    return outcome_in(order.kind, data)


def _never_heard_of(status: int, answer: Any) -> bool:
    if status not in (400, 404) or not isinstance(answer, dict):
        return False
    told = f"{text_of(answer, 'code')} {text_of(answer, 'message')}".lower()
    return answer.get("status") is False and ("not_found" in told or "not found" in told)


def _found_among(order: Lookup, listed: list[Any]) -> GatewayResult:
    """Our refund among a transaction's: the one whose note bears our key."""
    if order.kind is not OperationKind.REFUND:
        return GatewayResult(Outcome.UNKNOWN)
    ours = [each for each in listed if isinstance(each, dict) and key_noted(each) == order.key]
    if ours:
        return refund_in(ours[0])
    # A refund whose note does not come back may be ours: then nobody knows.
    told = all(isinstance(each, dict) and text_of(each, "merchant_note") for each in listed)
    complete = told and len(listed) < FULL_LIST
    return GatewayResult(Outcome.NOT_SENT) if complete else UNDECIDED
