"""PayPal's orders: open one, and take or reserve what its payer approved."""

import re
from typing import Any

from django.http import HttpRequest

from sandbox.models import Payment, Transaction
from sandbox.paypal.access import (
    ORDERS_REMEMBERED,
    api,
    body_of,
    done_before,
    fingerprint,
    invalid,
    not_found,
    unprocessable,
)
from sandbox.paypal.news import notify
from sandbox.paypal.objects import (
    NAME,
    BadAmount,
    base,
    described,
    mark,
    new_ref,
    read_amount,
    record,
    status_of,
)

INTENTS = ("CAPTURE", "AUTHORIZE")
_WEB_ADDRESS = re.compile(r"https?://\S+")
# What a card that is no good answers → the processor's code.
_RESPONSE_CODES = {"decline": "0500", "insufficient_funds": "5120"}
_REFUSALS = {
    "instrument_declined": "INSTRUMENT_DECLINED",
    "authentication_failed": "PAYER_ACTION_REQUIRED",
}


@api("POST")
def create_order(request: HttpRequest) -> tuple[int, dict[str, Any]]:
    body, same = body_of(request), fingerprint(request)
    if first := done_before(same, ORDERS_REMEMBERED):
        return 200, described(first)
    page = _page_of(body)
    if page and not same:
        raise invalid("PAYPAL_REQUEST_ID_REQUIRED", "A PayPal-Request-Id is required.")
    unit = _unit_of(body)
    payment = _payment(body, unit)
    entry = record(payment, "order", "PAYER_ACTION_REQUIRED", payment.amount, None, body, same)
    return 201, described(entry)


def _page_of(body: dict[str, Any]) -> dict[str, Any]:
    page = body.get("payment_source")
    for name in ("paypal", "experience_context"):
        page = page.get(name) if isinstance(page, dict) else None
    if not isinstance(page, dict):
        raise invalid("MISSING_REQUIRED_PARAMETER", "Here, payment_source.paypal is required.")
    for name in ("return_url", "cancel_url"):
        if not _WEB_ADDRESS.fullmatch(str(page.get(name))):
            raise invalid("INVALID_PARAMETER_SYNTAX", f"{name} is no web address.")
    return page


def _unit_of(body: dict[str, Any]) -> dict[str, Any]:
    units = body.get("purchase_units")
    if body.get("intent") not in INTENTS:
        raise invalid("INVALID_PARAMETER_VALUE", f"intent must be one of {', '.join(INTENTS)}.")
    if not isinstance(units, list) or len(units) != 1 or not isinstance(units[0], dict):
        raise invalid("MISSING_REQUIRED_PARAMETER", "Here, one purchase unit is played.")
    for name in ("custom_id", "invoice_id", "description"):
        text = units[0].get(name, "")
        if not isinstance(text, str) or len(text) > 127:
            raise invalid("INVALID_STRING_LENGTH", f"{name} is a text of at most 127 characters.")
    return units[0]


def amount_in(amount: Any) -> tuple[int, str]:
    try:
        return read_amount(amount)
    except BadAmount as error:
        if error.issue in ("MISSING_REQUIRED_PARAMETER", "INVALID_PARAMETER_SYNTAX"):
            raise invalid(error.issue, "The amount cannot be read.") from None
        raise unprocessable(error.issue, "The amount cannot be charged.") from None


def _payment(body: dict[str, Any], unit: dict[str, Any]) -> Payment:
    amount, currency = amount_in(unit.get("amount"))
    ref = new_ref()
    return Payment.objects.create(
        company=NAME,
        transaction_ref=ref,
        reference=unit.get("custom_id", "")[:64],
        description=unit.get("description", ""),
        currency=currency,
        amount=amount,
        page_token=ref,
        page_url=f"{base()}/checkoutnow?token={ref}",
    )


@api("GET")
def read_order(request: HttpRequest, ref: str) -> tuple[int, dict[str, Any]]:
    return 200, described(_order(ref))


@api("POST")
def capture_order(request: HttpRequest, ref: str) -> tuple[int, dict[str, Any]]:
    return _take_step(request, ref, "CAPTURE")


@api("POST")
def authorize_order(request: HttpRequest, ref: str) -> tuple[int, dict[str, Any]]:
    return _take_step(request, ref, "AUTHORIZE")


def _take_step(request: HttpRequest, ref: str, intent: str) -> tuple[int, dict[str, Any]]:
    body, same, order = body_of(request), fingerprint(request), _order(ref)
    if done_before(same, ORDERS_REMEMBERED):
        return 200, described(order)
    _demand_approval(order, intent)
    verb = str((order.result or {}).get("approved_by"))
    if issue := _REFUSALS.get(verb):
        # Said and done: the page is open again, so this must be kept.
        mark(order, status="PAYER_ACTION_REQUIRED")
        refusal = unprocessable(issue, "The payer must act again.", order.payment.page_url)
        return refusal.status, refusal.body()
    step = _capture if intent == "CAPTURE" else _authorize
    step(order, verb, body, same)
    return 201, described(order)


def _demand_approval(order: Transaction, intent: str) -> None:
    status, wanted = status_of(order), order.request["intent"]
    if wanted != intent:
        raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT", f"The order's intent is {wanted}.")
    if status == "COMPLETED":
        done = "CAPTURED" if intent == "CAPTURE" else "AUTHORIZED"
        raise unprocessable(f"ORDER_ALREADY_{done}", f"Order already {done.lower()}.")
    if status != "APPROVED":
        text = "Payer has not yet approved the Order for payment."
        raise unprocessable("ORDER_NOT_APPROVED", text, order.payment.page_url)


def _capture(order: Transaction, verb: str, body: dict[str, Any], same: str) -> None:
    payment, code = order.payment, _RESPONSE_CODES.get(verb, "")
    status = "DECLINED" if code else "PENDING" if verb == "pending" else "COMPLETED"
    mark(order, status="COMPLETED")
    entry = record(payment, "capture", status, payment.amount, order, body, same)
    if code:
        mark(entry, response_code=code)
    if status == "COMPLETED":
        payment.status, payment.captured = Payment.Status.CAPTURED, payment.amount
    elif status == "DECLINED":
        payment.status = Payment.Status.FAILED
    payment.save()
    notify(entry, f"PAYMENT.CAPTURE.{status}")


def _authorize(order: Transaction, verb: str, body: dict[str, Any], same: str) -> None:
    payment, is_bad = order.payment, verb in _RESPONSE_CODES
    status = "DENIED" if is_bad else "CREATED"
    mark(order, status="COMPLETED")
    entry = record(payment, "authorization", status, payment.amount, order, body, same)
    payment.status = Payment.Status.FAILED if is_bad else Payment.Status.AUTHORIZED
    payment.save()
    if not is_bad:
        notify(entry, "PAYMENT.AUTHORIZATION.CREATED")


def _order(ref: str) -> Transaction:
    orders = Transaction.objects.filter(payment__company=NAME, kind="order", ref=ref)
    order = orders.select_related("payment").first()
    if order is None or status_of(order) == "EXPIRED":
        raise not_found()
    return order
