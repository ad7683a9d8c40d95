"""Stripe's API: open and close a page, read what became of it."""

import secrets
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from sandbox.models import Payment, Transaction
from sandbox.money import EXPONENTS
from sandbox.server import LOOPBACK
from sandbox.stripe import objects
from sandbox.stripe.charging import close, close_if_over
from sandbox.stripe.forms import Fields, Refused, missing, posted, read
from sandbox.stripe.objects import NAME

MOST = 99_999_999
_SESSION_FIELDS = (
    "mode",
    "line_items",
    "success_url",
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "metadata",
    "payment_intent_data",
    "payment_method_types",
    "locale",
    "expires_at",
    "expand",
    "ui_mode",
)


@posted(*_SESSION_FIELDS)
def create_session(fields: Fields, cause: str | None) -> tuple[Payment, dict[str, Any]]:
    """POST /v1/checkout/sessions: a hosted page."""
    if fields.get("mode") != "payment":
        raise Refused(400, "You must provide a mode: only payment is played here.", param="mode")
    for name in ("success_url", "cancel_url"):
        if not str(fields.get(name) or "").startswith(("http://", "https://")):
            raise Refused(400, "Not a valid URL", code="url_invalid", param=name)
    amount, currency, description = _item(fields)
    _check_end(fields)
    token = secrets.token_hex(32)
    payment = Payment.objects.create(
        company=NAME,
        transaction_ref=f"cs_test_{secrets.token_hex(20)}",
        reference=str(fields.get("client_reference_id") or "")[:64],
        description=description[:128],
        currency=currency,
        amount=amount,
        page_token=token,
        page_url=f"http://{LOOPBACK}:{settings.COMPANY_PORTS[NAME]}/c/pay/{token}",
    )
    objects.add(payment, "cs", "session", amount, fields, "open")
    return payment, objects.session(payment)


def _check_end(fields: Fields) -> None:
    """A page may live for half an hour to a day, and a day unless it is told otherwise."""
    text = str(fields.get("expires_at", objects.now() + objects.LONGEST_PAGE))
    if not text.isascii() or not text.isdigit():
        code = "parameter_invalid_integer"
        raise Refused(400, f"Invalid integer: {text}", code=code, param="expires_at")
    if not objects.SHORTEST_PAGE <= int(text) - objects.now() <= objects.LONGEST_PAGE:
        message = "expires_at must be 30 minutes to 24 hours from Checkout Session creation."
        raise Refused(400, message, param="expires_at")


def _item(fields: Fields) -> tuple[int, str, str]:
    """Amount, currency and name of the one thing that is paid for."""
    items = fields.get("line_items")
    item = items.get("0") if isinstance(items, dict) else None
    item = item if isinstance(item, dict) else {}
    price = item.get("price_data")
    product = price.get("product_data") if isinstance(price, dict) else None
    name = product.get("name") if isinstance(product, dict) else None
    if not isinstance(price, dict) or not name or item.get("quantity") != "1":
        raise Refused(400, "Give one line item with price_data and a name.", param="line_items")
    currency = currency_in(price)
    return amount_in(price, "unit_amount", currency), currency, str(name)


def currency_in(fields: Fields) -> str:
    currency = str(fields.get("currency") or "")
    if currency != currency.lower() or currency.upper() not in EXPONENTS:
        raise Refused(400, f"Invalid currency: {currency}.", param="currency")
    return currency.upper()


def amount_in(fields: Fields, name: str, currency: str) -> int:
    """An amount as the sandbox counts, of one that Stripe takes."""
    text = str(fields.get(name) or "")
    if not text.isascii() or not text.isdigit():
        code = "parameter_invalid_integer"
        raise Refused(400, f"Invalid integer: {text}", code=code, param=name)
    if not 1 <= int(text) <= MOST:
        code = "amount_too_large" if int(text) else "amount_too_small"
        raise Refused(400, f"Amount must be from 1 to {MOST}.", code=code, param=name)
    minor = objects.minor_of(int(text), currency)
    if minor is None:
        message = f"{text} is finer than {currency} allows."
        raise Refused(400, message, code="invalid_amount", param=name)
    return minor


@posted()
def expire_session(fields: Fields, cause: str | None, ref: str) -> tuple[Payment, dict[str, Any]]:
    """POST /v1/checkout/sessions/{id}/expire: nobody can pay there any more."""
    payment = payment_named(ref)
    if payment.status != Payment.Status.PENDING:
        message = "Only Checkout Sessions with a status in [open] can be expired."
        raise Refused(400, message, payment=payment)
    close(payment, cause)
    return payment, objects.session(payment)


@read
def read_session(request: HttpRequest, ref: str) -> dict[str, Any]:
    """GET /v1/checkout/sessions/{id}"""
    wanted = request.GET.getlist("expand[]")
    expanded = any(name.startswith("payment_intent") for name in wanted)
    return objects.session(payment_named(ref), expanded=expanded)


@read
def read_intent(request: HttpRequest, ref: str) -> dict[str, Any]:
    """GET /v1/payment_intents/{id}"""
    return objects.intent(intent_named(ref), expanded="latest_charge" in str(request.GET))


@read
def not_there(request: HttpRequest, rest: str) -> dict[str, Any]:
    raise Refused(404, f"Unrecognized request URL ({request.method}: /v1/{rest}).")


def payment_named(ref: str) -> Payment:
    pages = Payment.objects.filter(company=NAME, transactions__kind="session")
    payment = pages.filter(transaction_ref=ref).first()
    if payment is None:
        raise missing("checkout.session", ref)
    close_if_over(payment)
    return payment


def intent_named(ref: str) -> Transaction:
    ours = Transaction.objects.select_related("payment").filter(payment__company=NAME)
    intent = ours.filter(kind="intent", ref=ref).first()
    if intent is None:
        raise missing("payment_intent", ref)
    return intent
