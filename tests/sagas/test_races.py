"""Who waits for a contract's lock acts on the payment as it is by then, not as it was before."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction

from payments.models import Contract, Earning, Invoice, Payment
from payments.services import invoices
from payments.statuses import Outcome
from tests.lives import TAKEN, heard, refunding
from tests.sagas.test_processing import earned, rented, sent, work

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 30


def while_locked(change: Callable[[], object], act: Callable[[Payment], Any]) -> Any:
    """Change a payment under its contract's lock, which somebody who read it before waits for."""
    read_before = Payment.objects.get()
    waits = Event()

    def at_the_lock(execute: Callable[..., Any], sql: str, *facts: Any) -> Any:
        if "FOR UPDATE" in sql or sql.startswith("BEGIN"):
            waits.set()
        return execute(sql, *facts)

    def wait_and_act() -> Any:
        try:
            with connection.execute_wrapper(at_the_lock):
                return act(read_before)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Contract.objects.select_for_update().get()
            acted = pool.submit(wait_and_act)
            assert waits.wait(PATIENCE_SECONDS)
            change()
        return acted.result(PATIENCE_SECONDS)


def test_what_goes_back_while_it_is_being_settled_pays_nothing() -> None:
    rented()
    refund = refunding(heard(sent(), Outcome.SUCCEEDED), TAKEN)
    settled = while_locked(
        lambda: heard(refund, Outcome.SUCCEEDED, reference="R1"), invoices.settle
    )
    assert settled is None
    assert Invoice.objects.get().paid_at is None
    assert not Earning.objects.exists()


def test_a_second_refund_is_not_forgotten_over_the_first() -> None:
    rented()
    payment = heard(sent(), Outcome.SUCCEEDED)
    work()
    heard(refunding(payment, 1_000), Outcome.SUCCEEDED, reference="R1")
    second = refunding(payment, 2_000)

    def refund_again() -> None:
        invoices.follow_refunds(heard(second, Outcome.SUCCEEDED, reference="R2"))

    while_locked(refund_again, invoices.follow_refunds)
    assert earned() == (TAKEN - 3_000) // 4


def test_what_comes_back_while_it_is_being_let_go_stays_paid() -> None:
    rented()
    payment = heard(sent(), Outcome.SUCCEEDED)
    work()
    refund = refunding(payment, TAKEN)
    heard(refund, Outcome.SUCCEEDED, reference="R1")
    while_locked(lambda: heard(refund, Outcome.DECLINED, takes_back=True), invoices.let_go)
    assert Invoice.objects.get().paid_at
    assert earned() == TAKEN // 4
