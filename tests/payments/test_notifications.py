"""Payers and the merchant are written to: once each, whatever fails, and never about nobody."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from pytest_django import Settings

from payments import lifecycle, notifications, tasks
from payments.events.durable import Handler
from payments.events.models import Delivery, StoredEvent
from payments.events.signal import EventSignal
from payments.models import Payment
from tests.events.conftest import subscribe
from tests.events.receivers import later
from tests.factories import PaymentFactory

__all__ = ["subscribe"]
pytestmark = pytest.mark.django_db(transaction=True)
PAYER = Handler(
    "write_to_payer", notifications.write_to_payer, notifications.FOR_PAYERS, acts_outside=True
)
MERCHANT = Handler(
    "write_to_merchant",
    notifications.write_to_merchant,
    notifications.FOR_THE_MERCHANT,
    acts_outside=True,
)
LETTERS = [
    *((PAYER, "amal@example.com", signal) for signal in notifications.FOR_PAYERS),
    *((MERCHANT, "shop@example.com", signal) for signal in notifications.FOR_THE_MERCHANT),
]


@pytest.fixture(autouse=True)
def _shop(settings: Settings) -> None:
    settings.MERCHANT_EMAIL = ["shop@example.com"]
    settings.MERCHANT_NAME = "Souq <Books> & Co"


def happen(signal: EventSignal, **facts: Any) -> StoredEvent:
    """Something befalls a payment of Amal's."""
    payment = PaymentFactory.create(description="Two lamps", **facts)
    details = {"refund_amount": "25.50"}
    with transaction.atomic(), lifecycle.hold(payment.pk) as held:
        return lifecycle.note(held, signal, provider="stripe", details=details)


@pytest.mark.parametrize(
    ("handler", "to", "signal"), LETTERS, ids=[f"{h.name}-{s.name}" for h, _, s in LETTERS]
)
def test_each_is_told_of_each_event_in_one_plain_letter(
    handler: Handler, to: str, signal: EventSignal, subscribe: Callable[[Handler], Handler]
) -> None:
    subscribe(handler)
    event = happen(signal)
    assert tasks.deliver_outside() == 1
    assert tasks.deliver_outside() == 0
    (letter,) = mail.outbox
    assert letter.to == [to]
    assert letter.extra_headers["Message-ID"].startswith(f"<{event.id}.")
    assert letter.subject.strip()
    assert "125.50 AED" in letter.body
    assert "Two lamps" in letter.body
    if "refund" in signal.name:
        assert "25.50 AED" in letter.subject
    for leftover in ("{{", "{%", "&lt;", "&amp;", "\n\n\n"):
        assert leftover not in f"{letter.subject} {letter.body}"


def test_who_is_forgotten_is_not_written_to(subscribe: Callable[[Handler], Handler]) -> None:
    subscribe(PAYER)
    event = happen(notifications.FOR_PAYERS[0])
    payment = Payment.objects.get(pk=event.aggregate_id)
    assert payment.subject
    payment.subject.delete()
    assert tasks.deliver_outside() == 1
    assert mail.outbox == []
    assert Delivery.objects.get().status == "done"


def test_a_mail_server_that_is_down_costs_time_and_no_letter(
    subscribe: Callable[[Handler], Handler], settings: Settings
) -> None:
    subscribe(PAYER)
    happen(notifications.FOR_PAYERS[0])
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    tasks.deliver_outside()
    assert Delivery.objects.get().last_error == "ConnectionRefusedError"
    settings.EMAIL_BACKEND = backend
    with later(minutes=1):
        assert tasks.deliver_outside() == 1
    assert len(mail.outbox) == 1


def test_a_name_with_a_line_break_makes_no_second_header(
    subscribe: Callable[[Handler], Handler],
) -> None:
    subscribe(MERCHANT)
    happen(notifications.FOR_PAYERS[0], reference="order\nBcc: everybody@example.com")
    tasks.deliver_outside()
    (letter,) = mail.outbox
    assert "Bcc" not in letter.message()
    assert letter.recipients() == ["shop@example.com"]
