"""The ledger as its callers read it: own postings and balances, for an operator everybody's."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from payments.models import ApiKey
from payments.money import Money
from payments.statuses import Outcome
from tests.callers import caller
from tests.lives import begun, heard, refunding

SUCCEEDED = Outcome.SUCCEEDED
BALANCES = "/payments/v2/ledger/balances"


def owner_of(api: Client) -> UUID:
    return ApiKey.objects.get().owner_id


def results(client: Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_a_payments_ledger_tells_each_move_of_its_money(api: Client) -> None:
    payment = heard(begun(owner_id=owner_of(api)), SUCCEEDED, fee=Money(150, "AED"))
    refund = refunding(payment, 3_000)
    heard(refund, SUCCEEDED)
    told = results(api, f"/payments/v2/{payment.pk}/ledger")
    assert [(each["kind"], each["amount"]) for each in told] == [
        ("captured", "100.00"), ("fee", "1.50"), ("refunded", "30.00"),
    ]  # fmt: skip
    assert set(told[-1]) == {
        "kind", "from_account", "to_account", "amount", "currency", "provider", "operation",
        "posted_at",
    }  # fmt: skip
    assert (told[-1]["from_account"], told[-1]["to_account"]) == ("provider", "refunds")
    assert told[-1]["operation"] == str(refund.pk)


def test_balances_are_the_callers_own_and_for_an_operator_everybodys(api: Client) -> None:
    mine, theirs = owner_of(api), UUID(int=9)
    heard(begun(owner_id=mine), SUCCEEDED, fee=Money(150, "AED"))
    payment = heard(begun(owner_id=theirs), SUCCEEDED)
    (own,) = results(api, BALANCES)
    assert own == {
        "provider": "paytabs",
        "currency": "AED",
        "merchant": str(mine),
        "accounts": {
            "payer": "-100.00", "reserved": "0.00", "provider": "98.50", "refunds": "0.00",
            "disputes": "0.00", "fees": "1.50",
        },
    }  # fmt: skip
    assert api.get(f"/payments/v2/{payment.pk}/ledger").status_code == 404
    operator = caller("operator")
    assert {each["merchant"] for each in results(operator, BALANCES)} == {str(mine), str(theirs)}
    assert len(results(operator, f"/payments/v2/{payment.pk}/ledger")) == 1


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 1), ("?provider=paytabs&currency=AED", 1), ("?provider=stripe", 0), ("?currency=USD", 0)],
)
def test_balances_can_be_asked_for_by_provider_and_currency(
    api: Client, query: str, count: int
) -> None:
    heard(begun(owner_id=owner_of(api)), SUCCEEDED)
    assert len(results(api, BALANCES + query)) == count


def test_balances_are_one_query_however_many_payments_there_are(
    api: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        heard(begun(owner_id=owner_of(api)), SUCCEEDED)
    with django_assert_max_num_queries(3):  # the key, its use, and the sums
        assert len(results(api, BALANCES)) == 1


@pytest.mark.parametrize("path", [BALANCES, f"/payments/v2/{UUID(int=1)}/ledger"])
def test_the_ledger_needs_the_scope_to_read(db: None, path: str) -> None:
    assert Client().get(path).status_code == 401
    assert caller("payments:write").get(path).status_code == 403
