"""What payments are for, over real HTTP: an invoice is paid, and owed again after a refund."""

from typing import Any

from payments import tasks
from payments.models import Invoice, SagaRun
from tests.journeys.conftest import Merchant
from tests.journeys.test_follow_ups import paid, truth
from tests.sandbox.process import SandboxProcess


def rented(merchant: Merchant) -> str:
    terms: dict[str, Any] = {"reference": "rent-7", "amount": "125.50", "currency": "AED"}
    terms |= {"starts_on": "2026-01-31", "employees": [{"reference": "emp-1", "share": 2500}]}
    made: dict[str, Any] = merchant.post("/contracts", terms).json()
    return str(made["id"])


def work() -> dict[str, str]:
    """What the workers do; answers how each saga stands."""
    for _ in range(3):
        tasks.deliver_events()
        tasks.advance_sagas()
    return dict(SagaRun.objects.values_list("type", "state"))


def earned(merchant: Merchant, contract: str) -> list[str]:
    return [each["amount"] for each in merchant.get(f"/contracts/{contract}/earnings")["results"]]


def test_a_contract_is_paid_and_owed_again_when_its_payment_is_refunded(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    contract = rented(merchant)
    payment = paid(merchant, sandbox, contract="rent-7")
    assert work() == {"processing": "completed"}
    assert Invoice.objects.get().paid_at
    assert earned(merchant, contract) == ["31.37"]
    assert merchant.post(f"/{payment}/refunds", {"amount": "25.50"}).status_code == 201
    assert (work()["processing"], earned(merchant, contract)) == ("completed", ["25.00"])
    merchant.post(f"/{payment}/refunds")
    assert work() == {"processing": "compensated"}
    assert truth(sandbox)[2] == "125.50"
    assert Invoice.objects.get().payment_id is None
    assert earned(merchant, contract) == ["0.00"]


def test_a_purchase_activates_its_contract_before_the_money_is_taken(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    contract = rented(merchant)
    paid(merchant, sandbox, contract="rent-7", purchase=True)
    assert work() == {"processing": "completed", "purchase": "completed"}
    assert truth(sandbox) == ("captured", "125.50", "0.00")
    assert (Invoice.objects.count(), earned(merchant, contract)) == (1, ["31.37"])


def test_a_purchase_of_no_contract_that_we_know_takes_nothing(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    rented(merchant)
    payment = paid(merchant, sandbox, contract="rent-8", purchase=True)
    assert work() == {"processing": "compensated", "purchase": "compensated"}
    assert merchant.get(f"/{payment}")["status"] == "cancelled"
    assert truth(sandbox)[1] == "0.00"
