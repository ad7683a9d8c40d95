"""What PayPal's notifications tell: which operation, and what became of it."""

import hashlib
from dataclasses import replace
from typing import Any

from payments.gateways.messages import (
    DisputeLookup,
    DisputeNews,
    DisputeStatus,
    Failure,
    Family,
    GatewayEvent,
    GatewayResult,
)
from payments.gateways.paypal.answers import (
    authorization_in,
    capture_in,
    order_in,
    refund_in,
    related_ids,
)
from payments.gateways.paypal.reading import money, part, parts, text
from payments.gateways.paypal.words import DISPUTES, FAMILIES
from payments.gateways.reading import moment_in
from payments.statuses import FailureCode, OperationKind, Outcome

_EVENT_ID_LENGTH = 150


def event_in(news: dict[str, Any]) -> GatewayEvent:
    word, resource = text(news, "event_type").upper(), part(news, "resource")
    result = _result_in(word, resource)
    family = family_of(word)
    return GatewayEvent(
        id=_id(text(news, "id")),
        type=word.lower(),
        key=_key_in(resource, result, family),
        result=result,
        family=family,
        references=_references(resource, result, family),
        dispute=dispute_in(resource) if family is Family.DISPUTE else None,
    )


def family_of(word: str) -> Family:
    return next(
        (found for start, found in FAMILIES.items() if word.startswith(start)), Family.OTHER
    )


def _id(own: str) -> str:
    """PayPal's own, the same at every try."""
    if len(own) <= _EVENT_ID_LENGTH:
        return own
    return "sha256:" + hashlib.sha256(own.encode()).hexdigest()


def _result_in(word: str, resource: dict[str, Any]) -> GatewayResult | None:
    if word == "CHECKOUT.PAYMENT-APPROVAL.REVERSED":
        return _approval_reversed(resource)
    if word == "PAYMENT.CAPTURE.REVERSED":
        return _capture_reversed(resource)
    if word.startswith("CHECKOUT.ORDER."):
        return order_in(resource)
    if word.startswith("PAYMENT.AUTHORIZATION."):
        return authorization_in(resource)
    if family_of(word) is Family.REFUND:
        return refund_in(resource)
    return capture_in(resource) if word.startswith("PAYMENT.CAPTURE.") else None


def _approval_reversed(resource: dict[str, Any]) -> GatewayResult:
    """Nobody captured in time, and the payer's approval is over."""
    order = text(resource, "order_id") or text(resource, "id")
    failure = Failure(FailureCode.EXPIRED, "the payer's approval is over")
    return GatewayResult(Outcome.DECLINED, reference=order, failure=failure, ids={"order": order})


def _capture_reversed(resource: dict[str, Any]) -> GatewayResult:
    """PayPal or the payer's bank took a capture back: told as a refund that nobody asked for."""
    told = refund_in(resource)
    failure = Failure(FailureCode.PROVIDER_ERROR, "the capture was reversed")
    return replace(
        told,
        outcome=Outcome.DECLINED,
        kind=None,
        takes_back=True,
        failure=failure,
        unlisted_word="",
    )


def _key_in(resource: dict[str, Any], result: GatewayResult | None, family: Family) -> str:
    """Our key as it comes back. A capture of an authorization bears its own as invoice number."""
    if family is Family.DISPUTE:
        return _first(parts(resource, "disputed_transactions"), "custom")
    unit = _first(parts(resource, "purchase_units"), "custom_id")
    names = [text(resource, "custom_id") or unit, text(resource, "invoice_id")]
    if result and result.kind is OperationKind.CAPTURE:
        names.reverse()
    return names[0] or names[1]


def _first(things: list[dict[str, Any]], name: str) -> str:
    return next(filter(None, (text(thing, name) for thing in things)), "")


def _references(
    resource: dict[str, Any], result: GatewayResult | None, family: Family
) -> tuple[str, ...]:
    """Ids of PayPal's by which we may know the operation."""
    if family is Family.DISPUTE:
        found = [text(t, "seller_transaction_id") for t in parts(resource, "disputed_transactions")]
    else:
        told = (result.reference, result.parent_reference) if result else ()
        ids = tuple(result.ids.get(n, "") for n in _IDS) if result else ()
        found = [*told, *ids, *related_ids(resource).values()]
    return tuple(dict.fromkeys(filter(None, found)))


_IDS = ("refund", "capture", "authorization", "order")


def dispute_in(resource: dict[str, Any]) -> DisputeNews:
    """Open until it is resolved; a settlement whose payer is not told stays open for a person."""
    code = text(part(resource, "dispute_outcome"), "outcome_code").upper()
    is_over = text(resource, "status").upper() == "RESOLVED"
    return DisputeNews(
        reference=text(resource, "dispute_id"),
        status=DISPUTES.get(code, DisputeStatus.OPEN) if is_over else DisputeStatus.OPEN,
        money=money(resource.get("dispute_amount")),
        reason=text(resource, "reason").lower(),
        deadline=moment_in(text(resource, "seller_response_due_date")),
    )


def names_charge(dispute: dict[str, Any], order: DisputeLookup) -> bool:
    """Whether a dispute is of the charge that was asked about, and not of another."""
    ours = {order.key, *order.charge.ids.values()} - {""}
    contested = parts(dispute, "disputed_transactions")
    names = ("custom", "invoice_number", "seller_transaction_id")
    return any(text(each, name) in ours for each in contested for name in names)
