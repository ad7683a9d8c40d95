"""A worker stands still in the middle, and wakes when others have long gone on without it."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from payments import tasks
from payments.models import Payment
from payments.sagas import purchase
from payments.sagas.purchase import Fulfilment
from payments.services import contracts
from tests.journeys.conftest import sweep_after
from tests.journeys.test_killed_sagas import (
    PATIENCE,
    Shop,
    begin,
    end_of,
    prove,
    start_a_worker,
    unfinished,
    work_in_peace,
    workers,
)
from tests.sandbox.process import SandboxProcess

# Longer than a lease, and than the time in which a provider hears of whatever left.
ASLEEP = timedelta(minutes=20)
LATEST = 60


class Sleep:
    """Falls asleep before the n-th transaction or request, until it is woken; it is later then.

    Between two transactions only: what is locked is waited for, however long.
    """

    def __init__(self, **sleeps_at: int) -> None:
        self._sleeps_at, self._seen = sleeps_at, Counter[str]()
        self._told, self._tell = os.pipe()
        self._woken, self._wake = os.pipe()

    def around(self, what: str, execute: Callable[..., Any], *facts: Any, **more: Any) -> Any:
        if what == "request" or not in_a_transaction():
            self._seen[what] += 1
            if self._seen[what] == self._sleeps_at.get(what):
                self._sleep()
        return execute(*facts, **more)

    def _sleep(self) -> None:
        os.write(self._tell, b".")
        os.read(self._woken, 1)
        time_machine.travel(timezone.now() + ASLEEP + ASLEEP).start()

    def is_asleep(self) -> bool:
        """Wait until it sleeps; False where its worker came to the end without."""
        os.close(self._tell)
        return bool(os.read(self._told, 1))

    def wake(self) -> None:
        os.write(self._wake, b".")


class CarefulShop(Shop):
    """Packs nothing twice, whoever asks for it when."""

    def pack(self, payment: Payment) -> None:
        if payment.reference not in self.packed():
            super().pack(payment)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = CarefulShop(tmp_path / "packed")
    before = purchase.fulfil_by(Fulfilment(shop.do, shop.was_done))
    yield shop
    purchase.fulfil_by(before)


def in_a_transaction() -> bool:
    """As the database sees it, to which a transaction begins with its first statement."""
    raw: Any = connection.connection
    if raw is None:
        return False
    return (
        raw.in_transaction if connection.vendor == "sqlite" else bool(raw.info.transaction_status)
    )


def ready(sandbox: SandboxProcess, kind: str, reference: str) -> Payment:
    """Approved by its payer, and heard of."""
    begin(kind, reference)
    list(contracts.fall_due(date(2026, 1, 31)))
    payment = Payment.objects.get(reference=reference)
    page = next(page for page in sandbox.truth() if page["status"] == "pending")
    sandbox.act(page["transaction_ref"], "approve")
    sweep_after(hours=1)
    tasks.deliver_events()
    return payment


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("kind", "first"), [("bought", 1), ("sold out", 6)])
def test_who_wakes_up_late_does_nothing_twice(
    sandbox: SandboxProcess, shop: Shop, settings: Settings, kind: str, first: int
) -> None:
    sandbox.put({"webhooks": {"enabled": False}})
    settings.PROVIDERS["paytabs"] |= {"timeout": PATIENCE}
    for number in range(first, LATEST, 11):
        payment = ready(sandbox, kind, f"{kind} {number}")
        sleep = Sleep(statement=number)
        sleeper = start_a_worker(timedelta(), sleep.around)
        assert sleep.is_asleep()
        workers(ASLEEP, {})
        sleep.wake()
        assert end_of(sleeper) == 0
        work_in_peace()
        assert unfinished() == []
        payment.refresh_from_db()
        prove(payment, sandbox, shop)
