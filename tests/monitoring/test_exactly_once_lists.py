"""The audit reads the companies' own lists over real HTTP: what only they tell is found."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from monitoring.exactly_once.lists import ListsAndLookups
from monitoring.exactly_once.truth import Holding
from payments.gateways import paystack_list, transport
from payments.gateways.wire import WireRequest, WireResponse
from payments.models import Discrepancy, GatewayCall, GatewayOperation, Payment
from payments.resilience import registry
from tests.journeys.conftest import Merchant, merchant, running_sandbox, sandbox
from tests.journeys.test_five_providers import ALL, act, every_provider, paid, start
from tests.reconciliation.behind_our_back import charge
from tests.reconciliation.conftest import reconciled, unheard
from tests.reconciliation.test_every_kind import LISTING, everything_that_goes_well
from tests.sandbox.process import SandboxProcess

__all__ = ["merchant", "running_sandbox", "sandbox"]
Verdict = tuple[int, set[str], dict[str, Any]]


@pytest.fixture(autouse=True)
def _no_limits(settings: Settings) -> None:
    settings.RATE_LIMITS_ENABLED = False


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Callable[..., Verdict]:
    """How the command ends, which rules it says are broken, and what it says of itself."""

    def verified(*options: str) -> Verdict:
        status = 0
        capsys.readouterr()
        # A list that counts in seconds leaves out the second that is not over.
        with time_machine.travel(timezone.now() + timedelta(seconds=2), tick=True):
            try:
                call_command("verify_exactly_once", "--json", *options)
            except SystemExit as end:
                status = int(end.code or 0)
        *broken, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return status, {line["rule"] for line in broken}, summary

    return verified


def mute(sandbox: SandboxProcess, provider: str) -> None:
    sandbox.put({"webhooks": {"enabled": False}}, provider)


# --- what went well


@every_provider
def test_what_went_well_breaks_no_rule_and_most_of_it_is_not_looked_up(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict], provider: str
) -> None:
    everything_that_goes_well(merchant, sandbox, provider)
    before = GatewayCall.objects.count()
    status, broken, summary = verify()
    assert (status, broken, summary["unseen"], summary["unseen_lists"]) == (0, set(), {}, [])
    checked = summary["checked"]
    assert checked["attempts seen at providers"] == checked["attempts"] >= 6
    assert checked.get("attempts looked up", 0) < checked["attempts"]
    read = "attempts asked about by key" if provider == "paytabs" else "records listed"
    assert checked[read] >= 4
    assert GatewayCall.objects.count() == before


def test_what_is_listed_as_we_have_it_is_asked_about_no_more(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict]
) -> None:
    for _ in range(3):
        paid(merchant, sandbox, "stripe")
    status, _, summary = verify("--provider", "stripe")
    assert (status, summary["checked"]["records listed"]) == (0, 3)
    assert "attempts looked up" not in summary["checked"]
    assert summary["cannot_be_seen"] == ["disputes that nobody told us of"]


def test_twice_as_many_listed_payments_cost_no_query_more(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    def queries() -> int:
        families = [[each] for each in GatewayOperation.objects.all()]
        with CaptureQueriesContext(connection) as caught:
            truth = ListsAndLookups(provider="stripe")
            assert len(list(truth.read())) == 2  # a page of charges, and one of refunds
            assert len(truth.holdings_of(families)) == len(families)
        return len(caught)

    counts = []
    for _ in range(3):
        paid(merchant, sandbox, "stripe")
        counts.append(queries())
    assert counts[1] == counts[2] <= 5


# --- what only a provider's list tells


@pytest.mark.parametrize("provider", [name for name in ALL if name != "paystack"])
def test_a_second_charge_under_a_name_of_ours_is_found(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict], provider: str
) -> None:
    paid(merchant, sandbox, provider)
    mute(sandbox, provider)
    charge(sandbox, provider, GatewayOperation.objects.get().key)
    assert verify()[:2] == (1, {"the_payer_is_charged_once", "captures_agree"})


@pytest.mark.parametrize("provider", LISTING)
def test_a_charge_under_no_name_of_ours_is_found_until_a_person_is_told(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict], provider: str
) -> None:
    paid(merchant, sandbox, provider)
    charge(sandbox, provider)
    assert verify()[:2] == (1, {"no_money_without_a_record"})
    reconciled(provider)
    assert Discrepancy.objects.get().operation is None
    status, _, summary = verify()
    assert (status, summary["left_to_people"]["discrepancies"]) == (0, 1)


@every_provider
def test_a_refund_that_was_made_there_without_us_is_found(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict], provider: str
) -> None:
    paid(merchant, sandbox, provider)
    mute(sandbox, provider)
    act(sandbox, provider, "refund")
    assert verify()[:2] == (1, {"refunds_agree"})
    reconciled(provider)
    assert verify()[:2] == (0, set())


@every_provider
def test_another_amount_is_found(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict], provider: str
) -> None:
    paid(merchant, sandbox, provider)
    act(sandbox, provider, "change_amount")
    assert verify()[:2] == (1, {"captures_agree", "the_payer_is_charged_once"})


@pytest.mark.parametrize("provider", LISTING)
def test_what_was_paid_and_ended_otherwise_here_is_found(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict], provider: str
) -> None:
    paid(merchant, sandbox, provider)
    GatewayOperation.objects.update(outcome="declined", next_check_at=None)
    assert "nothing_is_lost" in verify()[1]


def test_news_of_a_payment_from_before_is_held_against_it_too(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict]
) -> None:
    old = paid(merchant, sandbox, "stripe")
    Payment.objects.filter(pk=old).update(created_at=timezone.now() - timedelta(days=9))
    GatewayOperation.objects.update(started_at=timezone.now() - timedelta(days=9))
    paid(merchant, sandbox, "stripe")
    since = (timezone.now() - timedelta(days=1)).isoformat()
    assert verify("--since", since)[2]["checked"]["payments"] == 1
    mute(sandbox, "stripe")
    sandbox.act(sandbox.truth("stripe")[0]["transaction_ref"], "refund", "stripe")
    status, broken, summary = verify("--since", since)
    assert (status, broken, summary["checked"]["payments"]) == (1, {"refunds_agree"}, 2)


# --- what a list leaves out


def test_what_a_list_leaves_out_is_looked_up_before_it_is_called_broken(
    merchant: Merchant,
    sandbox: SandboxProcess,
    verify: Callable[..., Verdict],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    payment = paid(merchant, sandbox, "paystack")
    assert merchant.post(f"/{payment}/refunds", {"amount": "25.50"}).status_code == 201
    reconciled("paystack")
    long_ago = timezone.now() - timedelta(hours=1)
    GatewayOperation.objects.update(started_at=long_ago, deadline_at=long_ago, expires_at=long_ago)
    send = transport.send

    def lags(provider: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        if "perPage=" in request.url:
            return WireResponse(200, {}, b'{"status": true, "data": []}')
        return send(provider, request, timeout)

    monkeypatch.setattr(transport, "send", lags)
    status, broken, summary = verify("--provider", "paystack")
    assert (status, broken, summary["checked"]["attempts looked up"]) == (0, set(), 2)


def test_what_moved_since_its_list_was_read_is_looked_up(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = paid(merchant, sandbox, "stripe")
    truth = ListsAndLookups()
    for _ in truth.read():
        pass
    assert merchant.post(f"/{payment}/refunds", {"amount": "25.50"}).status_code == 201
    family = list(GatewayOperation.objects.all())
    assert truth.holdings_of([family]) == {family[0].pk: Holding("USD", 12_550, 2_550)}


def test_more_pages_than_are_wanted_are_told_and_the_rest_is_looked_up(
    merchant: Merchant,
    sandbox: SandboxProcess,
    verify: Callable[..., Verdict],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paystack_list, "_PER_PAGE", 1)
    for _ in range(3):
        paid(merchant, sandbox, "paystack")
    status, broken, summary = verify("--max-pages", "2", "--provider", "paystack")
    assert (status, broken, summary["unseen"]) == (0, set(), {})
    assert "paystack has more than 2 pages of it" in summary["unseen_lists"][0]
    assert summary["checked"]["attempts looked up"] == 1
    assert verify("--max-pages", "4", "--provider", "paystack")[2]["unseen_lists"] == []


def test_a_provider_that_dies_half_way_is_told_and_nothing_is_guessed(
    merchant: Merchant,
    sandbox: SandboxProcess,
    verify: Callable[..., Verdict],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paystack_list, "_PER_PAGE", 1)
    for _ in range(2):
        paid(merchant, sandbox, "paystack")
    unpaid = start(merchant, "paystack")
    Payment.objects.filter(pk=unpaid).update(status="expired")
    over_at = timezone.now() - timedelta(hours=1)
    GatewayOperation.objects.filter(payment_id=unpaid).update(
        outcome="declined", started_at=over_at, deadline_at=over_at, expires_at=over_at
    )
    send = transport.send

    def dies(provider: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        answer = send(provider, request, timeout)
        if "&page=2" in request.url:  # the newest is the unpaid one, and then one that was paid
            sandbox.put({"mode": "down"}, "paystack")
        return answer

    monkeypatch.setattr(transport, "send", dies)
    _, broken, summary = verify("--provider", "paystack")
    assert "nothing_is_invented" not in broken
    assert (summary["unseen"], len(summary["unseen_lists"])) == ({"paystack": 2}, 2)
    assert summary["checked"]["attempts seen at providers"] == 1


def test_where_a_provider_is_down_nothing_is_seen_and_the_exit_is_2(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict]
) -> None:
    paid(merchant, sandbox, "stripe")
    sandbox.put({"mode": "down"}, "stripe")
    status, broken, summary = verify("--provider", "stripe")
    assert (status, broken, summary["unseen"]) == (2, set(), {"stripe": 1})
    assert len(summary["unseen_lists"]) == 2


def test_a_list_whose_breaker_is_open_is_not_read_and_lookups_go_on(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict]
) -> None:
    paid(merchant, sandbox, "stripe")
    registry.get("stripe-list").open()
    status, _, summary = verify("--provider", "stripe")
    registry.get("stripe-list").reset()
    assert (status, summary["checked"]["attempts looked up"]) == (0, 1)
    assert len(summary["unseen_lists"]) == 2


def test_what_waits_for_its_news_is_no_breach(
    merchant: Merchant, sandbox: SandboxProcess, verify: Callable[..., Verdict]
) -> None:
    unheard(merchant, sandbox, "stripe")
    assert verify()[:2] == (0, set())
    assert verify("--at-rest")[1] == {"nothing_is_lost", "somebody_will_ask"}


def test_no_page_at_all_is_refused(merchant: Merchant) -> None:
    with pytest.raises(CommandError, match="max-pages"):
        call_command("verify_exactly_once", "--max-pages", "0")
