"""A payer paid twice: the second charge goes back by itself, once, and people can see it."""

import pytest

from payments.models import Discrepancy, GatewayOperation, StoredEvent
from payments.services import orphans
from tests.journeys.conftest import Merchant, eventually, sweep_after
from tests.journeys.test_first_light import lost_page
from tests.sandbox.process import SandboxProcess


def paid_twice(merchant: Merchant, sandbox: SandboxProcess, capture: str, **facts: str) -> str:
    """One payment, two pages, and both were paid."""
    payment, first = lost_page(merchant, sandbox, capture=capture, **facts)
    second = merchant.process(payment).json()["transaction_ref"]
    for page in (second, first):
        sandbox.act(page, "approve")
        merchant.wait_for(payment, "completed", "authorized")
    eventually(Discrepancy.objects.exists)
    return payment


def states(sandbox: SandboxProcess) -> list[tuple[str, str, str]]:
    pages = [(each["captured"], each["refunded"], each["status"]) for each in sandbox.truth()]
    return sorted(pages)


def test_a_second_charge_is_refunded_once_and_its_discrepancy_is_resolved(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = paid_twice(merchant, sandbox, "automatic")
    for _ in range(3):
        sweep_after(minutes=1)
    assert [(captured, refunded) for captured, refunded, _ in states(sandbox)] == [
        ("125.50", "0.00"),
        ("125.50", "125.50"),
    ]
    told = Discrepancy.objects.get()
    assert told.resolved_by == "ballast"
    assert told.resolution.startswith("given back as")
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["amount_captured"], body["amount_refunded"]) == (
        "completed", "125.50", "0.00",
    )  # fmt: skip
    audit = StoredEvent.objects.filter(type="payment.audit_log").get()
    assert audit.data["details"]["action"] == "orphan_returned"
    beside = StoredEvent.objects.filter(type="payment.initiated").last()
    assert beside
    assert beside.data["details"] == {
        "beside": str(GatewayOperation.objects.get(is_orphan=True, parent=None).id)
    }


@pytest.mark.parametrize(
    ("currency", "amount", "nothing"), [("KWD", "3.125", "0.000"), ("JPY", "1200", "0")]
)
def test_a_second_charge_goes_back_to_the_minor_unit(
    merchant: Merchant, sandbox: SandboxProcess, currency: str, amount: str, nothing: str
) -> None:
    paid_twice(merchant, sandbox, "automatic", currency=currency, amount=amount)
    sweep_after(minutes=1)
    pages = [(captured, refunded) for captured, refunded, _ in states(sandbox)]
    assert pages == [(amount, nothing), (amount, amount)]
    assert Discrepancy.objects.get().resolved_by == "ballast"


def test_a_second_reservation_is_released(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = paid_twice(merchant, sandbox, "manual")
    sweep_after(minutes=1)
    assert Discrepancy.objects.get().resolved_by == "ballast"
    assert merchant.get(f"/{payment}")["status"] == "authorized"
    assert merchant.post(f"/{payment}/capture").json()["status"] == "completed"
    assert sorted(captured for captured, _, _ in states(sandbox)) == ["0.00", "125.50"]


@pytest.mark.parametrize("mode", ["timeout_after_commit", "down"])
def test_a_return_whose_answer_is_lost_is_not_made_twice(
    merchant: Merchant, sandbox: SandboxProcess, mode: str
) -> None:
    paid_twice(merchant, sandbox, "automatic")
    sandbox.put({"mode": mode})
    sweep_after(minutes=1)
    sandbox.put({"mode": "up"})
    for minutes in (10, 20, 30):
        sweep_after(minutes=minutes)
    assert [refunded for _, refunded, _ in states(sandbox)] == ["0.00", "125.50"]
    assert Discrepancy.objects.get().resolved_by == "ballast"


def test_two_sweeps_at_once_give_back_once(merchant: Merchant, sandbox: SandboxProcess) -> None:
    paid_twice(merchant, sandbox, "automatic")
    orphan = GatewayOperation.objects.get(is_orphan=True)
    assert orphans.give_back(orphan) is not None
    assert orphans.give_back(orphan) is None
    assert orphan.follow_ups.count() == 1
