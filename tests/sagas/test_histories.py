"""Whatever befalls a payment, and whenever somebody works: in the end its contract agrees."""

from contextlib import suppress
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments import ledger, tasks
from payments.events.chain import verify_stream
from payments.events.signal import Aggregate
from payments.events.store import read_stream
from payments.lifecycle import aggregate_of
from payments.models import (
    Contract,
    Earning,
    Invoice,
    Payment,
    PaymentStanding,
    SagaRun,
)
from payments.money import Money
from payments.outcomes import ENDED
from payments.projections.contracts import balance_of
from payments.services import contracts
from payments.services.contracts import history_of
from payments.services.payments import create_payment
from payments.statuses import OperationKind, PaymentStatus, may_become
from tests.events.receivers import later
from tests.lives import TAKEN, begun_again
from tests.payments.test_ledger import agrees, refusals_of, steps
from tests.projections import test_contracts, test_statistics

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
@settings(max_examples=25, deadline=None)
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
        if step in WORKERS:
            step()
            continue
        with suppress(*refusals_of(step)):
            step(payment)
        assert agrees(payment) == []
    for hours in (0, 1, 12, 24):
        with later(hours=hours):
            work()
            work()
    _prove(Payment.objects.get(pk=payment.pk), made)
    prove_history(payment, made)
    prove_read_models(payment.pk, made)


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


def prove_history(payment: Payment, made: Contract) -> None:
    """The chains hold, and each move of the payment was lawful."""
    sagas = [Aggregate("saga", str(saga.pk)) for saga in payment.sagas.all()]
    for each in (aggregate_of(payment), history_of(made), *sagas):
        assert verify_stream(each)
    before = PaymentStatus.CREATED
    for event in read_stream(aggregate_of(payment)):
        after = PaymentStatus(event.data["status"])
        assert after is before or may_become(before, after), (before, after, event.type)
        before = after
    payment.refresh_from_db()
    assert payment.status == before


def prove_read_models(payment_id: UUID, made: Contract) -> None:
    """All was delivered: they tell the truth, and made anew they are the same."""
    payment = Payment.objects.get(pk=payment_id)
    standing = PaymentStanding.objects.get(pk=payment_id)
    assert (standing.provider, standing.refunded) == (payment.provider, payment.amount_refunded)
    assert balance_of(made).money == contracts.balance(made)
    test_statistics.demand_the_truth()
    before = (test_statistics.tables(), test_contracts.tables())
    test_statistics.rebuild()
    assert (test_statistics.tables(), test_contracts.tables()) == before
