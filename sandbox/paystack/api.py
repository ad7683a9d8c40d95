"""Paystack's API: open a page, follow up on what was reserved or paid, ask what became of it."""

import re
import secrets
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from sandbox.bearer import Body, Refused, text_in, web_address_in
from sandbox.bearer import api as bearer_api
from sandbox.models import Payment, Transaction
from sandbox.paystack import records
from sandbox.paystack.news import notify
from sandbox.paystack.records import CURRENCIES, NAME

_REFERENCE = re.compile(r"[A-Za-z0-9\-.=_]{1,64}", re.ASCII)


def served(**views: Callable[..., Body]) -> Callable[..., HttpResponse]:
    return bearer_api("PAYSTACK_SECRET_KEY", _refusal, **views)


def _refusal(no: Refused) -> Body:
    told = {"meta": {"nextStep": "Look at the message"}, "type": "validation_error"}
    return {"status": False, "message": no.message, **told, "code": no.code or "invalid_params"}


def answer(message: str, data: Any, **more: Any) -> Body:
    return {"status": True, "message": message, "data": data} | more


def initialize(request: HttpRequest, body: Body) -> Body:
    """POST /transaction/initialize"""
    return _open_page(request, body, "charge")


def initialize_reservation(request: HttpRequest, body: Body) -> Body:
    """POST /preauthorization/initialize"""
    if body.get("currency") != "ZAR":
        raise Refused(400, "Preauthorization is available in ZAR only")
    return _open_page(request, body, "reservation")


def _open_page(request: HttpRequest, body: Body, kind: str) -> Body:
    if "@" not in text_in(body, "email"):
        raise Refused(400, "Invalid Email Address Passed")
    currency = text_in(body, "currency") or "NGN"
    amount = _amount(body, currency)
    web_address_in(body, "callback_url")
    reference = _new_reference(body)
    token = secrets.token_hex(16)
    url = request.build_absolute_uri(f"/checkout/{token}")
    metadata = body.get("metadata")
    told = metadata.get("description") if isinstance(metadata, dict) else ""
    payment = Payment.objects.create(
        company=NAME,
        transaction_ref=reference,
        reference=reference,
        description=str(told or "")[:128],
        currency=currency,
        amount=amount,
        page_token=token,
        page_url=url,
    )
    records.record(payment, kind, amount, body)
    page = {"authorization_url": url, "access_code": token, "reference": reference}
    return answer("Authorization URL created", page)


def _new_reference(body: Body) -> str:
    reference = text_in(body, "reference") or secrets.token_hex(8)
    if not _REFERENCE.fullmatch(reference):
        raise Refused(400, "reference: only letters, digits, -, . and =")
    if _payment(reference):
        raise Refused(400, "Duplicate Transaction Reference", "duplicate_reference")
    return reference


def _payment(reference: str) -> Payment | None:
    return Payment.objects.filter(company=NAME, transaction_ref=reference).first()


def _amount(body: Body, currency: str) -> int:
    """Hundredths as a number or as text, which is how Paystack's own samples send them."""
    if currency not in CURRENCIES:
        raise Refused(400, "Currency not supported by merchant")
    text = str(body.get("amount"))
    if isinstance(body.get("amount"), bool) or not re.fullmatch(r"[0-9]{1,15}", text, re.ASCII):
        raise Refused(400, "Invalid Amount Sent")
    minor, rest = divmod(int(text), records.hundredths(1, currency))
    if rest or not minor:
        raise Refused(400, "Invalid Amount Sent")
    return minor


def verify(request: HttpRequest, query: Body, reference: str) -> Body:
    """GET /transaction/verify/{reference}"""
    payment = _payment(reference)
    entry = records.money_maker(payment) if payment else None
    if entry is None:
        raise Refused(400, "Transaction reference not found.", "transaction_not_found")
    return answer("Verification successful", records.transaction(entry))


def fetch(request: HttpRequest, query: Body, number: int) -> Body:
    """GET /transaction/{id}"""
    charge = records.entry_numbered(number, "charge")
    entry = charge or records.entry_numbered(number, "capture")
    if entry is None:
        raise Refused(404, "Transaction not found", "not_found")
    return answer("Transaction retrieved", records.transaction(entry))


def reservation(request: HttpRequest, query: Body, reference: str) -> Body:
    """GET /preauthorization/{reference}"""
    told = records.reservation(_reserved(reference))
    return answer("Preauthorization retrieved", told)


def _reserved(reference: str) -> Payment:
    payment = _payment(reference)
    if payment is None or not records.is_reservation(payment):
        raise Refused(400, "Preauthorization not found", "not_found")
    return payment


def capture(request: HttpRequest, body: Body) -> Body:
    """POST /preauthorization/capture: once, whole or in part; the rest is released."""
    payment = _held(text_in(body, "reference"))
    amount = _amount(body, text_in(body, "currency"))
    if body["currency"] != payment.currency or amount > payment.amount:
        raise Refused(400, "Amount is more than what was authorized")
    entry = records.record(payment, "capture", amount, body)
    entry.result = {"status": "success", "gateway_response": "Approved"}
    entry.result["paid_at"] = records.written(entry.created_at)
    entry.save()
    payment.captured, payment.released = amount, payment.amount - amount
    _now(payment, "captured", Payment.Status.CAPTURED)
    told = {"transaction": {"id": str(records.number_of(entry)), "status": "success"}}
    notify(payment, "preauthorization.capture.success", records.reservation(payment) | told)
    return answer("Capture attempted", records.transaction(entry))


def release(request: HttpRequest, body: Body) -> Body:
    """POST /preauthorization/release"""
    payment = _held(text_in(body, "reference"))
    payment.released = payment.amount
    _now(payment, "released", Payment.Status.CANCELLED)
    told = records.reservation(payment)
    notify(payment, "preauthorization.release.success", told)
    return answer("Successfully released", {k: told[k] for k in ("id", "status", "reference")})


def _held(reference: str) -> Payment:
    payment = _reserved(reference)
    if payment.status != Payment.Status.AUTHORIZED:
        raise Refused(400, f"Preauthorization is {records.reservation(payment)['status']}")
    return payment


def _now(payment: Payment, word: str, status: str) -> None:
    entry = payment.transactions.get(kind="reservation")
    entry.result = (entry.result or {}) | {"status": word}
    entry.save()
    payment.status = status
    payment.save()


def refund(request: HttpRequest, body: Body) -> Body:
    """POST /refund: pending at first; both of its notifications follow."""
    payment = _refundable(str(body.get("transaction", "")))
    left = payment.captured - payment.refunded
    if text_in(body, "currency") not in ("", payment.currency):
        raise Refused(400, "Currency is not that of the transaction")
    amount = _amount(body, payment.currency) if "amount" in body else left
    if amount > left or not left:
        raise Refused(400, "Refund amount cannot be more than what is left of the transaction")
    return answer("Refund has been queued for processing", give_back(payment, amount, body))


def give_back(payment: Payment, amount: int, facts: Body) -> Body:
    """By the merchant's program, or by hand in the dashboard; told as it is at first."""
    entry = records.record(payment, "refund", amount, facts)
    told = records.refund(entry)
    notify(payment, "refund.pending", records.told_of_refund(entry, "pending"))
    _process(payment, entry)
    return told


def _process(payment: Payment, entry: Transaction) -> None:
    entry.result = {"status": "processed"}
    entry.save()
    payment.refunded += entry.amount
    in_full = payment.refunded == payment.captured
    status = Payment.Status.REFUNDED if in_full else Payment.Status.PARTIALLY_REFUNDED
    payment.status = status
    payment.save()
    notify(payment, "refund.processed", records.told_of_refund(entry, "processed"))


def _refundable(named: str) -> Payment:
    """By the transaction's number or by its reference."""
    entry = None
    if named.isascii() and named.isdigit() and len(named) < 16:
        number = int(named)
        charge = records.entry_numbered(number, "charge")
        entry = charge or records.entry_numbered(number, "capture")
    payment = entry.payment if entry else _payment(named)
    if payment is None or not payment.captured:
        raise Refused(404, "Transaction not found", "not_found")
    return payment


def fetch_refund(request: HttpRequest, query: Body, number: int) -> Body:
    """GET /refund/{id}"""
    entry = records.entry_numbered(number, "refund")
    if entry is None:
        raise Refused(404, "Refund not found", "not_found")
    return answer("Refund retrieved", records.refund(entry))
