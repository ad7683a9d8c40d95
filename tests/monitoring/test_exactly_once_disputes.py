"""The audit on disputes: told, posted, about their own payment, and as their provider says."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from monitoring.exactly_once.audit import Audit
from monitoring.exactly_once.lists import ListsAndLookups
from payments.gateways.messages import DisputeNews, DisputeStatus
from payments.models import Dispute, Payment, Posting
from payments.money import Money
from tests.factories import DiscrepancyFactory
from tests.journeys.conftest import Merchant, eventually, merchant, running_sandbox, sandbox
from tests.journeys.test_five_providers import DISPUTING, act, all_heard
from tests.journeys.test_five_providers import paid as paid_over_http
from tests.lives import TAKEN, charge_of, disputed
from tests.monitoring.books import Books, broken, rules
from tests.monitoring.test_exactly_once import paid
from tests.sandbox.process import SandboxProcess

__all__ = ["merchant", "running_sandbox", "sandbox"]
pytestmark = pytest.mark.django_db
LOST = DisputeStatus.LOST


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture(autouse=True)
def _no_limits(settings: Settings) -> None:
    settings.RATE_LIMITS_ENABLED = False


def lost(books: Books, amount: int = TAKEN) -> Payment:
    payment = disputed(paid(books), LOST, amount)
    books.disputes["D1"] = DisputeNews("D1", LOST, Money(amount, "AED"))
    return payment


def won_after_all(books: Books) -> Payment:
    payment = lost(books)
    books.disputes["D1"] = DisputeNews("D1", DisputeStatus.WON)
    return disputed(payment, DisputeStatus.WON)


def lost_in_part(books: Books) -> Payment:
    return lost(books, 4_000)


def of_two(books: Books) -> Payment:
    lost(books, 4_000)
    books.disputes["D2"] = DisputeNews("D2", DisputeStatus.OPEN, Money(6_000, "AED"))
    return disputed(Payment.objects.get(), DisputeStatus.OPEN, 6_000, "D2")


@pytest.mark.parametrize("life", [lost, won_after_all, lost_in_part, of_two])
def test_a_dispute_that_was_told_and_posted_breaks_no_rule(
    life: Callable[[Books], Payment], books: Books
) -> None:
    life(books)
    audit = Audit(books, at_rest=True)
    assert [each for batch in audit.run() for each in batch] == []
    count = Dispute.objects.count()
    assert (audit.checked["disputes"], audit.checked["disputes seen at providers"]) == (
        count,
        count,
    )


TAMPERINGS: list[tuple[Callable[[Payment], Any], set[str]]] = [
    (lambda p: Dispute.objects.update(status="open"), {"disputes_are_told"}),
    (
        lambda p: Dispute.objects.all().delete(),
        {"disputes_are_told", "disputes_are_posted", "status_fits_the_refunds"},
    ),
    (
        lambda p: Posting.objects.filter(kind="charged_back").delete(),
        {"disputes_are_posted"},
    ),
    (
        lambda p: Dispute.objects.update(proven_status=""),
        {"disputes_are_posted", "status_fits_the_refunds", "disputes_agree"},
    ),
    (
        lambda p: Dispute.objects.update(amount=1),
        {"disputes_are_posted", "disputes_agree"},
    ),
    (
        lambda p: Dispute.objects.update(currency="USD"),
        {"disputes_are_posted", "status_fits_the_refunds", "disputes_agree"},
    ),
    (
        lambda p: Payment.objects.update(status="completed"),
        {"disputes_are_posted", "history_tells_every_move"},
    ),
]


@pytest.mark.parametrize(("tamper", "expected"), TAMPERINGS)
def test_a_dispute_that_was_written_past_the_service_is_named(
    tamper: Callable[[Payment], Any], expected: set[str], books: Books
) -> None:
    tamper(lost(books))
    assert rules(books) == expected


def test_a_dispute_of_anothers_charge_is_named(books: Books) -> None:
    payment = lost(books)
    other = paid(books)
    Dispute.objects.update(operation=charge_of(other))
    found = [each for each in broken(books) if each.rule == "disputes_are_its_own"]
    assert [each.subject for each in found] == [f"payment {payment.pk}"]


RULINGS = [
    DisputeNews("D1", DisputeStatus.WON),
    DisputeNews("D1", DisputeStatus.OPEN),
    DisputeNews("D1", LOST, Money(TAKEN - 1, "AED")),
    DisputeNews("D1", LOST, Money(TAKEN, "USD")),
]


@pytest.mark.parametrize("ruling", RULINGS)
def test_a_provider_that_ruled_otherwise_is_named_until_a_person_is_told(
    ruling: DisputeNews, books: Books
) -> None:
    payment = lost(books)
    books.disputes["D1"] = ruling
    assert rules(books) == {"disputes_agree"}
    DiscrepancyFactory.create(payment=payment, operation=charge_of(payment))
    assert rules(books) == set()


def test_a_provider_that_says_nothing_of_a_dispute_is_counted_and_not_guessed(
    books: Books,
) -> None:
    lost(books)
    books.disputes.clear()
    audit = Audit(books)
    assert [each for batch in audit.run() for each in batch] == []
    assert audit.unseen_disputes == {"paytabs": 1}


# --- over real HTTP


def disputed_there(merchant: Merchant, sandbox: SandboxProcess, provider: str, ending: str) -> str:
    payment = paid_over_http(merchant, sandbox, provider)
    ours = Dispute.objects.filter(payment_id=payment)
    act(sandbox, provider, "dispute")
    eventually(ours.filter(status="open").exists)
    act(sandbox, provider, f"dispute_{ending}")
    eventually(ours.filter(status=ending).exists)
    all_heard(sandbox, provider)
    return payment


def found_at(provider: str) -> tuple[set[str], Audit]:
    audit = Audit(ListsAndLookups(provider=provider), provider=provider)
    return {each.rule for batch in audit.run() for each in batch}, audit


@DISPUTING
@pytest.mark.django_db(transaction=True)
def test_disputes_that_ended_break_no_rule(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    for ending in ("won", "lost"):
        disputed_there(merchant, sandbox, provider, ending)
    found, audit = found_at(provider)
    assert (found, audit.checked["disputes"]) == (set(), 2)
    can_be_asked = provider in ("paypal", "flutterwave")
    assert audit.checked["disputes seen at providers"] == (2 if can_be_asked else 0)
    assert audit.unseen_disputes == ({} if can_be_asked else {provider: 2})


@pytest.mark.parametrize("provider", ["paypal", "flutterwave"])
@pytest.mark.django_db(transaction=True)
def test_a_ruling_of_which_nobody_told_us_is_found(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    payment = paid_over_http(merchant, sandbox, provider)
    act(sandbox, provider, "dispute")
    eventually(Dispute.objects.filter(payment_id=payment, status="open").exists)
    sandbox.put({"webhooks": {"enabled": False}}, provider)
    act(sandbox, provider, "dispute_lost")
    assert found_at(provider)[0] == {"disputes_agree"}


@DISPUTING
@pytest.mark.django_db(transaction=True)
def test_a_lost_dispute_without_a_posting_is_found(
    merchant: Merchant, sandbox: SandboxProcess, provider: str
) -> None:
    disputed_there(merchant, sandbox, provider, "lost")
    Posting.objects.filter(kind="charged_back").delete()
    assert found_at(provider)[0] == {"disputes_are_posted"}
