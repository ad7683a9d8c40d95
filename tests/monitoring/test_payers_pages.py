"""What a payer reads who comes back and was given no other address."""

from urllib.parse import urlsplit

import pytest
from django.test import Client

from payments.models import Payment
from payments.services.return_addresses import return_address
from payments.statuses import PaymentStatus
from tests.factories import PaymentFactory

pytestmark = pytest.mark.django_db

HEADINGS = {
    "completed": "Paid. Thank you!",
    "authorized": "Approved. Thank you!",
    "failed": "Not paid",
    "cancelled": "Not paid",
    "expired": "Not paid",
    "created": "Being checked",
    "processing": "Being checked",
    "requires_action": "Being checked",
    "partially_refunded": "Paid, and returned",
    "refunded": "Paid, and returned",
    "charged_back": "Paid, and returned",
}


def comes_back(payment: Payment) -> str:
    address = urlsplit(return_address(payment))
    answer = Client().get(f"{address.path}?{address.query}")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("status", list(PaymentStatus))
def test_every_status_is_said_in_plain_words(status: str) -> None:
    page = comes_back(PaymentFactory.create(status=status))
    assert HEADINGS[status] in page
    assert "125.50 AED" in page


def test_nothing_personal_is_on_the_page() -> None:
    page = comes_back(PaymentFactory.create(metadata={"internal": "note"}))
    assert "amal@example.com" not in page
    assert "internal" not in page


def test_who_may_have_paid_is_told_not_to_pay_again() -> None:
    assert "do not pay again" in comes_back(PaymentFactory.create(status="processing"))


def test_an_invented_address_tells_nothing() -> None:
    payment = PaymentFactory.create(status="completed")
    answer = Client().get(f"/payments/v2/return?payment={payment.id}&s=invented")
    assert answer.status_code == 400
    assert "Which payment was it?" in answer.content.decode()
    assert "125.50" not in answer.content.decode()
