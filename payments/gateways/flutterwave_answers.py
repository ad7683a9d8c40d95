"""Flutterwave's answers in our words: what became of an order, and what its lists contain."""

from dataclasses import replace
from typing import Any

from payments.gateways import flutterwave_facts as facts
from payments.gateways.messages import (
    UNDECIDED,
    DisputeLookup,
    Failure,
    GatewayResult,
    Lookup,
    Order,
    Refund,
)
from payments.gateways.reading import part_of, text_of
from payments.statuses import FailureCode, OperationKind, Outcome


def told_by(order: Order, status: int, answer: Any) -> GatewayResult:
    """What became of an order, or of what a lookup asks for, by Flutterwave's answer to it."""
    if isinstance(order, Lookup):
        return _found(order, status, answer)
    if not isinstance(answer, dict) or status >= 500:
        return GatewayResult(Outcome.UNKNOWN)
    if status >= 400 or text_of(answer, "status") != "success":
        return _refused(status, answer)
    data = part_of(answer, "data")
    if isinstance(order, Refund):
        return facts.refund_in(data, order.money.currency)
    return _page_in(order, data)


def _refused(status: int, answer: dict[str, Any]) -> GatewayResult:
    failure = Failure(FailureCode.PROVIDER_ERROR, text_of(answer, "message"))
    if text_of(answer, "status") != "error":
        return GatewayResult(Outcome.UNKNOWN)
    if status in (401, 403, 429):
        # Too many calls, a wrong key or a blocked address: no verdict on this payment.
        return GatewayResult(Outcome.NOT_SENT, failure=failure)
    refused = status in (400, 404, 422)
    return GatewayResult(Outcome.DECLINED if refused else Outcome.UNKNOWN, failure=failure)


def _page_in(order: Order, data: dict[str, Any]) -> GatewayResult:
    url = text_of(data, "link")
    if not url.startswith(("https://", "http://")):
        return GatewayResult(Outcome.UNKNOWN)
    return GatewayResult(Outcome.ACTION_REQUIRED, reference=order.key, redirect_url=url)


def _found(order: Lookup, status: int, answer: Any) -> GatewayResult:
    if not _is_told(status, answer):
        return GatewayResult(Outcome.UNKNOWN)
    is_refund = order.kind is OperationKind.REFUND
    if is_refund and (single := part_of(answer, "data")):
        return facts.refund_in(single, _currency_of(order))
    if not isinstance(answer.get("data"), list):
        return GatewayResult(Outcome.UNKNOWN)
    listed = listed_in(status, answer)
    results = _refunds_in(order, listed) if is_refund else _charges_in(order, listed)
    if not results and is_refund and any(_may_be(order, each) for each in listed):
        return UNDECIDED
    is_all, next_page = _what_follows(order, answer)
    told = _best(results) if results else GatewayResult(Outcome.NOT_SENT) if is_all else UNDECIDED
    return told if told.outcome is Outcome.SUCCEEDED else replace(told, next_page=next_page)


def _charges_in(order: Lookup, listed: list[dict[str, Any]]) -> list[GatewayResult]:
    ours = [each for each in listed if text_of(each, *facts.REFERENCE) == order.key]
    return [facts.charge_in(each) for each in sorted(ours, key=_age)]


def _refunds_in(order: Lookup, listed: list[dict[str, Any]]) -> list[GatewayResult]:
    ours = [each for each in listed if facts.key_noted(each) == order.key]
    return [facts.refund_in(each, _currency_of(order)) for each in ours]


def _may_be(order: Lookup, refund: dict[str, Any]) -> bool:
    """Whether a refund that bears no comment is perhaps ours: nothing else speaks against it."""
    told = facts.refund_in(refund, _currency_of(order))
    same_money = None in (told.money, order.money) or told.money == order.money
    of, ours = facts.charge_of(refund), order.parent.ids.get("transaction", "")
    return not facts.has_comment(refund) and same_money and (not (of and ours) or of == ours)


def _currency_of(order: Lookup) -> str:
    return order.money.currency if order.money else ""


def _is_told(status: int, answer: Any) -> bool:
    return status == 200 and isinstance(answer, dict) and text_of(answer, "status") == "success"


def listed_in(status: int, answer: Any) -> list[dict[str, Any]]:
    """The objects of a list; none where the answer is a refusal or no list."""
    data = answer.get("data") if _is_told(status, answer) else None
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def contests(order: DisputeLookup, chargeback: dict[str, Any]) -> bool:
    """Whether a chargeback is of the charge that was asked about, and not of another."""
    ours = {order.key, *order.charge.ids.values()} - {""}
    return not ours.isdisjoint(
        {text_of(chargeback, *facts.REFERENCE), *facts.charge_names(chargeback)}
    )


def _what_follows(order: Lookup, answer: dict[str, Any]) -> tuple[bool, str]:
    """Whether this is the end of the list, and the next page where it says that there is one.

    A list that does not count its pages, or shows another than was asked for, has no end.
    """
    info = part_of(part_of(answer, "meta"), "page_info")
    pages, asked = text_of(info, "total_pages"), order.page or "1"
    is_it = text_of(info, "current_page") in ("", asked)
    if not is_it or not pages.isdecimal() or not asked.isdecimal():
        return False, ""
    is_last = int(pages) <= int(asked)
    return is_last, "" if is_last else str(int(asked) + 1)


def _best(results: list[GatewayResult]) -> GatewayResult:
    """Of all that was tried, what took money; else what may still take it; else the last no."""
    taken = [each for each in results if each.outcome is Outcome.SUCCEEDED]
    if taken:
        further = tuple(each.ids.get("transaction", each.reference) for each in taken[1:])
        return replace(taken[0], also_taken=further)
    waiting = (each for each in results if each.failure is None)
    return next(waiting, results[-1])


def _age(charge: dict[str, Any]) -> tuple[int, str]:
    number = text_of(charge, "id")
    return len(number), number
