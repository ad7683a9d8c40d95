"""Two reconciliations of one provider beside each other: each thing once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import time_machine
from django.db import connection
from django.utils import timezone

from payments.models import Discrepancy, StoredEvent
from payments.services.reconciliation.findings import Report
from tests.journeys.conftest import Merchant
from tests.journeys.test_five_providers import act, paid
from tests.reconciliation.behind_our_back import charge
from tests.reconciliation.conftest import all_of, kinds, unheard
from tests.sandbox.process import SandboxProcess


def _beside_each_other(provider: str) -> list[Report]:
    barrier = Barrier(2)

    def run(_: Any) -> Report:
        barrier.wait(30)
        try:
            return all_of(provider)
        finally:
            connection.close()

    later = timezone.now() + timedelta(seconds=2)
    with time_machine.travel(later, tick=True), ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, range(2)))


def test_each_thing_is_done_once(merchant: Merchant, sandbox: SandboxProcess) -> None:
    paid(merchant, sandbox, "stripe")
    act(sandbox, "stripe", "change_amount")
    charge(sandbox, "stripe")
    missed = unheard(merchant, sandbox, "stripe")
    reports = _beside_each_other("stripe")
    assert not any(report.unseen for report in reports)
    found = [each for report in reports for each in kinds(report)]
    assert sorted(each for each in found if each[1] != "known") == [
        ("amount_differs", "queued"),
        ("missed_webhook", "healed"),
        ("orphan_charge", "queued"),
    ]
    assert Discrepancy.objects.count() == 2
    assert StoredEvent.objects.filter(type="discrepancy.found").count() == 1
    assert merchant.story(missed).count("completed") == 1
