"""Flutterwave's hosted page, what the payer may do on it, and what a payer's bank may do later."""

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from sandbox import redirecting
from sandbox.flutterwave import records
from sandbox.flutterwave.api import give_back
from sandbox.flutterwave.news import notify
from sandbox.flutterwave.records import NAME, OUTCOMES
from sandbox.models import ActRefused, Payment, Transaction

TITLE = "Flutterwave"
RESOLUTIONS = {"dispute_won": "won", "dispute_lost": "lost"}
VERBS = frozenset({*OUTCOMES, *RESOLUTIONS, "abandon", "dispute", "pay_again", "refund"})


def act(payment: Payment, verb: str) -> None:
    """The payer, their bank, or a person at the control panel does something."""
    with transaction.atomic():
        if verb in OUTCOMES:
            _end(Payment.still_pending(payment.pk), verb)
        elif verb == "abandon":
            Payment.still_pending(payment.pk)
        elif verb == "pay_again":
            _pay_again(payment)
        elif verb == "dispute":
            _dispute(payment)
        elif verb == "refund":
            _refund_rest(payment)
        else:
            _resolve(payment, verb)


def _end(payment: Payment, verb: str) -> None:
    if verb == "cancel":
        payment.status = Payment.Status.CANCELLED
        return payment.save()
    if OUTCOMES[verb][0] == "successful":
        payment.status, payment.captured = Payment.Status.CAPTURED, payment.amount
        payment.save()
    return _try(payment, verb)


def _try(payment: Payment, verb: str) -> None:
    """One try to pay: a transaction of its own, and news of it however it ended."""
    status, said = OUTCOMES[verb]
    told = {"status": status, "processor_response": said}
    entry = records.record(payment, "charge", payment.amount, {}, told)
    notify(payment, "charge.completed", records.transaction(entry))


def _pay_again(payment: Payment) -> None:
    if records.paid_charge(payment) is None:
        raise ActRefused("the payment was not paid a first time")
    payment.captured += payment.amount
    payment.save()
    _try(payment, "approve")


def _refund_rest(payment: Payment) -> None:
    charge, left = records.paid_charge(payment), payment.captured - payment.refunded
    if charge is None or left <= 0:
        raise ActRefused("there is nothing left to refund")
    give_back(charge, left, {"comments": "by hand"})


def _open_chargeback(payment: Payment) -> Transaction | None:
    return payment.transactions.filter(kind="chargeback", result__isnull=True).first()


def _dispute(payment: Payment) -> None:
    charge, left = records.paid_charge(payment), payment.captured - payment.refunded
    if charge is None or left <= 0 or _open_chargeback(payment):
        raise ActRefused("there is no money that could be disputed, or it is already")
    entry = records.record(payment, "chargeback", min(left, charge.amount), {}, parent=charge)
    _tell(entry)


def _resolve(payment: Payment, verb: str) -> None:
    entry = _open_chargeback(payment)
    if entry is None:
        raise ActRefused("there is no open dispute of this payment")
    entry.result = {"status": RESOLUTIONS[verb]}
    entry.save()
    _tell(entry)


def _tell(chargeback: Transaction) -> None:
    """Named by its status; of its charge no more than Flutterwave's own reference."""
    told = records.chargeback(chargeback)
    known = {name: told[name] for name in told if name not in ("tx_ref", "transaction_id")}
    notify(chargeback.payment, f"chargeback.{told['status']}", known)


@require_http_methods(["GET", "HEAD", "POST"])
def show_page(request: HttpRequest, token: str) -> HttpResponse:
    payment = get_object_or_404(Payment, company=NAME, page_token=token)
    return redirecting.play(request, TITLE, payment, OUTCOMES, act, _way_back)


def _way_back(payment: Payment, choice: str) -> str:
    """Unsigned; one who cancels has no transaction to carry."""
    fields = {"status": OUTCOMES[choice][0], "tx_ref": payment.reference}
    charge = payment.transactions.filter(kind="charge").order_by("-pk").first()
    if charge:
        fields["transaction_id"] = str(records.number_of(charge))
    return redirecting.with_query(records.page_of(payment).request["redirect_url"], fields)
