"""What customers paid so far agrees with their payments, and can be made anew."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from payments import tasks
from payments.models import ApiKey, Payment, PaymentStanding, SubjectKey
from payments.money import Money
from payments.projections import customers
from payments.services.payments import create_payment
from payments.statuses import Outcome
from tests.callers import caller
from tests.factories import OperatorFactory
from tests.payments.test_refunds import heard, refund
from tests.payments.test_settle import begin, declined, paid, settled
from tests.projections.test_statistics import PAID, rebuild

pytestmark = pytest.mark.django_db
OWNER = uuid4()
TAKEN = Money(100_00, "AED")


def ordered(customer: str, owner: UUID = OWNER, money: Money = TAKEN) -> Payment:
    return create_payment(owner_id=owner, money=money, customer={"id": customer, "name": "N. N."})


def bought(customer: str, **facts: Any) -> Payment:
    payment = ordered(customer, **facts)
    return settled(begin(payment), paid(money=payment.money))


def give_back(payment: Payment, amount: int, *outcomes: Outcome) -> None:
    operation = refund(payment, amount)
    for outcome in outcomes:
        heard(operation, outcome)


def demand_the_truth(customer: str) -> None:
    found = customers.read(customers.keys_of(customer, OWNER))
    keys = SubjectKey.objects.filter(pk__in=customers.keys_of(customer, OWNER))
    theirs = Payment.objects.filter(subject__in=keys)
    for currency, tally in found.by_currency.items():
        payments = theirs.filter(currency=currency)
        assert tally.total == payments.count()
        assert tally.successful == payments.filter(status__in=PAID).count()
        assert tally.amount == sum(payments.values_list("amount_captured", flat=True))
        assert found.refunded[currency] == sum(payments.values_list("amount_refunded", flat=True))
    assert set(found.by_currency) == set(theirs.values_list("currency", flat=True))


ENDINGS = st.lists(st.sampled_from([Outcome.SUCCEEDED, Outcome.DECLINED]), max_size=2)
DEEDS = st.one_of(
    st.just("deliver"),
    st.tuples(st.just("order"), st.sampled_from("ab")),
    st.tuples(st.just("fail"), st.sampled_from("ab")),
    st.tuples(st.just("buy"), st.sampled_from("ab"), st.lists(ENDINGS, max_size=2)),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(DEEDS, max_size=10))
def test_histories_are_true_once_all_is_delivered_and_equal_those_made_anew(
    story: list[Any],
) -> None:
    names = {name: uuid4().hex for name in "ab"}
    for step in story:
        if step == "deliver":
            tasks.deliver_events()
        elif step[0] == "buy":
            payment = bought(names[step[1]])
            for outcomes in step[2]:
                give_back(payment, 40_00, *outcomes)
        else:
            payment = ordered(names[step[1]])
            if step[0] == "fail":
                settled(begin(payment), declined())
    tasks.deliver_events()
    for customer in names.values():
        demand_the_truth(customer)
    before = list(PaymentStanding.objects.order_by("pk").values_list())
    rebuild("statistics")
    assert list(PaymentStanding.objects.order_by("pk").values_list()) == before


@pytest.fixture
def merchant() -> Client:
    client = caller("payments:read")
    ApiKey.objects.update(owner_id=OWNER)
    give_back(bought("c-7"), 25_50, Outcome.SUCCEEDED)
    bought("c-7", money=Money(3125, "KWD"))
    ordered("c-7")
    bought("c-7", owner=uuid4())
    bought("c-8")
    tasks.deliver_events()
    return client


def history(client: Client, customer: str = "c-7") -> Any:
    return client.get(f"/payments/v2/customers/{customer}/history")


def test_a_merchant_reads_what_their_own_customer_paid(merchant: Client) -> None:
    told = history(merchant).json()
    aed, kwd = told["by_currency"]
    assert (aed["currency"], aed["count"], aed["successful"], aed["pending"]) == ("AED", 2, 1, 1)
    assert (aed["total_amount"], aed["refunded_amount"]) == ("100.00", "25.50")
    assert (kwd["total_amount"], kwd["refunded_amount"]) == ("3.125", "0.000")
    assert told["first_payment_on"] == told["last_payment_on"] != None  # noqa: E711 - a date
    everybodys = history(caller("operator")).json()["by_currency"]
    assert everybodys[0]["total_amount"] == "200.00"


def test_nobody_reads_of_another_merchants_customer_nor_of_one_who_was_forgotten(
    merchant: Client,
) -> None:
    assert history(caller("payments:read")).status_code == 404
    assert history(merchant, "c-9").status_code == 404
    SubjectKey.objects.all().delete()
    assert history(merchant).status_code == 404


def test_reading_costs_the_same_however_much_they_bought(merchant: Client) -> None:
    history(merchant)  # the first call of a key is written down
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert history(merchant).status_code == 200
        costs.append(len(queries))
        for _ in range(3):
            bought("c-7")
        tasks.deliver_events()
    assert costs[0] == costs[1]


def test_an_operator_sees_it_beside_the_payment(merchant: Client) -> None:
    console = Client()
    console.force_login(OperatorFactory.create())
    payment = Payment.objects.filter(owner_id=OWNER).earliest("created_at")
    page = console.get(f"/admin/payments/payment/{payment.pk}/change/").content.decode()
    assert "AED: 1 of 2 paid, 100.00 AED, 25.50 AED given back" in page
