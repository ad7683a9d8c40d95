"""Whatever befalls a payment, and whenever somebody works: in the end its contract agrees."""

from contextlib import suppress
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError
from hypothesis import given, settings
from hypothesis import strategies as st

from payments import ledger, tasks
from payments.errors import DomainError
from payments.models import Contract, Earning, Invoice, Payment, SagaRun
from payments.money import Money
from payments.outcomes import ENDED
from payments.services import contracts
from payments.services.payments import create_payment
from payments.statuses import OperationKind, PaymentStatus
from tests.events.receivers import later
from tests.lives import TAKEN, begun_again
from tests.payments.test_ledger import steps

OWNER = uuid4()
# One may lag behind the other.
WORKERS = [tasks.deliver_events, tasks.advance_sagas]
SHARES = {"emp-1": 2500, "emp-2": 3333}


def contract() -> Contract:
    made = contracts.create_contract(
        owner_id=OWNER,
        reference=uuid4().hex,
        money=Money(TAKEN, "AED"),
        starts_on=date(2026, 1, 31),
        employees=list(SHARES.items()),
    )
    list(contracts.fall_due(date(2026, 1, 31)))
    return made


def work() -> None:
    tasks.deliver_events()
    tasks.advance_sagas()


def kept(payment: Payment) -> int:
    if payment.status == PaymentStatus.CHARGED_BACK:
        return 0
    gone = payment.amount_refunded + ledger.taken_back(payment)
    return max(0, payment.amount_captured - gone)


def expected_end(payment: Payment) -> str:
    if kept(payment):
        return "completed"
    is_over = payment.status in ENDED or payment.amount_captured
    return "compensated" if is_over else "waiting"


@pytest.mark.django_db(transaction=True)
@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from([OperationKind.CHARGE, OperationKind.AUTHORIZE]),
    life=st.lists(st.one_of(st.sampled_from(WORKERS), steps()), min_size=3, max_size=20),
)
def test_in_the_end_the_contract_says_what_the_payment_says(
    kind: OperationKind, life: list[Any]
) -> None:
    made = contract()
    money = Money(TAKEN, "AED")
    payment = create_payment(owner_id=OWNER, money=money, contract=made.reference)
    begun_again(payment, kind)
    SagaRun.objects.exclude(payment=payment).update(next_try_at=None, state="stuck")  # of before
    for step in life:
        with suppress(DomainError, IntegrityError):
            step() if step in WORKERS else step(payment)
    for hours in (0, 1, 12, 24):
        with later(hours=hours):
            work()
            work()
    _prove(Payment.objects.get(pk=payment.pk), made)


def _prove(payment: Payment, made: Contract) -> None:
    invoice = Invoice.objects.filter(payment=payment).first()
    assert bool(invoice and invoice.paid_at) == bool(kept(payment)), payment.status
    assert invoice is None or invoice.amount == payment.amount_captured
    earned = {
        each.employee.reference: each.amount for each in Earning.objects.filter(contract=made)
    }
    expected = {name: kept(payment) * share // 10_000 for name, share in SHARES.items()}
    assert earned in (expected, {} if not kept(payment) else expected)
    assert made.invoices.filter(due_on__isnull=False).count() == 1
    state = SagaRun.objects.get(payment=payment).state
    assert state == expected_end(payment), payment.status
