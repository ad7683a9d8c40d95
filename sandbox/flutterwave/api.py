"""Flutterwave's API: open a page, ask what became of it, give money back."""

import secrets
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse

from sandbox.bearer import Body, Refused, text_in, web_address_in
from sandbox.bearer import api as bearer_api
from sandbox.flutterwave import records
from sandbox.flutterwave.news import notify
from sandbox.flutterwave.records import CURRENCIES, NAME
from sandbox.models import Payment, Transaction
from sandbox.money import AmountRefused, minor_units

_PER_PAGE = 10


def served(**views: Callable[..., Body]) -> Callable[..., HttpResponse]:
    return bearer_api("FLUTTERWAVE_SECRET_KEY", _refusal, **views)


def _refusal(no: Refused) -> Body:
    message = "Invalid authorization key" if no.status == 401 else no.message
    return {"status": "error", "message": message, "data": None}


def _answer(message: str, data: Any) -> Body:
    return {"status": "success", "message": message, "data": data}


def create(request: HttpRequest, body: Body) -> Body:
    """POST /v3/payments: a page. It has no transaction until somebody tries to pay."""
    reference, currency = text_in(body, "tx_ref", 64), text_in(body, "currency") or "NGN"
    if not reference or not web_address_in(body, "redirect_url"):
        raise Refused(400, "tx_ref and redirect_url are required")
    customer = body.get("customer")
    if not isinstance(customer, dict) or "@" not in text_in(customer, "email"):
        raise Refused(400, "customer email is required")
    if currency not in CURRENCIES:
        raise Refused(400, "Currency not supported")
    token = secrets.token_hex(16)
    payment = Payment.objects.create(
        company=NAME,
        transaction_ref=_unused(reference),
        reference=reference,
        description=_title(body),
        currency=currency,
        amount=_amount(body, currency),
        page_token=token,
        page_url=request.build_absolute_uri(f"/hosted/pay/{token}"),
    )
    records.record(payment, "page", payment.amount, body)
    return _answer("Hosted Link", {"link": payment.page_url})


def _title(body: Body) -> str:
    shown = body.get("customizations")
    return str(shown.get("title") or "")[:128] if isinstance(shown, dict) else ""


def _unused(reference: str) -> str:
    """A `tx_ref` may be used twice; our own books must tell the two pages apart."""
    again = Payment.objects.filter(company=NAME, reference=reference).count()
    return f"{reference[:60]}-{again + 1}" if again else reference


def _amount(body: Body, currency: str) -> int:
    """A number or its text, in major units."""
    given = body.get("amount")
    if isinstance(given, bool) or not isinstance(given, int | str | Decimal):
        raise Refused(400, "amount is required")
    try:
        return minor_units(Decimal(given), currency)
    except (AmountRefused, InvalidOperation):
        raise Refused(400, "amount is no amount of its currency") from None


def transactions(request: HttpRequest, query: Body) -> Body:
    """GET /v3/transactions?from=&to=&tx_ref=&status=&page=: the newest first."""
    named = {"reference": query["tx_ref"]} if query.get("tx_ref") else {}
    ours = records.ours("charge", **named)
    found = _within(query, [records.transaction(each) for each in ours])
    found = _only(found, query, "status", "currency")
    return _page("Transactions fetched", found, query)


def _within(query: Body, found: list[Body]) -> list[Body]:
    """Whole days, the first and the last included."""
    since, until = query.get("from", ""), query.get("to", "") or "9999"
    return [each for each in found if since <= each["created_at"][:10] <= until]


def _only(found: list[Body], query: Body, *names: str) -> list[Body]:
    wanted = {name: query[name] for name in names if query.get(name)}
    return [each for each in found if all(each[name] == wanted[name] for name in wanted)]


def _page(message: str, found: list[Body], query: Body) -> Body:
    asked = query.get("page", "")
    current = int(asked) if asked.isascii() and asked.isdigit() and int(asked) else 1
    pages = -(-len(found) // _PER_PAGE)
    info = {"total": len(found), "current_page": current, "total_pages": pages}
    shown = found[(current - 1) * _PER_PAGE : current * _PER_PAGE]
    return _answer(message, shown) | {"meta": {"page_info": info}}


def verify_by_reference(request: HttpRequest, query: Body) -> Body:
    """GET /v3/transactions/verify_by_reference?tx_ref="""
    found = records.ours("charge", reference=query.get("tx_ref", ""))
    return _verified(found[0] if found else None)


def verify(request: HttpRequest, query: Body, number: int) -> Body:
    """GET /v3/transactions/{id}/verify"""
    return _verified(records.numbered(number, "charge"))


def _verified(entry: Transaction | None) -> Body:
    if entry is None:
        raise Refused(400, "No transaction was found for this id")
    return _answer("Transaction fetched successfully", records.transaction(entry))


def refund(request: HttpRequest, body: Body, number: int) -> Body:
    """POST /v3/transactions/{id}/refund: by Flutterwave's own number only."""
    charge = records.numbered(number, "charge")
    if charge is None or (charge.result or {})["status"] != "successful":
        raise Refused(400, "No transaction was found for this id")
    text_in(body, "comments")
    left = charge.amount - _given_back(charge)
    amount = _amount(body, charge.payment.currency) if "amount" in body else left
    if not left or amount > left:
        raise Refused(400, "Refund amount is more than what is left of the transaction")
    return _answer("Transaction refund initiated", give_back(charge, amount, body))


def give_back(charge: Transaction, amount: int, facts: Body) -> Body:
    """By the merchant's program, or by hand in the dashboard."""
    entry = records.record(charge.payment, "refund", amount, facts, parent=charge)
    _note_refund(charge.payment, amount)
    notify(charge.payment, "refund.completed", records.refund(entry))
    return records.refund(entry)


def _given_back(charge: Transaction) -> int:
    refunds = Transaction.objects.filter(parent=charge, kind="refund")
    return int(refunds.aggregate(total=Sum("amount"))["total"] or 0)


def _note_refund(payment: Payment, amount: int) -> None:
    payment.refunded += amount
    in_full = payment.refunded == payment.captured
    status = Payment.Status.REFUNDED if in_full else Payment.Status.PARTIALLY_REFUNDED
    payment.status = status
    payment.save()


def refunds(request: HttpRequest, query: Body) -> Body:
    """GET /v3/refunds?from=&to=&page="""
    found = _within(query, [records.refund(each) for each in records.ours("refund")])
    return _page("Refunds fetched", found, query)


def fetch_refund(request: HttpRequest, query: Body, number: int) -> Body:
    """GET /v3/refunds/{id}"""
    entry = records.numbered(number, "refund")
    if entry is None:
        raise Refused(400, "No refund was found for this id")
    return _answer("Refund fetched", records.refund(entry))


def chargebacks(request: HttpRequest, query: Body) -> Body:
    """GET /v3/chargebacks?flw_ref=&status=&page="""
    found = [records.chargeback(each) for each in records.ours("chargeback")]
    found = _only(found, query, "flw_ref", "status")
    return _page("Chargebacks fetched", found, query)
