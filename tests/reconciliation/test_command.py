"""`reconcile_payments`: what it says, writes down and leaves behind, over real HTTP."""

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.core.management import CommandError, call_command
from django.utils import timezone

from payments import tasks
from payments.gateways import paystack_list, transport
from payments.gateways.wire import WireResponse
from payments.models import Discrepancy, GatewayCall, StoredEvent
from payments.resilience import registry
from tests.journeys.conftest import Merchant
from tests.journeys.test_five_providers import act, paid
from tests.reconciliation.behind_our_back import charge
from tests.reconciliation.conftest import unheard
from tests.sandbox.process import SandboxProcess

HEAD = "Transaction Reference,Transaction Type,Cart ID,Amount,Currency,Status\n"


def ran(*arguments: str) -> int:
    """How the command ended."""
    try:
        call_command("reconcile_payments", *arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def export(sandbox: SandboxProcess, folder: Path) -> Path:
    """What PayTabs' dashboard exports now."""
    base = sandbox.provider_url("paytabs")
    file = folder / "export.csv"
    file.write_bytes(requests.get(f"{base}/dashboard/transactions.csv", timeout=30).content)
    return file


def test_it_looks_first_and_heals_when_told_to(
    merchant: Merchant, sandbox: SandboxProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    payment = unheard(merchant, sandbox, "paytabs")
    assert ran("--provider", "paytabs", "--dry-run") == 1
    told = capsys.readouterr().out
    assert f"would_heal: paytabs missed_webhook, payment {payment}" in told
    assert "Cannot be seen: what paytabs did under no name of ours" in told
    assert merchant.get(f"/{payment}")["status"] == "requires_action"
    assert ran("--provider", "paytabs", "--fix") == 0
    assert merchant.get(f"/{payment}")["status"] == "completed"
    assert ran("--provider", "paytabs", "--fix") == 0


def test_programs_and_spreadsheets_read_the_same_finding(
    merchant: Merchant,
    sandbox: SandboxProcess,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    payment = paid(merchant, sandbox, "paytabs", currency="KWD", amount="3.125")
    act(sandbox, "paytabs", "change_amount")
    file = tmp_path / "found.csv"
    assert ran("--provider", "paytabs", "--json", "--csv", str(file)) == 1
    finding, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert (finding["payment"], finding["kind"]) == (payment, "amount_differs")
    assert (finding["expected_amount"], finding["heard_amount"]) == (3125, 3135)
    assert summary["deeds"] == {"would_queue": 1}
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert row == {name: str(value) for name, value in finding.items()}


def test_a_provider_that_is_down_is_told_as_not_seen(
    merchant: Merchant, sandbox: SandboxProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.put({"mode": "down"}, "stripe")
    assert ran("--provider", "stripe") == 2
    assert not GatewayCall.objects.exists()  # whoever only looks leaves nothing behind
    assert ran("--provider", "stripe", "--fix") == 2
    assert "Not seen: its charges of" in capsys.readouterr().out
    assert calls_of_the_list("stripe") == {"failure"}
    sandbox.put({"mode": "up"}, "stripe")
    registry.get("stripe-list").open()
    assert ran("--provider", "stripe", "--fix") == 2
    assert calls_of_the_list("stripe") == {"failure", "refused"}
    registry.get("stripe-list").reset()
    assert ran("--provider", "stripe", "--fix") == 0
    assert calls_of_the_list("stripe") == {"failure", "refused", "success"}


def calls_of_the_list(provider: str) -> set[str]:
    """How each recorded call of its list ended."""
    calls = GatewayCall.objects.filter(breaker=f"{provider}-list", operation=None)
    return set(calls.values_list("outcome", flat=True))


def test_more_pages_than_are_wanted_are_told_as_not_seen(
    merchant: Merchant,
    sandbox: SandboxProcess,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paystack_list, "_PER_PAGE", 1)
    for _ in range(3):
        unheard(merchant, sandbox, "paystack")
    later = timezone.now() + timedelta(seconds=2)
    with time_machine.travel(later, tick=True):
        assert ran("--provider", "paystack", "--max-pages", "2") == 1
        told = capsys.readouterr().out
        assert "Not seen: its charges of" in told
        assert "paystack has more than 2 pages of it" in told
        # What the list left out of ours is asked about one by one.
        assert told.count("would_heal: paystack missed_webhook") == 3
        assert ran("--provider", "paystack", "--fix", "--max-pages", "4") == 0
    assert "Not seen" not in capsys.readouterr().out


def test_an_export_shows_what_bears_no_reference_of_ours(
    merchant: Merchant, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    missed = unheard(merchant, sandbox, "paytabs")
    charge(sandbox, "paytabs")
    options = ("--provider", "paytabs", "--fix", "--import", str(export(sandbox, tmp_path)))
    assert ran(*options) == 1
    assert merchant.get(f"/{missed}")["status"] == "completed"
    row = Discrepancy.objects.get()
    assert (row.kind, row.payment, row.heard_amount, row.currency) == (
        "orphan_charge",
        None,
        1000,
        "AED",
    )
    before = StoredEvent.objects.count()
    assert ran(*options) == 1
    assert (Discrepancy.objects.count(), StoredEvent.objects.count()) == (1, before)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "names no column for tranref"),
        ("Amount,Currency\n1,AED\n", "names no column for tranref"),
        (HEAD + "T1,Sale,c1,10.00,AED,Odd\n", "Line 2: status 'Odd' is not known"),
        (HEAD + "T1,Sale,c1,ten,AED,Authorised\n", "Line 2: 'ten AED' is no amount"),
        (HEAD + "T1,Sale\n", "Line 2 has too few columns"),
    ],
)
def test_an_export_that_cannot_be_read_is_refused_whole(
    merchant: Merchant, sandbox: SandboxProcess, tmp_path: Path, text: str, complaint: str
) -> None:
    payment = unheard(merchant, sandbox, "paytabs")
    file = tmp_path / "export.csv"
    file.write_text(text)
    with pytest.raises(CommandError, match=complaint):
        ran("--provider", "paytabs", "--fix", "--import", str(file))
    assert merchant.get(f"/{payment}")["status"] == "requires_action"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--provider", "nobody"),
        ("--since", "yesterday"),
        ("--since", "2026-01-31T08:00:00"),
        ("--since", "2026-01-31", "--until", "2026-01-30"),
        ("--max-pages", "0"),
        ("--import", "export.csv"),
        ("--provider", "stripe", "--import", "nowhere.csv"),
        ("--csv", "/nowhere/found.csv"),
        ("--fix", "--dry-run"),
    ],
)
def test_options_that_make_no_sense_are_refused(db: None, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        ran(*arguments)


def test_the_daily_run_heals_too(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = unheard(merchant, sandbox, "paytabs")
    assert tasks.reconcile_provider.run("paytabs") == 0
    assert merchant.get(f"/{payment}")["status"] == "completed"


def test_the_end_of_a_tasks_time_ends_the_daily_run(
    merchant: Merchant, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = unheard(merchant, sandbox, "paytabs")
    send, asked = transport.send, []

    def runs_out_of_time(*call: Any) -> WireResponse:
        asked.append(call)
        if len(asked) == 2:  # after what bears our key was listed, while it is asked about
            raise SoftTimeLimitExceeded
        return send(*call)

    monkeypatch.setattr(transport, "send", runs_out_of_time)
    with pytest.raises(SoftTimeLimitExceeded):
        tasks.reconcile_provider.run("paytabs")
    assert merchant.get(f"/{payment}")["status"] == "requires_action"
    assert tasks.reconcile_provider.run("paytabs") == 0
    assert merchant.get(f"/{payment}")["status"] == "completed"
