"""The audit against five companies over real HTTP: their own lookups and their books agree."""

import pytest
from pytest_django import Settings

from monitoring.exactly_once.audit import Audit
from monitoring.exactly_once.lists import ListsAndLookups
from monitoring.exactly_once.sandbox import Sandboxes
from monitoring.exactly_once.truth import Truth
from payments.models import Payment
from tests.journeys.conftest import Merchant, merchant, running_sandbox, sandbox, sweep_after
from tests.journeys.test_five_providers import (
    ALL,
    RESERVING,
    act,
    all_heard,
    every_provider,
    paid,
    start,
)
from tests.sandbox.process import SandboxProcess

__all__ = ["merchant", "running_sandbox", "sandbox"]


def live(merchant: Merchant, sandbox: SandboxProcess, provider: str) -> None:
    """One payment of each fate."""
    refunded = paid(merchant, sandbox, provider)
    assert merchant.post(f"/{refunded}/refunds", {"amount": "25.50"}).status_code == 201
    start(merchant, provider)
    act(sandbox, provider, "decline")
    if provider in RESERVING:
        for deed, facts in [("capture", {"amount": "100.25"}), ("cancel", {})]:
            reserved = paid(merchant, sandbox, provider, capture="manual")
            assert merchant.post(f"/{reserved}/{deed}", facts).status_code == 200
        paid(merchant, sandbox, provider, capture="manual")
    all_heard(sandbox, provider)
    sweep_after(minutes=5)


def found_by(truth: Truth) -> tuple[list[str], Audit]:
    audit = Audit(truth)
    return [str(each) for batch in audit.run() for each in batch], audit


@every_provider
def test_what_went_well_breaks_no_rule_whoever_is_asked(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings, provider: str
) -> None:
    live(merchant, sandbox, provider)
    for truth in (ListsAndLookups(), Sandboxes([sandbox.control_url])):
        broken, audit = found_by(truth)
        assert broken == []
        assert audit.checked["payments"] == (5 if provider in RESERVING else 2)
        assert audit.checked["attempts seen at providers"] == audit.checked["attempts"]


@pytest.mark.parametrize("provider", ALL)
def test_what_is_lost_is_found_whoever_is_asked(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid(merchant, sandbox, provider)
    Payment.objects.filter(pk=payment).update(amount_captured=12_549)
    row = Payment.objects.get(pk=payment)
    row.operations.update(outcome="declined", next_check_at=None)
    for truth in (ListsAndLookups(), Sandboxes([sandbox.control_url])):
        broken, _ = found_by(truth)
        assert any(each.startswith("nothing_is_lost") for each in broken)
