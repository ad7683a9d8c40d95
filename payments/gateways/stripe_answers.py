"""Stripe's answers in our words: what became of an order, and what a lookup has found."""

from dataclasses import replace
from typing import Any

from payments.gateways.messages import UNDECIDED, Charge, GatewayResult, Lookup, Order, Refund
from payments.gateways.reading import part_of
from payments.gateways.stripe_objects import (
    UNKNOWN,
    failure_in,
    follow_up_result,
    intent_result,
    refund_result,
    session_result,
)
from payments.gateways.stripe_words import capture_key_of, id_in, key_of
from payments.statuses import OperationKind, Outcome

_NOTHING_DONE = frozenset({401, 403, 429})
_REFUSALS = frozenset({"card_error", "invalid_request_error"})


def told_by(order: Order, status: int, answer: Any) -> GatewayResult:
    """What became of an order, or of what a lookup asks for, by Stripe's answer to it."""
    if isinstance(order, Lookup):
        return _found(order, answer) if status == 200 else UNKNOWN
    if status == 200 and isinstance(answer, dict):
        return _done(order, answer)
    return _refused(order, status, answer)


def _done(order: Order, answer: dict[str, Any]) -> GatewayResult:
    if isinstance(order, Charge):
        return _charged(order, answer) if order.payment_token else _page_in(answer)
    if isinstance(order, Refund):
        return refund_result(answer)
    result = follow_up_result(order.kind, order.key, answer)
    # Accepted, and yet still reserved: only a lookup can tell what is going on.
    return UNKNOWN if result.outcome is Outcome.NOT_SENT else result


def _refused(order: Order, status: int, answer: Any) -> GatewayResult:
    error = part_of(answer, "error") if isinstance(answer, dict) else {}
    if status == 429 or (status in _NOTHING_DONE and error):
        # Too many calls or a wrong key: no verdict on this payment, which may be tried again.
        return GatewayResult(Outcome.NOT_SENT, failure=failure_in(error))
    if status in (400, 402, 404) and error.get("type") in _REFUSALS:
        told = GatewayResult(Outcome.DECLINED, failure=failure_in(error))
        is_by_token = isinstance(order, Charge) and bool(order.payment_token)
        return _without_this_token(told, error) if is_by_token else told
    # A key in use (409) or used for something else (400) was sent before: that result counts.
    return UNKNOWN


def _without_this_token(told: GatewayResult, error: dict[str, Any]) -> GatewayResult:
    """A token was refused, not the payment; the intent that was made stays behind unpaid."""
    is_about_it = error.get("type") == "card_error" or error.get("param") == "payment_method"
    reference = id_in(error, "payment_intent")
    ids = {"payment_intent": reference} if reference else {}
    return replace(told, leaves_another_try=is_about_it, reference=reference, ids=ids)


def _found(order: Lookup, answer: Any) -> GatewayResult:
    """Of all that bears our key, what took money; else the newest.

    A refused lookup is UNKNOWN, even a 404: an id that Stripe gave us and denies now means a
    key of another account or mode, not a payment that never was.
    """
    if not isinstance(answer, dict):
        return UNKNOWN
    if not isinstance(answer.get("data"), list):
        return _about(order, answer) or UNKNOWN
    entries = [entry for entry in answer["data"] if isinstance(entry, dict)]
    results = [_about(order, entry) for entry in entries if _is_named(order, entry)]
    ours = [result for result in results if result is not None]
    taken = [result for result in ours if result.outcome is Outcome.SUCCEEDED]
    if taken:
        return replace(taken[0], also_taken=tuple(r.reference for r in taken[1:] if r.reference))
    is_all = answer.get("has_more") is False
    told = ours[0] if ours else GatewayResult(Outcome.NOT_SENT) if is_all else UNDECIDED
    goes_on = answer.get("has_more") is True and entries
    return replace(told, next_page=id_in(entries[-1], "id")) if goes_on else told


def _is_named(order: Lookup, entry: dict[str, Any]) -> bool:
    """Whether one of many bears the operation's key; a capture's has a name of its own there."""
    is_capture = order.kind is OperationKind.CAPTURE
    return (capture_key_of(entry) if is_capture else key_of(entry)) == order.key


def _about(order: Lookup, entry: dict[str, Any]) -> GatewayResult | None:
    """What one object says of the operation; None where it is another's."""
    if order.kind in (OperationKind.CAPTURE, OperationKind.VOID):
        return follow_up_result(order.kind, order.key, entry)
    if key_of(entry) != order.key:
        return None
    if order.kind is OperationKind.REFUND:
        return refund_result(entry)
    if entry.get("object") == "checkout.session":
        return session_result(entry, order.kind)
    return replace(intent_result(entry, order.kind), reference=id_in(entry, "id"))


def _page_in(answer: dict[str, Any]) -> GatewayResult:
    result = session_result(answer)
    is_page = answer.get("object") == "checkout.session" and result.reference
    return result if is_page and result.redirect_url else UNKNOWN


def _charged(order: Charge, answer: dict[str, Any]) -> GatewayResult:
    result = replace(intent_result(answer, order.kind), reference=id_in(answer, "id"))
    is_intent = answer.get("object") == "payment_intent" and result.reference
    has_way_on = result.outcome is not Outcome.ACTION_REQUIRED or result.redirect_url
    return result if is_intent and has_way_on else UNKNOWN
