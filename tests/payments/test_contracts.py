"""What payments are for: contracts fall due, are paid once, are shared out to the minor unit."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from payments import tasks
from payments.errors import ContractRefused, InvalidAmount
from payments.models import ApiKey, Contract, Earning, Invoice, Payment, StoredEvent
from payments.money import Money
from payments.services import contracts, invoices
from payments.services.payments import create_payment
from tests.callers import caller
from tests.payments.test_settle import begin, paid, settled

pytestmark = pytest.mark.django_db
OWNER = uuid4()
RENT = Money(100_00, "AED")
START = date(2026, 1, 31)


def contract(reference: str = "rent-7", **facts: Any) -> Contract:
    usual: dict[str, Any] = {
        "owner_id": OWNER,
        "money": RENT,
        "starts_on": START,
        "schedule": "monthly",
    }
    return contracts.create_contract(reference=reference, **(usual | facts))


def pay(reference: str = "rent-7", money: Money = RENT, owner: UUID | None = OWNER) -> Payment:
    payment = create_payment(owner_id=owner, money=money, contract=reference)
    settled(begin(payment), paid(money=money))
    tasks.deliver_events()
    tasks.advance_sagas()
    return payment


def told(name: str) -> list[dict[str, Any]]:
    return [event.data for event in StoredEvent.objects.filter(type=name).order_by("pk")]


def days_due(of: Contract) -> list[str]:
    return [str(day) for day in of.invoices.values_list("due_on", flat=True)]


# --- falling due


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        ("once", ["2026-01-31"]),
        ("weekly", ["2026-01-31", "2026-02-07", "2026-02-14", "2026-02-21", "2026-02-28"]),
        ("monthly", ["2026-01-31", "2026-02-28"]),
    ],
)
def test_a_contract_falls_due_by_its_schedule(schedule: str, days: list[str]) -> None:
    made = contract(schedule=schedule)
    assert list(contracts.fall_due(date(2026, 1, 30))) == []
    assert len(list(contracts.fall_due(date(2026, 2, 28)))) == len(days)
    assert days_due(made) == days
    assert [each["due_on"] for each in told("contract.payment_due")] == days


def test_a_month_that_is_short_does_not_move_the_day_of_those_after_it() -> None:
    made = contract()
    list(contracts.fall_due(date(2026, 5, 31)))
    assert days_due(made)[1:] == ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]


def test_a_day_falls_due_once_however_often_somebody_looks() -> None:
    made = contract()
    with time_machine.travel(datetime(2026, 2, 1, tzinfo=UTC), tick=False):
        assert tasks.let_contracts_fall_due() == 1
        assert tasks.let_contracts_fall_due() == 0
    assert days_due(made) == ["2026-01-31"]


# --- being paid


def test_a_payment_pays_the_oldest_that_is_open() -> None:
    made = contract()
    list(contracts.fall_due(date(2026, 3, 1)))
    assert contracts.balance(made) == Money(200_00, "AED")
    payment = pay()
    first = Invoice.objects.get(payment=payment)
    assert str(first.due_on) == "2026-01-31"
    assert contracts.balance(made) == RENT
    (event,) = told("contract.paid")
    assert (event["reference"], event["amount"]) == ("rent-7", "100.00")
    assert event["payment_id"] == str(payment.pk)


def test_a_beginning_of_another_century_is_refused() -> None:
    with pytest.raises(ContractRefused, match="ten years"):
        contract(starts_on=date(1026, 1, 31), schedule="weekly")


def test_what_fell_due_many_times_is_written_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contracts, "_TIMES_AT_ONCE", 2)
    monkeypatch.setattr(contracts, "_AT_ONCE", 1)
    made, other = contract(schedule="weekly"), contract("rent-8")
    assert len(list(contracts.fall_due(date(2026, 2, 28)))) == 5 + 2
    assert (made.invoices.count(), other.invoices.count()) == (5, 2)


def test_one_contracts_trouble_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = contract("rent-6", starts_on=date(2026, 1, 1)), contract()
    fell_due = contracts.fell_due

    def stumble(due: Contract) -> Invoice:
        if due == broken:
            raise ValueError("of this one alone")
        return fell_due(due)

    monkeypatch.setattr(contracts, "fell_due", stumble)
    assert [invoice.contract for invoice in contracts.fall_due(START)] == [sound]


def test_what_is_paid_ahead_of_its_time_pays_the_next_that_will_fall_due() -> None:
    made = contract()
    pay()
    assert days_due(made) == ["2026-01-31"]
    assert list(contracts.fall_due(date(2026, 2, 27))) == []
    assert contracts.balance(made) == Money(0, "AED")


def test_another_amount_stands_on_the_account_and_pays_no_invoice() -> None:
    made = contract()
    list(contracts.fall_due(date(2026, 1, 31)))
    pay(money=Money(30_00, "AED"))
    assert contracts.balance(made) == Money(70_00, "AED")
    assert made.invoices.get(due_on=START).payment is None


@pytest.mark.parametrize(
    ("reference", "money", "owner"),
    [
        ("rent-8", RENT, OWNER),
        ("rent-7", Money(100_00, "USD"), OWNER),
        ("rent-7", RENT, uuid4()),
        ("rent-7", RENT, None),
    ],
)
def test_a_payment_of_another_name_currency_or_owner_pays_nothing(
    reference: str, money: Money, owner: UUID | None
) -> None:
    contract()
    pay(reference, money, owner)
    assert not Invoice.objects.exists()
    assert told("contract.paid") == []


def test_hearing_of_a_payment_again_pays_nothing_twice() -> None:
    contract(employees=[("emp-1", 5000)])
    payment = pay()
    invoices.settle(payment)
    assert (Invoice.objects.count(), Earning.objects.count()) == (1, 1)
    assert len(told("contract.paid")) == len(told("earnings.calculated")) == 1


# --- sharing out


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 10**12),
    st.lists(st.integers(1, 5000), max_size=6).filter(lambda s: sum(s) <= 10_000),
)
def test_shares_never_exceed_what_was_paid_and_nothing_is_lost(
    amount: int, shares: list[int]
) -> None:
    reference = uuid4().hex
    employees = [(f"emp-{number}", share) for number, share in enumerate(shares)]
    money = Money(amount, "KWD")
    made = contract(reference, money=money, employees=employees)
    payment = pay(reference, money)
    earned = list(made.earnings.order_by("pk").values_list("amount", flat=True))
    assert earned == [amount * share // 10_000 for share in shares]
    event = StoredEvent.objects.filter(type="earnings.calculated").latest("pk").data
    assert event["payment_id"] == str(payment.pk)
    kept = Money.parse(event["kept"], "KWD").amount
    assert kept + sum(earned) == amount


@pytest.mark.parametrize(
    "employees",
    [[("emp-1", 6000), ("emp-2", 4001)], [("emp-1", 0)], [("emp-1", 10), ("emp-1", 10)]],
)
def test_unfair_shares_are_refused(employees: list[tuple[str, int]]) -> None:
    with pytest.raises(ContractRefused):
        contract(employees=employees)
    assert not Contract.objects.exists()


def test_a_contract_of_nothing_or_of_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(InvalidAmount):
        contract(money=Money(0, "AED"))
    contract()
    with pytest.raises(ContractRefused, match="already"):
        contract()
    contract(owner_id=uuid4())


# --- the doors


@pytest.fixture
def merchant() -> Client:
    return caller("payments:read", "payments:write")


def create(client: Client, **facts: Any) -> Any:
    usual = {"reference": "rent-7", "amount": "3.125", "currency": "KWD", "starts_on": "2026-01-31"}
    return client.post("/payments/v2/contracts", usual | facts, "application/json")


def test_a_contract_is_written_down_read_and_earned_by_api(merchant: Client) -> None:
    employees = [{"reference": "emp-1", "share": 2500}]
    made = create(merchant, employees=employees, schedule="weekly")
    assert made.status_code == 201, made.content
    address = f"/payments/v2/contracts/{made.json()['id']}"
    assert merchant.get(address).json() == made.json()
    assert made.json()["amount"] == "3.125"
    assert made.json()["employees"] == employees
    payment = pay("rent-7", Money(3125, "KWD"), ApiKey.objects.get().owner_id)
    (earned,) = merchant.get(f"{address}/earnings").json()["results"]
    assert (earned["employee"], earned["amount"]) == ("emp-1", "0.781")
    assert earned["payment"] == str(payment.pk)


def test_a_contract_is_its_owners_alone(merchant: Client) -> None:
    address = f"/payments/v2/contracts/{create(merchant).json()['id']}"
    stranger = caller("payments:read", "payments:write")
    assert stranger.get(address).status_code == 404
    assert stranger.get(f"{address}/earnings").status_code == 404
    assert stranger.get("/payments/v2/contracts").json()["results"] == []
    assert len(caller("operator").get("/payments/v2/contracts").json()["results"]) == 1


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"amount": "1.2345"}, "invalid_amount"),
        ({"currency": "XXX"}, "unsupported_currency"),
        ({"employees": [{"reference": "a", "share": 10_001}]}, "contract_refused"),
        (
            {"employees": [{"reference": "a", "share": 6000}, {"reference": "b", "share": 6000}]},
            "contract_refused",
        ),
        ({"starts_on": "soon"}, "invalid"),
    ],
)
def test_a_contract_without_sense_is_refused_with_a_reason(
    merchant: Client, facts: dict[str, Any], code: str
) -> None:
    answer = create(merchant, **facts)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)


def test_a_list_costs_the_same_however_many_there_are(merchant: Client) -> None:
    create(merchant)
    costs = []
    for number in range(3):
        with CaptureQueriesContext(connection) as queries:
            assert merchant.get("/payments/v2/contracts").status_code == 200
        costs.append(len(queries))
        create(
            merchant, reference=f"rent-{number + 10}", employees=[{"reference": "a", "share": 1}]
        )
    assert costs[1] == costs[2]
