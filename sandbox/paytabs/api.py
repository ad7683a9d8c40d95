"""PayTabs' API: open a page, follow up on what was paid, ask what became of it."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from sandbox.models import Payment, Transaction
from sandbox.money import EXPONENTS, AmountRefused, in_major_units, minor_units
from sandbox.paytabs.news import notify_of_follow_up
from sandbox.paytabs.transactions import NAME, answer, approved, new_ref, record, trace

SMALLEST_AMOUNT = Decimal("0.01")
AUTHENTICATION_FAILED = 1
INVALID_REQUEST = 2
DUPLICATE_REQUEST = 4
CURRENCY_INVALID = 206

PAGE_TYPES = ("sale", "auth")
FOLLOW_UPS = ("capture", "void", "release", "refund")
REFUNDABLE = ("sale", "capture")


class Refused(Exception):
    """PayTabs' error answer: an HTTP status, its own code, and a sentence."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def _api(view: Callable[[HttpRequest, dict[str, Any]], Any]) -> Callable[..., HttpResponse]:
    """Who calls, what they say, and PayTabs' own way of refusing either."""

    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponse:
        try:
            return JsonResponse(view(request, _body_of(request)), safe=False)
        except Refused as no:
            refusal = {"code": no.code, "message": no.message, "trace": trace("PMNT")}
            return JsonResponse(refusal, status=no.status)

    return wrapped


def _body_of(request: HttpRequest) -> dict[str, Any]:
    if request.method != "POST":
        raise Refused(405, INVALID_REQUEST, "Invalid request: use POST")
    key = request.headers.get("Authorization", "")
    if not hmac.compare_digest(key.encode(), settings.PAYTABS_SERVER_KEY.encode()):
        raise _not_authenticated()
    try:
        body = json.loads(request.body, parse_float=Decimal, parse_constant=_no_such_number)
    except (ValueError, RecursionError):
        raise Refused(400, INVALID_REQUEST, "Invalid request: not JSON") from None
    if not isinstance(body, dict) or type(body.get("profile_id")) is not int:
        raise Refused(400, INVALID_REQUEST, "Invalid request: profile_id must be a number")
    if body["profile_id"] != settings.PAYTABS_PROFILE_ID:
        raise _not_authenticated()
    return body


def _no_such_number(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _not_authenticated() -> Refused:
    message = "Authentication failed. Check authentication header."
    return Refused(401, AUTHENTICATION_FAILED, message)


@_api
def request_payment(request: HttpRequest, body: dict[str, Any]) -> dict[str, Any]:
    """POST /payment/request: a new page, or a follow-up to what was paid."""
    kind = _one_of(body, "tran_type", (*PAGE_TYPES, *FOLLOW_UPS))
    _one_of(body, "tran_class", ("ecom",) if kind in FOLLOW_UPS else ("ecom", "recurring", "moto"))
    _text(body, "cart_id", 64)
    _text(body, "cart_description", 128)
    amount = _amount(body)
    for name in ("callback", "return"):
        _web_address(body, name)
    with transaction.atomic():
        fingerprint = _unrepeated(body, kind, amount)
        if kind in FOLLOW_UPS:
            return _follow_up(body, kind, amount, fingerprint)
        return _open_page(request, body, kind, amount, fingerprint)


@_api
def query(request: HttpRequest, body: dict[str, Any]) -> Any:
    """POST /payment/query: an object for a tran_ref, an array for a cart_id."""
    by_ref, by_cart = body.get("tran_ref"), body.get("cart_id")
    if bool(by_ref) == bool(by_cart):
        raise _invalid("give either tran_ref or cart_id")
    if by_ref:
        return answer(_transaction(_text(body, "tran_ref", 64)))
    ours = Transaction.objects.filter(payment__company=NAME)
    entries = ours.filter(reference=_text(body, "cart_id", 64)).order_by("id")
    return [answer(entry) for entry in entries.select_related("payment", "parent")]


def _invalid(why: str) -> Refused:
    return Refused(400, INVALID_REQUEST, f"Invalid request: {why}")


def _one_of(body: dict[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    if body.get(name) not in allowed:
        raise _invalid(f"{name} must be one of {', '.join(allowed)}")
    return str(body[name])


def _text(body: dict[str, Any], name: str, longest: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= len(value) <= longest:
        raise _invalid(f"{name} must be a text of 1 to {longest} characters")
    return value


def _amount(body: dict[str, Any]) -> int:
    currency = body.get("cart_currency")
    if not isinstance(currency, str) or currency not in EXPONENTS:
        raise Refused(400, CURRENCY_INVALID, "Invalid currency code")
    amount = body.get("cart_amount")
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise _invalid("cart_amount must be a number")
    if amount < SMALLEST_AMOUNT:
        raise _invalid(f"cart_amount must be at least {SMALLEST_AMOUNT}")
    try:
        return minor_units(Decimal(amount), currency)
    except AmountRefused as error:
        raise _invalid(f"cart_amount: {error}") from None


def _web_address(body: dict[str, Any], name: str) -> None:
    value = body.get(name)
    if value and not (isinstance(value, str) and value.startswith(("http://", "https://"))):
        raise _invalid(f"{name} must be a web address")


def _unrepeated(body: dict[str, Any], kind: str, amount: int) -> str:
    """The duplicate guard: an identical request is refused for a while, not repeated."""
    parts = (kind, body["cart_id"], amount, body["cart_currency"], body.get("tran_ref"))
    fingerprint = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    since = timezone.now() - timedelta(seconds=settings.DUPLICATE_WINDOW_SECONDS)
    if Transaction.objects.filter(fingerprint=fingerprint, created_at__gt=since).exists():
        raise Refused(409, DUPLICATE_REQUEST, "Duplicate Request")
    return fingerprint


def _open_page(
    request: HttpRequest, body: dict[str, Any], kind: str, amount: int, fingerprint: str
) -> dict[str, Any]:
    token = secrets.token_hex(32).upper()
    payment = Payment.objects.create(
        company=NAME,
        transaction_ref=new_ref(),
        reference=body["cart_id"],
        description=body["cart_description"],
        currency=body["cart_currency"],
        amount=amount,
        page_token=token,
        page_url=request.build_absolute_uri(f"/payment/page/{token}/start"),
    )
    entry = record(payment, payment.transaction_ref, kind, amount, body, fingerprint)
    addresses = {name: body[name] for name in ("callback", "return") if body.get(name)}
    return answer(entry) | addresses | {"redirect_url": payment.page_url}


def _follow_up(body: dict[str, Any], kind: str, amount: int, fingerprint: str) -> dict[str, Any]:
    """Take, free or give back money of a payment; each has a tran_ref of its own."""
    parent = _transaction(_text(body, "tran_ref", 64))
    payment = parent.payment
    if body["cart_currency"] != payment.currency:
        raise Refused(400, CURRENCY_INVALID, "Invalid currency code: not that of the original")
    available = _refundable(parent) if kind == "refund" else _held(parent, kind)
    if amount > available:
        most = in_major_units(available, payment.currency)
        raise _invalid(f"cart_amount: no more than {most} is left to {kind}")
    if kind == "refund":
        payment.refunded += amount
    elif kind == "capture":
        payment.captured += amount
    else:
        payment.released += amount
    payment.status = _status_of(payment)
    payment.save()
    entry = record(payment, new_ref(), kind, amount, body, fingerprint, parent)
    notify_of_follow_up(entry)
    return answer(entry)


def _held(parent: Transaction, kind: str) -> int:
    if parent.kind != "auth" or not approved(parent):
        raise _invalid(f"{kind} is for a successful auth")
    return parent.payment.held


def _refundable(parent: Transaction) -> int:
    if parent.kind not in REFUNDABLE or not approved(parent):
        raise _invalid("refund is for a successful sale or capture")
    refunds = Transaction.objects.filter(parent=parent, kind="refund")
    return parent.amount - int(refunds.aggregate(total=Sum("amount"))["total"] or 0)


def _status_of(payment: Payment) -> str:
    if payment.refunded:
        in_full = payment.refunded == payment.captured
        return Payment.Status.REFUNDED if in_full else Payment.Status.PARTIALLY_REFUNDED
    if payment.captured:
        return Payment.Status.CAPTURED
    return Payment.Status.AUTHORIZED if payment.held else Payment.Status.CANCELLED


def _transaction(ref: str) -> Transaction:
    ours = Transaction.objects.select_related("payment", "parent").filter(payment__company=NAME)
    entry = ours.filter(ref=ref).first()
    if entry is None:
        raise Refused(404, INVALID_REQUEST, "Transaction not found")
    return entry
