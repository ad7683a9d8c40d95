"""Every call of every provider is carried out while its answer is lost: one effect, and the truth.

How long the truth takes, by the clock of the world, is shown at the end of the run.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import requests
import time_machine
from django.utils import timezone
from pytest_django import Settings

from payments import tasks
from payments.gateways import transport
from payments.gateways.wire import WireRequest, WireResponse
from payments.models import Discrepancy, GatewayOperation, Payment, StoredEvent
from payments.services.return_addresses import return_address
from tests.journeys.conftest import Merchant, sweep_after, taken
from tests.journeys.test_five_providers import (
    CUSTOMER,
    MONEY,
    RESERVING,
    act,
    paid,
    start,
    truth,
)
from tests.sandbox.process import SandboxProcess

Record = Callable[[str, object], None]
SILENT = {"webhooks": {"enabled": False}}
PATH = {"capture": "capture", "void": "cancel", "refund": "refunds"}
FOLLOW_UPS = [
    *((name, "capture", "completed", ("125.50", "0.00")) for name in RESERVING),
    *((name, "void", "cancelled", ("0.00", "0.00")) for name in RESERVING),
    *((name, "refund", "refunded", ("125.50", "125.50")) for name in MONEY),
]
# At PayPal a payer approves, and money moves by our next call alone (see the last tests): one whose
# page got lost has paid nothing.
CHARGES = [(name, False) for name in MONEY] + [(name, True) for name in MONEY if name != "paypal"]


@pytest.fixture(autouse=True)
def _as_in_production(settings: Settings, sandbox: SandboxProcess) -> None:
    """How long a request may still be on its way is the usual time, not the tests' own."""
    usual = {"settling_time": timedelta(minutes=2)}
    settings.PROVIDERS = {name: told | usual for name, told in settings.PROVIDERS.items()}
    settings.RATE_LIMITS_ENABLED = False


def lose_the_answer(sandbox: SandboxProcess, provider: str, call: Callable[[], Any]) -> datetime:
    """Make a call whose answer is lost; answers when."""
    sandbox.put({"mode": "timeout_after_commit"} | SILENT, provider)
    lost_at = timezone.now()
    assert call().status_code == 504
    sandbox.put({"mode": "up"} | SILENT, provider)
    return lost_at


def truth_of(kind: str, lost_at: datetime, *, is_page_enough: bool = False) -> timedelta:
    """Let the scheduler do its work until the last operation of this kind has ended; how long.

    Or until the page is found whose address was lost, where that is truth enough.
    """
    with time_machine.travel(lost_at, tick=True) as clock:
        for _ in range(6):
            row = GatewayOperation.objects.filter(kind=kind).latest("started_at")
            if not row.is_open() or (is_page_enough and row.redirect_url):
                return timezone.now() - lost_at
            assert row.next_check_at is not None
            clock.move_to(row.next_check_at)
            tasks.recover_open_operations.run()
    raise AssertionError(f"Nobody found out about {row}.")


@pytest.mark.parametrize(("provider", "kind", "status", "money"), FOLLOW_UPS)
def test_a_follow_up_whose_answer_is_lost_has_one_effect(
    merchant: Merchant,
    sandbox: SandboxProcess,
    record_property: Record,
    provider: str,
    kind: str,
    status: str,
    money: tuple[str, str],
) -> None:
    facts = {} if kind == "refund" else {"capture": "manual"}
    payment = paid(merchant, sandbox, provider, **facts)
    path = f"/{payment}/{PATH[kind]}"
    lost_at = lose_the_answer(sandbox, provider, lambda: merchant.post(path))
    record_property("time to truth", (provider, kind, truth_of(kind, lost_at).total_seconds()))
    assert merchant.get(f"/{payment}")["status"] == status
    assert truth(sandbox, provider) == money
    assert Payment.objects.get(pk=payment).refund_pending == 0
    assert GatewayOperation.objects.filter(kind=kind).count() == 1
    assert not Discrepancy.objects.exists()


@pytest.mark.parametrize(("provider", "kind", "status", "money"), FOLLOW_UPS)
def test_who_reads_a_payment_learns_what_became_of_its_follow_up(
    merchant: Merchant,
    sandbox: SandboxProcess,
    provider: str,
    kind: str,
    status: str,
    money: tuple[str, str],
) -> None:
    facts = {} if kind == "refund" else {"capture": "manual"}
    payment = paid(merchant, sandbox, provider, **facts)
    lose_the_answer(sandbox, provider, lambda: merchant.post(f"/{payment}/{PATH[kind]}"))
    assert merchant.get(f"/{payment}")["status"] == status
    assert truth(sandbox, provider) == money


def test_who_reads_the_refunds_learns_what_became_of_them(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = paid(merchant, sandbox, "stripe")
    for amount in ("25.50", "100.00"):
        refund = partial(merchant.post, f"/{payment}/refunds", {"amount": amount})
        lose_the_answer(sandbox, "stripe", refund)
    told = merchant.get(f"/{payment}/refunds")["results"]
    assert [each["status"] for each in told] == ["succeeded", "succeeded"]


def test_who_reads_a_payment_learns_what_was_paid_on_a_page_that_is_due(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = start(merchant, "stripe")
    sandbox.put(SILENT, "stripe")
    act(sandbox, "stripe", "approve")
    assert merchant.get(f"/{payment}")["status"] == "requires_action"
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        assert merchant.get(f"/{payment}")["status"] == "completed"


@pytest.mark.parametrize(("provider", "is_paid"), CHARGES)
def test_a_charge_whose_answer_is_lost_is_taken_once(
    merchant: Merchant,
    sandbox: SandboxProcess,
    record_property: Record,
    provider: str,
    is_paid: bool,
) -> None:
    facts = {"provider": provider, "currency": MONEY[provider], "customer": CUSTOMER}
    payment = merchant.create(**facts)
    lost_at = lose_the_answer(sandbox, provider, lambda: merchant.process(payment))
    if is_paid:
        act(sandbox, provider, "approve")
    found = truth_of("charge", lost_at, is_page_enough=not is_paid).total_seconds()
    what = "charge that was paid" if is_paid else "charge that nobody paid"
    record_property("time to truth", (provider, what, found))
    if not is_paid:
        body = merchant.process(payment).json()
        assert body["status"] == "requires_action", body
        act(sandbox, provider, "approve")
        truth_of("charge", timezone.now())
    assert merchant.get(f"/{payment}")["status"] == "completed"
    taken = [page["captured"] for page in sandbox.truth(provider) if float(page["captured"])]
    assert taken == ["125.50"]
    if provider == "paypal":  # asked again under its key, it tells the page that it made
        assert len(sandbox.truth(provider)) == 1
    assert not Discrepancy.objects.exists()


@pytest.mark.parametrize(
    ("later", "status"), [(2, "requires_action"), (31, "created")], ids=["in time", "too late"]
)
def test_paypal_makes_the_same_order_again_only_while_its_page_is_wanted(
    merchant: Merchant, sandbox: SandboxProcess, later: float, status: str
) -> None:
    payment = merchant.create(provider="paypal", currency="USD", customer=CUSTOMER)
    lose_the_answer(sandbox, "paypal", lambda: merchant.process(payment))
    sweep_after(minutes=later)
    assert Payment.objects.get(pk=payment).status == status
    assert len(sandbox.truth("paypal")) == 1


@pytest.fixture
def _captures_are_lost(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """PayPal answers every question, and never says that it took the money."""
    send = transport.send

    def sent(provider: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        is_lost = request.url.endswith("/capture")
        sandbox.put({"mode": "timeout_after_commit" if is_lost else "up"} | SILENT, "paypal")
        return send(provider, request, timeout)

    monkeypatch.setattr(transport, "send", sent)


def verify(merchant: Merchant, payment: Payment) -> None:
    operation = payment.current_operation
    assert operation is not None
    answer = merchant.session.get(
        f"{merchant.base}/verify/{operation.gateway_reference}/{payment.id}", timeout=30
    )
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (504, "provider_timeout")


def come_back(merchant: Merchant, payment: Payment) -> None:
    assert requests.get(return_address(payment), timeout=30).ok


def sweep(merchant: Merchant, payment: Payment) -> None:
    sweep_after(minutes=2)


@pytest.mark.usefixtures("_captures_are_lost")
@pytest.mark.parametrize("way", [verify, come_back, sweep])
def test_an_approval_that_is_taken_up_and_whose_answer_is_lost_is_in_doubt(
    merchant: Merchant,
    sandbox: SandboxProcess,
    record_property: Record,
    way: Callable[[Merchant, Payment], None],
) -> None:
    known = Payment.objects.get(pk=start(merchant, "paypal"))
    sandbox.put(SILENT, "paypal")
    act(sandbox, "paypal", "approve")
    way(merchant, known)
    row = GatewayOperation.objects.get()
    assert (row.outcome, taken(sandbox, "paypal")) == ("unknown", ["125.50"])
    lost_at = StoredEvent.objects.get(type="payment.timed_out").timestamp
    found = truth_of("charge", lost_at).total_seconds()
    record_property("time to truth", ("paypal", f"approval, {way.__name__}", found))
    assert merchant.get(f"/{known.id}")["status"] == "completed"
    assert taken(sandbox, "paypal") == ["125.50"]
    assert not Discrepancy.objects.exists()


@pytest.mark.usefixtures("_captures_are_lost")
def test_who_reads_a_payment_whose_approval_is_in_doubt_learns_the_truth(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    known = Payment.objects.get(pk=start(merchant, "paypal"))
    act(sandbox, "paypal", "approve")
    verify(merchant, known)
    assert merchant.get(f"/{known.id}")["status"] == "completed"
    assert taken(sandbox, "paypal") == ["125.50"]
