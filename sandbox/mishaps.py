"""What goes wrong at any company alike, for whoever wants to see it found."""

from django.db import transaction
from django.db.models import F

from sandbox.models import ActRefused, Payment

_MORE = 10  # in minor units; the last of three decimals must be 0 at some
_NO_CHARGES = ("refund", "dispute", "chargeback", "reply", "void", "release")


def change_amount(payment: Payment) -> None:
    """The company's books say another amount than was asked for, and nobody is told."""
    if payment.status == Payment.Status.PENDING:
        raise ActRefused("nobody has paid this yet")
    with transaction.atomic():
        taken = F("captured") + _MORE if payment.captured else F("captured")
        Payment.objects.filter(pk=payment.pk).update(amount=F("amount") + _MORE, captured=taken)
        charges = payment.transactions.exclude(kind__in=_NO_CHARGES)
        charges.update(amount=F("amount") + _MORE)


MISHAPS = {"change_amount": change_amount}
