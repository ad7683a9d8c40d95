"""What payers and the merchant are told by mail: durable receivers, a letter an event each.

A letter's Message-ID is made of the event: should a worker die between sending and writing it
down, the second letter is known by it. Nobody is written to while EMAIL_URL is not set.
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from payments import signals
from payments.events.durable import durable_receiver
from payments.events.models import StoredEvent
from payments.events.signal import EventSignal
from payments.models import Payment
from payments.statuses import OperationKind, Outcome

FOR_PAYERS = (signals.payment_completed, signals.payment_failed, signals.refund_succeeded)
FOR_THE_MERCHANT = (
    *FOR_PAYERS,
    signals.refund_failed,
    signals.dispute_opened,
    signals.payment_contradicted,
)
OF_SAGAS = (signals.saga_step_failed, signals.saga_stuck, signals.saga_compensated)
_TAKES = (OperationKind.AUTHORIZE, OperationKind.CHARGE)


def _if(wanted: object, told: tuple[EventSignal, ...]) -> tuple[EventSignal, ...]:
    """Who writes to nobody needs no deliveries."""
    return told if wanted else ()


@durable_receiver(*_if(settings.SENDS_MAIL, FOR_PAYERS), acts_outside=True)
def write_to_payer(event: StoredEvent) -> None:
    """To the address that came with the payment; silent where there is none, or it is forgotten."""
    payment = Payment.objects.select_related("subject").get(pk=event.aggregate_id)
    if address := payment.customer.get("email"):
        _send("payer", [address], event, payment)


@durable_receiver(
    *_if(settings.SENDS_MAIL and settings.MERCHANT_EMAIL, FOR_THE_MERCHANT), acts_outside=True
)
def write_to_merchant(event: StoredEvent) -> None:
    """To MERCHANT_EMAIL, about whatever may need something done."""
    payment = Payment.objects.get(pk=event.aggregate_id)
    _send("merchant", settings.MERCHANT_EMAIL, event, payment)


def needs_somebody(event: StoredEvent) -> bool:
    """A saga is stuck; a purchase was undone; what was paid cannot be settled, told once."""
    data = event.data
    is_unsettled = data["type"] == "processing" and data["step"] == "settle"
    is_told_now = event.type == signals.saga_stuck.name or is_undone(event)
    return is_told_now or (is_unsettled and data["attempt"] == 1)


def is_undone(event: StoredEvent) -> bool:
    """A purchase came to nothing: what was reserved is free, what was taken was given back."""
    return event.type == signals.saga_compensated.name and event.data["type"] == "purchase"


@durable_receiver(
    *_if(settings.SENDS_MAIL and settings.MERCHANT_EMAIL, OF_SAGAS),
    acts_outside=True,
    about=needs_somebody,
)
def write_of_saga(event: StoredEvent) -> None:
    """To MERCHANT_EMAIL, about what waits for a person."""
    payment = Payment.objects.get(pk=event.data["payment_id"])
    _send("merchant", settings.MERCHANT_EMAIL, event, payment)


@durable_receiver(
    *_if(settings.SENDS_MAIL, (signals.saga_compensated,)), acts_outside=True, about=is_undone
)
def write_to_payer_of_undoing(event: StoredEvent) -> None:
    """To who had paid or let reserve, and will not get what it was for."""
    payment = Payment.objects.select_related("subject").get(pk=event.data["payment_id"])
    had = payment.operations.filter(kind__in=_TAKES, outcome=Outcome.SUCCEEDED)
    if had.exists() and (address := payment.customer.get("email")):
        _send("payer", [address], event, payment)


def _send(reader: str, to: list[str], event: StoredEvent, payment: Payment) -> None:
    subject, body = _letter(f"mail/{reader}/{event.type}.txt", event, payment)
    host = urlsplit(settings.PUBLIC_URL).hostname
    named = {"Message-ID": f"<{event.id}.{reader}@{host}>"}
    EmailMessage(subject, body, to=to, headers=named).send()


def _letter(template: str, event: StoredEvent, payment: Payment) -> tuple[str, str]:
    """The first line is the subject; none of it is HTML."""
    facts: dict[str, Any] = {
        "payment": payment,
        "facts": event.data,
        "details": event.data.get("details"),
        "merchant": settings.MERCHANT_NAME,
        "page": f"{settings.PUBLIC_URL}/admin/payments/payment/{payment.pk}/change/",
    }
    subject, _, body = render_to_string(template, facts).strip().partition("\n")
    return subject, f"{body.strip()}\n"
