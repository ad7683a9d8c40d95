"""Two workers at once, killed where they stand: each promise is kept or undone, and only once.

A round's workers are killed at moments that differ. The next round is minutes later, when all
leases of the dead are over. What happened outside is in the provider's books and in the shop's.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import connection, connections
from django.utils import timezone
from pytest_django import Settings

from payments import tasks
from payments.events.chain import verify_stream
from payments.gateways import transport
from payments.lifecycle import aggregate_of
from payments.models import Contract, Earning, GatewayOperation, Payment, SagaRun, StoredEvent
from payments.money import Money
from payments.sagas import purchase, resolving
from payments.sagas.purchase import CannotFulfil, Fulfilment
from payments.services import contracts
from payments.services.payments import capture_payment, create_payment, process_payment
from tests.journeys.conftest import sweep_after
from tests.sandbox.process import SandboxProcess

OWNER = uuid4()
MONEY = Money(12_550, "AED")
OF_EACH = 2
# One worker dies soon and the other late; as the rounds go by it is the other way round.
STATEMENTS = range(9, 209, 5)
KILLS = 20
HOUR = timedelta(hours=1)
# Minutes pass here in a moment: nothing that left may still be on its way then.
PATIENCE = timedelta(seconds=30)
HANGS_AFTER_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ending:
    """What must have become of a payment, here and at its provider."""

    status: str
    truth: tuple[str, str, str]
    operations: set[str]
    sagas: dict[str, str]


_TAKEN = ("captured", "125.50", "0.00")
_FREE = ("cancelled", "0.00", "0.00")
_BOTH_UNDONE = {"purchase": "compensated", "processing": "compensated"}
ENDINGS = {
    "charged": Ending("completed", _TAKEN, {"charge"}, {"processing": "completed"}),
    "withdrawn": Ending("cancelled", _FREE, {"authorize", "void"}, {"processing": "compensated"}),
    "bought": Ending(
        "completed",
        _TAKEN,
        {"authorize", "capture"},
        {"purchase": "completed", "processing": "completed"},
    ),
    "sold out": Ending("cancelled", _FREE, {"authorize", "void"}, _BOTH_UNDONE),
    "sold out, and taken": Ending(
        "refunded",
        ("refunded", "125.50", "125.50"),
        {"authorize", "capture", "refund"},
        _BOTH_UNDONE,
    ),
}


class Shop:
    """Packs parcels, and notes them in a book that no death of ours takes back."""

    def __init__(self, book: Path) -> None:
        self._book, self._usual = book, Fulfilment()
        book.touch()

    def do(self, payment: Payment, key: str) -> None:
        if payment.reference.startswith("sold out"):
            raise CannotFulfil("the shelf is empty")
        self._usual.do(payment, key)
        self.pack(payment)

    def pack(self, payment: Payment) -> None:
        with self._book.open("a") as book:
            book.write(f"{payment.reference}\n")

    def was_done(self, payment: Payment, _: str) -> bool:
        return payment.reference in self.packed()

    def packed(self) -> list[str]:
        return self._book.read_text().splitlines()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path / "packed")
    before = purchase.fulfil_by(Fulfilment(shop.do, shop.was_done))
    yield shop
    purchase.fulfil_by(before)


# --- what there is to do


def owed(reference: str) -> None:
    contracts.create_contract(
        owner_id=OWNER,
        reference=reference,
        money=MONEY,
        starts_on=date(2026, 1, 31),
        employees=[("emp-1", 2500)],
    )


def begin(kind: str, reference: str) -> None:
    owed(reference)
    payment = create_payment(
        owner_id=OWNER,
        money=MONEY,
        reference=reference,
        contract=reference,
        capture="automatic" if kind == "charged" else "manual",
        is_purchase="purchase" in ENDINGS[kind].sagas,
    )
    process_payment(payment_id=payment.pk)


def all_begun(sandbox: SandboxProcess) -> None:
    for kind in ENDINGS:
        for number in range(OF_EACH):
            begin(kind, f"{kind} {number}")
    list(contracts.fall_due(date(2026, 1, 31)))
    for page in sandbox.truth():
        sandbox.act(page["transaction_ref"], "approve")
    sweep_after(hours=1)
    for payment in Payment.objects.filter(reference__startswith="sold out, and taken"):
        capture_payment(payment_id=payment.pk)
    tasks.deliver_events()
    for saga in SagaRun.objects.filter(payment__reference__startswith="withdrawn"):
        resolving.cancel(saga_id=saga.pk, actor="user:1", reason="the client left")


# --- who does it


class Fate:
    """Kills its process before or after one of its statements, or of its requests."""

    def __init__(self, **dies_at: int) -> None:
        self._dies_at, self._seen = dies_at, Counter[str]()

    def around(self, what: str, execute: Callable[..., Any], *facts: Any, **more: Any) -> Any:
        self._count(what)
        answer = execute(*facts, **more)
        self._count(what)
        return answer

    def _count(self, what: str) -> None:
        self._seen[what] += 1
        if self._seen[what] == self._dies_at.get(what):
            os.kill(os.getpid(), signal.SIGKILL)


Around = Callable[..., Any]


def start_a_worker(away: timedelta, around: Around) -> int:
    """A process that does what is due by then, until nothing is.

    `around` is told of each statement and each request, and carries it out.
    """
    connections.close_all()
    if child := os.fork():
        return child
    try:
        signal.alarm(HANGS_AFTER_SECONDS)
        send = partial(around, "request", transport.send)
        setattr(transport, "send", send)  # noqa: B010 - a function, to the type checker
        watch = partial(around, "statement")
        with time_machine.travel(timezone.now() + HOUR + away), connection.execute_wrapper(watch):
            while tasks.recover_open_operations() + tasks.deliver_events() + tasks.advance_sagas():
                pass
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - a child must never return to pytest
        print(repr(error), file=sys.__stderr__)
    finally:
        os._exit(1)


def workers(away: timedelta, *deaths: dict[str, int]) -> int:
    """All at once; answers how many of them were killed."""
    started = [start_a_worker(away, Fate(**dies_at).around) for dies_at in deaths]
    told = [end_of(child) for child in started]
    assert set(told) <= {0, -signal.SIGKILL}, "a worker failed"
    return told.count(-signal.SIGKILL)


def end_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def unfinished() -> list[str]:
    return [str(saga) for saga in SagaRun.objects.filter(next_try_at__isnull=False)]


@pytest.mark.django_db(transaction=True)
def test_workers_that_are_killed_again_and_again_keep_or_undo_every_promise_once(
    sandbox: SandboxProcess, shop: Shop, settings: Settings
) -> None:
    sandbox.put({"webhooks": {"enabled": False}})
    settings.PROVIDERS["paytabs"] |= {"timeout": PATIENCE}
    all_begun(sandbox)
    deaths = die_again_and_again()
    assert deaths["killed"] > KILLS
    assert deaths["amid a step"] > KILLS / 2
    assert deaths["amid an operation"] > KILLS / 8
    work_in_peace()
    assert unfinished() == []
    for payment in Payment.objects.all():
        prove(payment, sandbox, shop)


def die_again_and_again() -> Counter[str]:
    """Rounds that end in deaths, until all is done; answers what the deaths left behind."""
    left = Counter[str]()
    for number, (soon, late) in enumerate(zip(STATEMENTS, reversed(STATEMENTS), strict=True)):
        one = {"statement": soon, "request": 1 + number % 3}
        other = {"statement": late, "request": 1 + number % 2}
        left["killed"] += workers(timedelta(minutes=20) * number, one, other)
        left["amid a step"] += SagaRun.objects.filter(lease_token__isnull=False).count()
        left["amid an operation"] += GatewayOperation.objects.filter(outcome=None).count()
        if not unfinished():
            break
    return left


def work_in_peace() -> None:
    """Whoever was asked about again and again in vain is asked about once a day only."""
    for days in range(1, 30):
        if unfinished():
            workers(timedelta(days=days), {}, {})


# --- what became of it


def prove(payment: Payment, sandbox: SandboxProcess, shop: Shop) -> None:
    kind = payment.reference.rpartition(" ")[0]
    ending, is_paid = ENDINGS[kind], payment.status == "completed"
    assert payment.status == ending.status, payment.reference
    assert truths(sandbox, payment) == [ending.truth], payment.reference
    assert done(payment) == dict.fromkeys(ending.operations, 1), payment.reference
    assert dict(payment.sagas.values_list("type", "state")) == ending.sagas, payment.reference
    assert shop.packed().count(payment.reference) == (kind == "bought"), payment.reference
    prove_contract(payment, is_paid)
    verify_stream(aggregate_of(payment))


def truths(sandbox: SandboxProcess, payment: Payment) -> list[tuple[str, str, str]]:
    """Each page that the provider ever had of it."""
    keys = set(payment.operations.values_list("id", flat=True))
    pages = [page for page in sandbox.truth() if UUID(page["reference"]) in keys]
    return [(page["status"], page["captured"], page["refunded"]) for page in pages]


def done(payment: Payment) -> Counter[str]:
    """What was tried of it, but for what never left."""
    return Counter(payment.operations.exclude(outcome="not_sent").values_list("kind", flat=True))


def prove_contract(payment: Payment, is_paid: bool) -> None:
    contract = Contract.objects.get(reference=payment.reference)
    assert contracts.balance(contract).amount == (0 if is_paid else MONEY.amount)
    assert contract.invoices.filter(paid_at__isnull=False).count() == is_paid
    earned = sum(each.amount for each in Earning.objects.filter(contract=contract))
    assert earned == (MONEY.amount // 4 if is_paid else 0)
    told = StoredEvent.objects.filter(aggregate_id=str(contract.pk))
    times = told.filter(type="contract.paid").count()
    assert times == is_paid or (times == 1 and payment.status == "refunded")
