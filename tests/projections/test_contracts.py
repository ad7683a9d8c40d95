"""Balances of contracts agree with their invoices, and can be made anew."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from payments import tasks
from payments.models import ApiKey, Contract, ContractBalance, Delivery, Payment, StoredEvent
from payments.money import Money
from payments.projections import contracts as projection
from payments.projections.contracts import balance_of
from payments.services import contracts, invoices
from payments.services.payments import create_payment
from tests.callers import caller
from tests.payments.test_settle import begin, paid, settled
from tests.projections.test_statistics import rebuild

pytestmark = pytest.mark.django_db
START = date(2026, 1, 31)
OWNER = uuid4()


def contract(reference: str) -> Contract:
    return contracts.create_contract(
        owner_id=OWNER,
        reference=reference,
        money=Money(100_00, "AED"),
        starts_on=START,
        schedule="weekly",
        employees=[("emp-1", 2500)],
    )


def pay(reference: str, amount: int) -> None:
    money = Money(amount, "AED")
    payment = create_payment(owner_id=OWNER, money=money, contract=reference)
    settled(begin(payment), paid(money=money))


def deliver() -> None:
    """A payment's delivery moves its saga, and that makes the contract's."""
    while tasks.deliver_events() + tasks.advance_sagas():
        pass


def tables() -> list[Any]:
    return list(ContractBalance.objects.order_by("pk").values_list())


def demand_the_truth() -> None:
    for each in Contract.objects.select_related("balance"):
        assert balance_of(each).money == contracts.balance(each)


STEPS = st.one_of(
    st.just("deliver"),
    st.tuples(st.just("weeks"), st.integers(0, 6)),
    st.tuples(st.sampled_from("abc"), st.sampled_from([100_00, 30_00, 250_00])),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, max_size=14))
def test_balances_are_true_once_all_is_delivered_and_equal_those_made_anew(
    story: list[Any],
) -> None:
    names = {name: uuid4().hex for name in "abc"}
    for reference in names.values():
        contract(reference)
    for step in story:
        if step == "deliver":
            tasks.deliver_events()
        elif step[0] == "weeks":
            list(contracts.fall_due(START + timedelta(weeks=step[1])))
        else:
            pay(names[step[0]], step[1])
    deliver()
    demand_the_truth()
    before = tables()
    assert "contracts counted anew" in rebuild("contracts")
    assert tables() == before


def two_weeks_and_a_payment() -> Contract:
    made = contract("rent-7")
    list(contracts.fall_due(START + timedelta(weeks=1)))
    deliver()
    pay("rent-7", 30_00)
    deliver()
    return made


def test_what_was_destroyed_or_invented_is_mended_by_making_it_anew() -> None:
    two_weeks_and_a_payment()
    before = tables()
    ContractBalance.objects.update(due=7)
    ContractBalance.objects.create(contract_id=uuid4(), sequence=1, currency="AED", due=1)
    rebuild("contracts")
    assert tables() == before


def test_hearing_it_all_again_adds_nothing_twice() -> None:
    two_weeks_and_a_payment()
    before = tables()
    call_command("replay_events", "--handler", "keep_contract_balances", stdout=StringIO())
    deliver()
    assert tables() == before


def test_a_contract_older_than_its_balance_is_added_up_from_its_history() -> None:
    two_weeks_and_a_payment()
    ContractBalance.objects.all().delete()
    pay("rent-7", 20_00)
    deliver()
    demand_the_truth()


def test_an_event_that_could_not_be_heard_keeps_later_ones_waiting() -> None:
    made = contract("rent-7")
    list(contracts.fall_due(START))
    Delivery.objects.filter(handler="keep_contract_balances").update(
        status="dead", next_try_at=None
    )
    list(contracts.fall_due(START + timedelta(weeks=1)))
    deliver()
    assert not ContractBalance.objects.exists()
    assert balance_of(made).money.amount == 0


def settle_contracts() -> None:
    """Only what makes the contract's event; nobody hears of it yet."""
    for payment in Payment.objects.filter(status="completed", invoice=None):
        with transaction.atomic():
            invoices.settle(payment)


@pytest.mark.django_db(transaction=True)
def test_what_is_heard_while_it_is_made_anew_is_not_lost() -> None:
    two_weeks_and_a_payment()
    old = ContractBalance.objects.get()
    ContractBalance.objects.all().delete()
    pay("rent-7", 20_00)
    settle_contracts()
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            projection.hear([StoredEvent.objects.filter(type="contract.paid").latest("pk")])
            anew = other.submit(put_right, old)  # it was read before the payment
            time.sleep(0.5)  # it waits for us, or has seen nothing of ours
        anew.result()
    demand_the_truth()


def put_right(balance: ContractBalance) -> None:
    try:
        projection._histories._put_right([balance])
    finally:
        connection.close()


# --- the API


def test_a_merchant_reads_what_is_owed_and_up_to_when_it_is_known() -> None:
    merchant = caller("payments:read")
    ApiKey.objects.update(owner_id=OWNER)
    made = two_weeks_and_a_payment()
    address = f"/payments/v2/contracts/{made.pk}"
    assert merchant.get(address).json()["balance"] == "170.00"
    told = merchant.get(f"{address}/balance").json()
    assert (told["due"], told["paid"], told["balance"]) == ("200.00", "30.00", "170.00")
    list(contracts.fall_due(START + timedelta(weeks=2)))
    waiting = Delivery.objects.get(handler="keep_contract_balances", status="ready")
    at = waiting.event.timestamp.isoformat().replace("+00:00", "Z")
    told = merchant.get(f"{address}/balance").json()
    assert (told["balance"], told["as_of"]) == ("170.00", at)
    deliver()
    assert merchant.get(f"{address}/balance").json()["balance"] == "270.00"
    pay("rent-7", 270_01)
    deliver()
    assert merchant.get(address).json()["balance"] == "-0.01"
    assert caller("payments:read").get(f"{address}/balance").status_code == 404
