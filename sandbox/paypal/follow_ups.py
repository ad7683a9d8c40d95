"""What follows an authorization or a capture: take, release, give back, dispute."""

from typing import Any

from django.http import HttpRequest

from sandbox.models import Payment, Transaction
from sandbox.paypal.access import (
    PAYMENTS_REMEMBERED,
    api,
    body_of,
    done_before,
    fingerprint,
    not_found,
    unprocessable,
)
from sandbox.paypal.news import notify
from sandbox.paypal.objects import NAME, described, mark, record, status_of, taken_from
from sandbox.paypal.orders import amount_in

Answer = tuple[int, dict[str, Any]]


@api("GET")
def read_authorization(request: HttpRequest, ref: str) -> Answer:
    return 200, described(_entry("authorization", ref))


@api("GET")
def read_capture(request: HttpRequest, ref: str) -> Answer:
    return 200, described(_entry("capture", ref))


@api("GET")
def read_refund(request: HttpRequest, ref: str) -> Answer:
    return 200, described(_entry("refund", ref))


@api("GET")
def read_dispute(request: HttpRequest, ref: str) -> Answer:
    return 200, described(_entry("dispute", ref))


@api("POST")
def capture_authorization(request: HttpRequest, ref: str) -> Answer:
    body, same = body_of(request), fingerprint(request)
    authorization = _entry("authorization", ref)
    if first := done_before(same, PAYMENTS_REMEMBERED):
        return 200, described(first)
    amount = _amount(body, authorization)
    _demand_reserved(authorization)
    if amount > authorization.amount - taken_from(authorization, "capture"):
        raise unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED", "More than was authorized.")
    entry = record(authorization.payment, "capture", "COMPLETED", amount, authorization, body, same)
    _take(authorization, amount, is_final=body.get("final_capture") is True)
    notify(entry, "PAYMENT.CAPTURE.COMPLETED")
    return 201, described(entry)


def _demand_reserved(authorization: Transaction) -> None:
    status = status_of(authorization)
    if status == "VOIDED":
        raise unprocessable("AUTHORIZATION_VOIDED", "A voided authorization cannot be captured.")
    if status == "CAPTURED":
        raise unprocessable("AUTHORIZATION_ALREADY_CAPTURED", "Authorization already captured.")
    if status == "DENIED":
        raise unprocessable("AUTHORIZATION_DENIED", "A denied authorization cannot be captured.")


def _take(authorization: Transaction, amount: int, *, is_final: bool) -> None:
    payment = authorization.payment
    payment.captured += amount
    if is_final:
        payment.released = payment.amount - payment.captured
    payment.status = Payment.Status.CAPTURED
    payment.save()
    mark(authorization, status="PARTIALLY_CAPTURED" if payment.held else "CAPTURED")


@api("POST")
def void_authorization(request: HttpRequest, ref: str) -> tuple[int, dict[str, Any] | None]:
    same, authorization = fingerprint(request), _entry("authorization", ref)
    wants_all = "representation" in request.headers.get("Prefer", "")
    if not done_before(same, PAYMENTS_REMEMBERED):
        _void(authorization, same)
    return (200, described(authorization)) if wants_all else (204, None)


def _void(authorization: Transaction, same: str) -> None:
    payment, status = authorization.payment, status_of(authorization)
    if status == "VOIDED":
        raise unprocessable("PREVIOUSLY_VOIDED", "Authorization was voided before.")
    if status != "CREATED":
        raise unprocessable("PREVIOUSLY_CAPTURED", "Authorization was captured before.")
    mark(authorization, status="VOIDED")
    payment.released, payment.status = payment.amount, Payment.Status.CANCELLED
    payment.save()
    record(payment, "void", "COMPLETED", payment.amount, authorization, {}, same)
    notify(authorization, "PAYMENT.AUTHORIZATION.VOIDED")


@api("POST")
def refund_capture(request: HttpRequest, ref: str) -> Answer:
    body, same, capture = body_of(request), fingerprint(request), _entry("capture", ref)
    if first := done_before(same, PAYMENTS_REMEMBERED):
        return 200, described(first)
    return 201, described(give_back(capture, body, same))


def give_back(capture: Transaction, body: dict[str, Any], same: str = "") -> Transaction:
    """A refund, whole or in part; without an amount, of all that is left."""
    left = capture.amount - taken_from(capture, "refund")
    _demand_taken(capture, left)
    amount = _amount(body, capture) if "amount" in body else left
    if amount > left:
        raise unprocessable("REFUND_AMOUNT_EXCEEDED", "More than was captured.")
    payment = capture.payment
    entry = record(payment, "refund", "COMPLETED", amount, capture, body, same)
    mark(capture, status="REFUNDED" if amount == left else "PARTIALLY_REFUNDED")
    payment.refunded += amount
    in_full = payment.refunded == payment.captured
    partly = Payment.Status.PARTIALLY_REFUNDED
    payment.status = Payment.Status.REFUNDED if in_full else partly
    payment.save()
    notify(entry, "PAYMENT.CAPTURE.REFUNDED")
    return entry


def _demand_taken(capture: Transaction, left: int) -> None:
    if status_of(capture) == "PENDING":
        raise unprocessable("PENDING_CAPTURE", "Cannot refund a capture that is pending.")
    if status_of(capture) == "DECLINED":
        raise unprocessable("CAPTURE_DECLINED", "Nothing was captured.")
    disputes = Transaction.objects.filter(parent=capture, kind="dispute")
    if any(status_of(each) != "RESOLVED" for each in disputes):
        raise unprocessable("TRANSACTION_DISPUTED", "There is an open case for it.")
    if not left:
        raise unprocessable("CAPTURE_FULLY_REFUNDED", "The capture was fully refunded.")


def _amount(body: dict[str, Any], entry: Transaction) -> int:
    if "amount" not in body:
        return entry.amount
    amount, currency = amount_in(body["amount"])
    if currency != entry.payment.currency:
        raise unprocessable("CURRENCY_MISMATCH", "Not the currency of the original.")
    return amount


def _entry(kind: str, ref: str) -> Transaction:
    ours = Transaction.objects.filter(payment__company=NAME, kind=kind, ref=ref)
    entry = ours.select_related("payment", "parent").first()
    if entry is None:
        raise not_found()
    return entry
