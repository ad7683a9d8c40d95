"""Paystack's hosted page, what the payer may do on it, and what a payer's bank may do later."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from sandbox import redirecting
from sandbox.models import ActRefused, Payment, Transaction
from sandbox.paystack import records
from sandbox.paystack.api import give_back
from sandbox.paystack.news import notify
from sandbox.paystack.records import NAME, OUTCOMES

TITLE = "Paystack"
RESOLUTIONS = {"dispute_won": "declined", "dispute_lost": "merchant-accepted"}
VERBS = frozenset({*OUTCOMES, *RESOLUTIONS, "abandon", "dispute", "refund", "refund_failed"})
_FEE_PER_MILLE = 15


def act(payment: Payment, verb: str) -> None:
    """The payer, their bank, or a person at the control panel does something."""
    with transaction.atomic():
        if verb in OUTCOMES:
            _end(Payment.still_pending(payment.pk), verb)
        elif verb == "abandon":
            Payment.still_pending(payment.pk)
        elif verb == "dispute":
            _dispute(payment)
        elif verb == "refund":
            _refund_rest(payment)
        elif verb == "refund_failed":
            _send_refund_back(payment)
        else:
            _resolve(payment, verb)


def _end(payment: Payment, verb: str) -> None:
    entry = payment.transactions.order_by("pk")[0]
    status, said = OUTCOMES[verb]
    paid = status == "success"
    if paid and entry.kind == "reservation":
        status = "authorized"
    asked = records.hundredths(payment.amount, payment.currency)
    fee = asked * _FEE_PER_MILLE // 1000 if verb == "approve_with_fee" else 0
    paid_at = records.written(timezone.now()) if paid else None
    told = {"status": status, "gateway_response": said, "paid_at": paid_at, "fee_on_top": fee}
    entry.result = told
    entry.save()
    if status == redirecting.REFUSED:
        return  # nobody is told, and the page takes another card
    payment.status = _STATUSES[status]
    payment.captured = payment.amount if payment.status == Payment.Status.CAPTURED else 0
    payment.save()
    if status == "authorized":
        notify(payment, "preauthorization.reserve.success", records.reservation(payment))
    elif paid:
        notify(payment, "charge.success", records.transaction(entry))


_STATUSES = {
    "success": Payment.Status.CAPTURED,
    "authorized": Payment.Status.AUTHORIZED,
    "abandoned": Payment.Status.CANCELLED,
}


def _refund_rest(payment: Payment) -> None:
    left = payment.captured - payment.refunded
    if left <= 0:
        raise ActRefused("there is nothing left to refund")
    give_back(payment, left, {})


def _open_dispute(payment: Payment) -> Transaction | None:
    entry = records.entry_of(payment, "dispute")
    return entry if entry and entry.result is None else None


def _dispute(payment: Payment) -> None:
    left = payment.captured - payment.refunded
    if left <= 0 or _open_dispute(payment):
        raise ActRefused("there is no money that could be disputed, or it is already")
    entry = records.record(payment, "dispute", left, {})
    notify(payment, "charge.dispute.create", records.dispute(entry))


def _resolve(payment: Payment, verb: str) -> None:
    entry = _open_dispute(payment)
    if entry is None:
        raise ActRefused("there is no open dispute of this payment")
    entry.result = {"status": "resolved", "resolution": RESOLUTIONS[verb]}
    entry.save()
    notify(payment, "charge.dispute.resolve", records.dispute(entry))


def _send_refund_back(payment: Payment) -> None:
    """The payer's bank would not have it: the money is the merchant's again."""
    entry = records.entry_of(payment, "refund")
    if entry is None or (entry.result or {}).get("status") == "failed":
        raise ActRefused("there is no refund of this payment that could fail")
    entry.result = {"status": "failed"}
    entry.save()
    payment.refunded -= entry.amount
    some = Payment.Status.PARTIALLY_REFUNDED
    payment.status = some if payment.refunded else Payment.Status.CAPTURED
    payment.save()
    notify(payment, "refund.failed", records.told_of_refund(entry, "failed"))


@require_http_methods(["GET", "HEAD", "POST"])
def show_page(request: HttpRequest, token: str) -> HttpResponse:
    payment = get_object_or_404(Payment, company=NAME, page_token=token)
    return redirecting.play(request, TITLE, payment, OUTCOMES, act, _way_back)


def _way_back(payment: Payment, choice: str) -> str:
    asked = payment.transactions.order_by("pk")[0].request
    metadata = asked.get("metadata")
    if choice == "cancel" and isinstance(metadata, dict) and metadata.get("cancel_action"):
        return str(metadata["cancel_action"])
    url = str(asked.get("callback_url") or "")
    fields = {"trxref": payment.reference, "reference": payment.reference}
    return redirecting.with_query(url, fields) if url else ""
