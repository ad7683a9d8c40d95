"""What PayPal's answers mean: a reader a fact.

The reference of a charge or an authorization is its order, which is known from the first answer
on; captures of an authorization, and refunds, have their own.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from payments.gateways.messages import (
    UNDECIDED,
    Charge,
    Failure,
    GatewayResult,
    Lookup,
    Order,
    Refund,
    Void,
)
from payments.gateways.paypal.orders import is_of_an_order, lookup_path
from payments.gateways.paypal.reading import failure, issue, link, money, part, parts, text
from payments.gateways.paypal.words import (
    AUTHORIZATIONS,
    CAPTURES,
    DECLINES,
    DONE_BEFORE,
    KINDS,
    NOBODY_APPROVED,
    ORDERS,
    PAGE_IS_OPEN,
    REFUNDS,
    VOIDS,
)
from payments.gateways.reading import clean
from payments.statuses import FailureCode, OperationKind, Outcome

_PAGES = (OperationKind.CHARGE, OperationKind.AUTHORIZE)
_REFUSALS = (400, 403, 404, 415, 422)
_ENDINGS = {
    "VOIDED": FailureCode.CANCELLED_BY_PAYER,
    "CANCELLED": FailureCode.PROVIDER_ERROR,
}


def answered(order: Order, status: int, answer: Any) -> GatewayResult:
    """What became of an order with an effect."""
    if status in (401, 429):
        # Too many calls, or a token that is over: no verdict, and nothing was done.
        return GatewayResult(Outcome.NOT_SENT, failure=failure(answer))
    if isinstance(order, Void) and status == 204:
        authorization = order.parent.ids.get("authorization", "")
        return GatewayResult(
            Outcome.SUCCEEDED, kind=order.kind, reference=authorization, money=order.money
        )
    if status in _REFUSALS and text(answer, "name"):
        return _refused(order, status, answer)
    if status not in (200, 201) or not isinstance(answer, dict):
        return GatewayResult(Outcome.UNKNOWN)
    return _done(order, answer)


def _done(order: Order, answer: dict[str, Any]) -> GatewayResult:
    if isinstance(order, Charge):
        return _page_in(answer)
    if isinstance(order, Void):
        return void_in(answer)
    if isinstance(order, Refund):
        return refund_in(answer)
    if is_of_an_order(order):
        # A step of the charge, whatever the operation is called that takes it.
        return replace(order_in(answer), kind=None)
    return replace(capture_in(answer), kind=OperationKind.CAPTURE, reference=text(answer, "id"))


def _refused(order: Order, status: int, answer: dict[str, Any]) -> GatewayResult:
    why, said = failure(answer), issue(answer)
    if status == 403:
        return GatewayResult(Outcome.NOT_SENT, failure=why)
    if said in DONE_BEFORE:
        return GatewayResult(Outcome.UNKNOWN, failure=why)
    if said in PAGE_IS_OPEN and is_of_an_order(order):
        url = link(answer, "payer-action", "approve", "redirect")
        return GatewayResult(Outcome.PENDING, redirect_url=url, failure=why)
    if said == NOBODY_APPROVED and is_of_an_order(order):
        return GatewayResult(Outcome.ACTION_REQUIRED)
    return GatewayResult(Outcome.DECLINED, failure=why)


def found(order: Lookup, status: int, answer: Any) -> GatewayResult:
    """What a lookup found."""
    if status == 404 and text(answer, "name"):
        # What follows a payment cannot be missing with it: then something else is wrong.
        return GatewayResult(Outcome.NOT_SENT if order.kind in _PAGES else Outcome.UNKNOWN)
    if status != 200 or not isinstance(answer, dict) or not _is_asked_for(order, answer):
        return GatewayResult(Outcome.UNKNOWN)
    if order.kind in _PAGES:
        return order_in(answer)
    if order.kind is OperationKind.VOID:
        return void_in(answer)
    if not parts(answer, "purchase_units"):
        is_refund = order.kind is OperationKind.REFUND
        return refund_in(answer) if is_refund else GatewayResult(Outcome.UNKNOWN)
    return _among_its_payments(order, answer)


def _is_asked_for(order: Lookup, answer: dict[str, Any]) -> bool:
    """Whether it is about the very thing that was asked for, and an order about our charge."""
    asked = unquote(lookup_path(order).rpartition("/")[2])
    names = {text(unit, "custom_id") for unit in parts(answer, "purchase_units")}
    is_ours = order.kind not in _PAGES or names <= {order.key, ""}
    return text(answer, "id") == asked and is_ours


def _among_its_payments(order: Order, answer: dict[str, Any]) -> GatewayResult:
    """A refund or a capture of ours, found by our key. Nameless ones may be ours: then UNKNOWN."""
    captures, refunds = _payments(answer, "captures"), _payments(answer, "refunds")
    if order.kind is OperationKind.REFUND:
        return _ours(order.key, [(each, refund_in(each)) for each in refunds])
    if not _payments(answer, "authorizations"):
        return replace(order_in(answer), kind=None)
    results = [replace(capture_in(each), reference=text(each, "id")) for each in captures]
    named = [replace(each, kind=OperationKind.CAPTURE) for each in results]
    return _ours(order.key, list(zip(captures, named, strict=True)))


def _ours(key: str, entries: list[tuple[dict[str, Any], GatewayResult]]) -> GatewayResult:
    names = [{text(entry, "custom_id"), text(entry, "invoice_id")} for entry, _ in entries]
    results = [result for _, result in entries]
    if ours := [result for name, result in zip(names, results, strict=True) if key in name]:
        return _first_taken(ours)
    doubtful = any(name == {""} for name in names)
    return UNDECIDED if doubtful else GatewayResult(Outcome.NOT_SENT)


def _first_taken(results: list[GatewayResult]) -> GatewayResult:
    """The one that moved money, naming the others that did; else the last that did not."""
    taken = [result for result in results if result.outcome is Outcome.SUCCEEDED]
    if not taken:
        return results[-1]
    return replace(taken[0], also_taken=tuple(result.reference for result in taken[1:]))


def _page_in(answer: dict[str, Any]) -> GatewayResult:
    result = order_in(answer)
    if result.outcome is Outcome.ACTION_REQUIRED and not result.redirect_url:
        return replace(result, outcome=Outcome.UNKNOWN)
    return result


def order_in(order: dict[str, Any]) -> GatewayResult:
    """An order: a page that waits, an approval to be used, or what its payments say.

    A card that was refused on the page leaves the order as it was: the payer takes another.
    """
    reference = text(order, "id")
    if not reference:
        return GatewayResult(Outcome.UNKNOWN)
    kind, word = KINDS.get(text(order, "intent").upper()), text(order, "status").upper()
    if word in ("COMPLETED", "VOIDED") and (paid := _paid_in(order, reference)):
        return replace(paid, payment_method=_method_in(order))
    result = _told(ORDERS, word, reference)
    ids = {"order": reference}
    if word == "APPROVED":
        # Whichever step it is: the intent says that the money shall only be reserved by it.
        ids |= {"needs": "capture", "intent": text(order, "intent").lower()}
    url = link(order, "payer-action", "approve")
    waits = result.outcome is Outcome.ACTION_REQUIRED
    return replace(result, kind=kind, ids=ids, redirect_url=url if waits else "")


def _paid_in(order: dict[str, Any], reference: str) -> GatewayResult | None:
    """An authorization tells of what was reserved; its captures are operations of their own."""
    results = [authorization_in(each) for each in _payments(order, "authorizations")]
    results = results or [capture_in(each) for each in _payments(order, "captures")]
    if not results:
        return None
    names = [dict(each.ids) for each in results]
    of_order = [
        replace(each, ids=ids | {"order": reference})
        for each, ids in zip(results, names, strict=True)
    ]
    by_own_id = [replace(each, reference=_own_id(each)) for each in of_order]
    return replace(_first_taken(by_own_id), reference=reference)


def _own_id(result: GatewayResult) -> str:
    return result.ids.get("authorization") or result.ids.get("capture", "")


def _method_in(order: dict[str, Any]) -> str:
    return clean(next(iter(part(order, "payment_source")), ""))[:40]


def _payments(order: dict[str, Any], name: str) -> list[dict[str, Any]]:
    units = parts(order, "purchase_units")
    return [each for unit in units for each in parts(part(unit, "payments"), name)]


def capture_in(capture: dict[str, Any]) -> GatewayResult:
    """Money taken: of an order, or of an authorization."""
    related = related_ids(capture)
    own, authorization = text(capture, "id"), related.get("authorization", "")
    result = _told(CAPTURES, text(capture, "status").upper(), own)
    kind = OperationKind.CAPTURE if authorization else OperationKind.CHARGE
    code = DECLINES.get(text(part(capture, "processor_response"), "response_code"))
    why = result.failure and replace(result.failure, code=code or result.failure.code)
    return replace(
        result,
        kind=kind,
        reference=own if authorization else related.get("order", ""),
        parent_reference=authorization,
        failure=why,
        money=money(capture.get("amount")),
        fee=money(part(capture, "seller_receivable_breakdown").get("paypal_fee")),
        ids=related | {"capture": own},
    )


def authorization_in(authorization: dict[str, Any]) -> GatewayResult:
    """Money reserved. A void after it takes the success back."""
    related, own = related_ids(authorization), text(authorization, "id")
    word = text(authorization, "status").upper()
    result = _told(AUTHORIZATIONS, word, own)
    return replace(
        result,
        kind=OperationKind.AUTHORIZE,
        reference=related.get("order", ""),
        takes_back=word == "VOIDED",
        money=money(authorization.get("amount")),
        ids=related | {"authorization": own},
    )


def void_in(authorization: dict[str, Any]) -> GatewayResult:
    """An authorization, where the question is whether it was released."""
    result = _told(VOIDS, text(authorization, "status").upper(), text(authorization, "id"))
    amount = money(authorization.get("amount"))
    return replace(result, kind=OperationKind.VOID, money=amount)


def refund_in(refund: dict[str, Any]) -> GatewayResult:
    """Money given back; its capture is the way up."""
    own = text(refund, "id")
    result = _told(REFUNDS, text(refund, "status").upper(), own)
    capture = _last_name(link(refund, "up"))
    ids = {"refund": own} | ({"capture": capture} if capture else {})
    return replace(
        result,
        kind=OperationKind.REFUND,
        parent_reference=capture,
        money=money(refund.get("amount")),
        ids=ids,
    )


def related_ids(payment: dict[str, Any]) -> dict[str, str]:
    """The order and the authorization that a payment belongs to, as far as it names them."""
    related = part(payment, "supplementary_data", "related_ids")
    ids = {name: text(related, f"{name}_id") for name in ("order", "authorization", "capture")}
    up = link(payment, "up")
    for name, path in (("order", "/orders/"), ("authorization", "/authorizations/")):
        ids[name] = ids[name] or (_last_name(up) if path in up else "")
    return {name: value for name, value in ids.items() if value}


def _last_name(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]


def _told(words: Mapping[str, Outcome], word: str, reference: str) -> GatewayResult:
    """One word of theirs in ours; without a word or a name there is nothing to be believed."""
    if not word or not reference:
        return GatewayResult(Outcome.UNKNOWN, reference=reference)
    outcome = words.get(word, Outcome.PENDING)
    code = _ENDINGS.get(word, FailureCode.CARD_DECLINED)
    if words is REFUNDS:
        code = FailureCode.PROVIDER_ERROR
    return GatewayResult(
        outcome,
        reference=reference,
        failure=Failure(code, word.lower()) if outcome is Outcome.DECLINED else None,
        is_undecided=outcome is Outcome.UNKNOWN,
        unlisted_word="" if word in words else word,
    )
