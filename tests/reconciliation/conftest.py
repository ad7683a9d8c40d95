"""The service beside five companies; and one reconciliation of the last day."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from payments.services.reconciliation.findings import Finding, Report
from payments.services.reconciliation.lists import Period
from payments.services.reconciliation.run import Reconciliation
from tests.journeys.conftest import Merchant, merchant, running_sandbox, sandbox
from tests.journeys.test_five_providers import act, start
from tests.sandbox.process import SandboxProcess

__all__ = ["merchant", "running_sandbox", "sandbox"]


@pytest.fixture(autouse=True)
def _no_limits(settings: Settings) -> None:
    settings.RATE_LIMITS_ENABLED = False


def reconciled(provider: str, *, later: timedelta | None = None, **options: Any) -> Report:
    """The last day held against the provider's records, with healing unless told otherwise.

    A list that counts in seconds leaves out the second that is not over: so it is a little later.
    """
    with time_machine.travel(timezone.now() + (later or timedelta(seconds=2)), tick=True):
        return all_of(provider, **options)


def all_of(provider: str, **options: Any) -> Report:
    """The last day by the clock as it stands."""
    now, chosen = timezone.now(), {"fix": True} | options
    reconciliation = Reconciliation(provider, Period(now - timedelta(days=1), now), **chosen)
    for _ in reconciliation.run():
        pass
    return reconciliation.report


def kinds(report: Report) -> list[tuple[str, str]]:
    """What was found, and what became of it."""
    return [(str(found.kind), str(found.deed)) for found in report.findings]


def sole(report: Report) -> Finding:
    """The one finding."""
    (found,) = report.findings
    return found


def unheard(merchant: Merchant, sandbox: SandboxProcess, provider: str, **facts: Any) -> str:
    """A payment that was paid, and of which its provider told nobody."""
    sandbox.put({"webhooks": {"enabled": False}}, provider)
    payment = start(merchant, provider, **facts)
    act(sandbox, provider, "approve")
    return payment
