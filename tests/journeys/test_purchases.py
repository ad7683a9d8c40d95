"""Purchases: reserved, fulfilled, and only then taken; or all of it undone, at the provider too."""

from collections.abc import Iterator

import pytest
from django.core import mail
from django.db import transaction
from pytest_django import Settings

from payments import notifications, tasks
from payments.events import durable
from payments.events.durable import Handler
from payments.models import Payment, SagaRun
from payments.sagas import engine, purchase
from payments.sagas.purchase import PURCHASE, CannotFulfil, Fulfilment
from tests.events.receivers import later
from tests.journeys.conftest import Merchant, sweep_after
from tests.journeys.test_five_providers import CUSTOMER, act
from tests.journeys.test_follow_ups import truth
from tests.sandbox.process import SandboxProcess


class Shop:
    """Packs parcels. It may refuse, stumble, or lose its tongue; what it did is under our key."""

    def __init__(self) -> None:
        self.packed: list[str] = []
        self.unpacked: list[str] = []
        self.trouble: type[BaseException] | None = None
        self.stumbles_before = True

    def do(self, payment: Payment, key: str) -> None:
        if self.trouble and self.stumbles_before:
            raise self.trouble("the shelf is empty")
        self.packed.append(key)
        if self.trouble:
            raise self.trouble("after it was packed")

    def was_done(self, payment: Payment, key: str) -> bool:
        return key in self.packed

    def undo(self, payment: Payment, key: str) -> None:
        self.unpacked.append(key)


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    before = purchase.fulfil_by(Fulfilment(shop.do, shop.was_done, shop.undo))
    yield shop
    purchase.fulfil_by(before)


@pytest.fixture
def _writers(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Those who write of undone purchases; who writes of payments has tests of his own."""
    settings.MERCHANT_EMAIL = ["shop@example.com"]
    writers = [
        Handler(each.__name__, each, notifications.OF_SAGAS, acts_outside=True, about=about)
        for each, about in (
            (notifications.write_of_saga, notifications.needs_somebody),
            (notifications.write_to_payer_of_undoing, notifications.is_undone),
        )
    ]
    names = {each.name for each in writers}
    others = {each.name: each for each in durable.all_handlers() if each.name not in names}
    monkeypatch.setattr(durable, "_handlers", others)
    monkeypatch.setattr(durable, "_by_signal", dict(durable._by_signal))
    for each in writers:
        durable.subscribe(each)


def bought(merchant: Merchant, sandbox: SandboxProcess, deed: str = "approve") -> str:
    payment, reference, _ = merchant.start(purchase=True, customer=CUSTOMER)
    work()
    sandbox.act(reference, deed)
    if deed == "approve":
        merchant.wait_for(payment, "authorized")
    work()
    return payment


def work() -> str:
    """What the workers do; answers how the saga stands."""
    tasks.deliver_events()
    tasks.advance_sagas()
    tasks.deliver_events()
    return SagaRun.objects.get().state


def test_money_is_taken_once_it_is_fulfilled(
    merchant: Merchant, sandbox: SandboxProcess, shop: Shop
) -> None:
    payment = bought(merchant, sandbox)
    assert merchant.get(f"/{payment}")["status"] == "completed"
    assert truth(sandbox) == ("captured", "125.50", "0.00")
    assert len(shop.packed) == 1
    assert work() == "completed"
    assert len(shop.packed) == 1


def test_what_cannot_be_fulfilled_is_released_at_the_provider(
    merchant: Merchant, sandbox: SandboxProcess, shop: Shop
) -> None:
    shop.trouble = CannotFulfil
    payment = bought(merchant, sandbox)
    assert work() == "compensated"
    assert merchant.get(f"/{payment}")["status"] == "cancelled"
    assert truth(sandbox)[0] == "cancelled"
    assert (shop.packed, shop.unpacked) == ([], [])
    assert "the shelf is empty" in SagaRun.objects.get().reason


@pytest.mark.usefixtures("_writers")
def test_payer_and_merchant_are_told_of_what_came_to_nothing(
    merchant: Merchant, sandbox: SandboxProcess, shop: Shop
) -> None:
    shop.trouble = CannotFulfil
    bought(merchant, sandbox)
    work()
    assert tasks.deliver_outside() == 2
    letters = {letter.to[0]: letter for letter in mail.outbox}
    assert set(letters) == {CUSTOMER["email"], "shop@example.com"}
    assert "could not be fulfilled" in letters[CUSTOMER["email"]].subject
    assert "the shelf is empty" not in letters[CUSTOMER["email"]].body
    assert "the shelf is empty" in letters["shop@example.com"].body


@pytest.mark.usefixtures("_writers")
def test_who_never_paid_is_not_told_that_it_came_to_nothing(
    merchant: Merchant, sandbox: SandboxProcess, shop: Shop
) -> None:
    bought(merchant, sandbox, "decline")
    sweep_after(hours=1)
    with later(hours=2):
        work()
        tasks.deliver_outside()
    assert [letter.to for letter in mail.outbox] == [["shop@example.com"]]


@pytest.mark.parametrize("before", [True, False])
def test_who_stumbles_is_asked_and_packs_once(
    merchant: Merchant, sandbox: SandboxProcess, shop: Shop, *, before: bool
) -> None:
    shop.trouble, shop.stumbles_before = ConnectionError, before
    payment = bought(merchant, sandbox)
    assert work() == "waiting"
    shop.trouble = None
    with later(minutes=1):
        assert work() == "completed"
    assert len(shop.packed) == 1
    assert merchant.get(f"/{payment}")["status"] == "completed"


def test_a_purchase_that_nobody_pays_ends_and_nothing_is_packed(
    merchant: Merchant, sandbox: SandboxProcess, shop: Shop
) -> None:
    bought(merchant, sandbox, "decline")
    sweep_after(hours=1)
    with later(hours=2):
        assert work() == "compensated"
    assert shop.packed == []


def test_a_lost_answer_to_the_capture_is_found_out_and_takes_the_money_once(
    merchant: Merchant, sandbox: SandboxProcess, shop: Shop
) -> None:
    payment, reference, _ = merchant.start(purchase=True)
    sandbox.act(reference, "approve")
    merchant.wait_for(payment, "authorized")
    sandbox.put({"mode": "timeout_after_commit"})
    work()
    assert SagaRun.objects.get().state == "waiting"
    sandbox.put({"mode": "up"})
    sweep_after(minutes=10)
    with later(minutes=20):
        assert work() == "completed"
    assert truth(sandbox) == ("captured", "125.50", "0.00")
    assert shop.unpacked == []


def test_a_refund_that_is_only_promised_is_waited_for(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    sandbox.put({"webhooks": {"enabled": False}}, "paystack")
    payment = merchant.create(provider="paystack", currency="ZAR", customer=CUSTOMER)
    merchant.process(payment)
    act(sandbox, "paystack", "approve")
    sweep_after(minutes=10)
    with transaction.atomic():
        saga = engine.start(PURCHASE, payment)
    step = saga.steps.get(index=0)
    assert purchase.give_back(saga, step).became == "unknown"
    assert purchase.give_back(saga, step).became == "unknown"
    sweep_after(minutes=20)
    assert purchase.give_back(saga, step).became == "succeeded"
    assert merchant.get(f"/{payment}")["status"] == "refunded"
    assert sandbox.truth("paystack")[0]["refunded"] == "125.50"


def test_a_purchase_cannot_be_taken_at_once(merchant: Merchant, sandbox: SandboxProcess) -> None:
    wishes = {"amount": "1.00", "currency": "AED", "purchase": True, "capture": "automatic"}
    answer = merchant.post("/create", wishes)
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "capture")
