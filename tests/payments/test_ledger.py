"""The ledger: each settled outcome moves its money once, and says what the payment says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.migrations import RunSQL
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.exactly_once.cases import cases_of
from monitoring.exactly_once.postings import RULES
from payments import ledger, lifecycle
from payments.errors import DomainError
from payments.events.guards import AppendOnly
from payments.gateways.messages import DisputeStatus
from payments.models import Account, GatewayOperation, Payment, Posting, PostingKind
from payments.models.ledger import WAYS
from payments.money import Money
from payments.services.balances import balances_of
from payments.statuses import OperationKind, Outcome, PaymentStatus
from tests.lives import (
    TAKEN,
    begun,
    begun_again,
    charge_of,
    disputed,
    following,
    heard,
    refunding,
)

pytestmark = pytest.mark.django_db
SUCCEEDED, DECLINED = Outcome.SUCCEEDED, Outcome.DECLINED
FEE = Money(150, "AED")
LOST, WON = DisputeStatus.LOST, DisputeStatus.WON


def paid(**facts: Any) -> Payment:
    return heard(begun(), SUCCEEDED, **facts)


def reserved() -> Payment:
    return heard(begun(OperationKind.AUTHORIZE), SUCCEEDED)


def posted(payment: Payment) -> list[tuple[str, int]]:
    return [(each.kind, each.amount) for each in Posting.objects.filter(payment=payment)]


def accounts(payment: Payment) -> dict[str, int]:
    """What is on its accounts, where anything is."""
    (found,) = balances_of(payment.postings.all())
    assert sum(found.amounts.values()) == 0
    return {account.value: amount for account, amount in found.amounts.items() if amount}


def test_a_charge_moves_money_from_the_payer_to_the_provider() -> None:
    payment = paid()
    assert posted(payment) == [("captured", TAKEN)]
    assert accounts(payment) == {"payer": -TAKEN, "provider": TAKEN}


def test_what_took_no_money_is_not_posted() -> None:
    declined, unknown = heard(begun(), DECLINED), heard(begun(), Outcome.UNKNOWN)
    assert posted(declined) == posted(unknown) == []


def test_a_reservation_waits_at_the_payers_bank_and_is_released_when_it_is_captured() -> None:
    payment = reserved()
    assert accounts(payment) == {"payer": -TAKEN, "reserved": TAKEN}
    heard(following(payment, OperationKind.CAPTURE, 4_000), SUCCEEDED)
    assert posted(payment)[1:] == [("released", TAKEN), ("captured", 4_000)]
    assert accounts(payment) == {"payer": -4_000, "provider": 4_000}


def test_a_void_gives_the_reservation_back() -> None:
    payment = reserved()
    heard(following(payment, OperationKind.VOID), SUCCEEDED)
    assert posted(payment)[1:] == [("released", TAKEN)]
    assert accounts(payment) == {}


def test_a_capture_that_failed_leaves_the_reservation() -> None:
    payment = reserved()
    heard(following(payment, OperationKind.CAPTURE), DECLINED)
    assert accounts(payment) == {"payer": -TAKEN, "reserved": TAKEN}


def test_a_late_success_is_posted_when_it_comes() -> None:
    charge = begun()
    assert posted(heard(charge, Outcome.DECLINED)) == []
    assert posted(heard(charge, SUCCEEDED, heard_from="webhook")) == [("captured", TAKEN)]


def test_a_refund_that_came_back_and_went_again_is_posted_each_time() -> None:
    payment = paid()
    refund = refunding(payment, 3_000)
    heard(refund, SUCCEEDED)
    assert accounts(payment) == {"payer": -TAKEN, "provider": 7_000, "refunds": 3_000}
    heard(refund, DECLINED, takes_back=True)
    assert accounts(payment) == {"payer": -TAKEN, "provider": TAKEN}
    heard(refund, SUCCEEDED)
    assert [kind for kind, _ in posted(payment)[1:]] == ["refunded", "refund_returned", "refunded"]
    assert accounts(payment)["refunds"] == 3_000


def test_a_lost_dispute_takes_what_refunds_left_and_a_won_one_gives_that_back() -> None:
    payment = paid()
    heard(refunding(payment, 3_000), SUCCEEDED)
    disputed(payment, LOST)
    assert accounts(payment) == {"payer": -TAKEN, "refunds": 3_000, "disputes": 7_000}
    disputed(payment, WON)
    disputed(payment, LOST, name="D2")
    disputed(payment, WON, name="D2")
    assert accounts(payment) == {"payer": -TAKEN, "provider": 7_000, "refunds": 3_000}
    assert [each.turn for each in payment.postings.filter(kind="won_back")] == [1, 2]


def test_a_refund_that_fails_while_charged_back_does_not_change_what_the_dispute_took() -> None:
    payment = paid()
    heard(refund := refunding(payment, 3_000), SUCCEEDED)
    disputed(payment, LOST)
    heard(refund, DECLINED, takes_back=True)
    disputed(payment, WON)
    assert accounts(payment) == {"payer": -TAKEN, "provider": TAKEN}


def test_a_second_charge_is_nobodys_income() -> None:
    payment = heard(first := begun(), Outcome.NOT_SENT)
    second = begun_again(payment)
    heard(second, SUCCEEDED)
    heard(first, SUCCEEDED, fee=FEE)
    assert posted(payment) == [("captured", TAKEN)]


def test_what_the_provider_keeps_is_posted_with_the_charge_or_whenever_it_is_told() -> None:
    assert accounts(paid(fee=FEE)) == {"payer": -TAKEN, "provider": 9_850, "fees": 150}
    payment = paid()
    heard(charge_of(payment), SUCCEEDED, heard_from="lookup", fee=FEE)
    heard(charge_of(payment), SUCCEEDED, heard_from="lookup", fee=Money(200, "AED"))
    assert posted(payment) == [("captured", TAKEN), ("fee", 150)]


@pytest.mark.parametrize("fee", [Money(0, "AED"), Money(150, "USD")], ids=["none", "another's"])
def test_a_fee_of_nothing_or_of_another_currency_is_not_posted(fee: Money) -> None:
    assert posted(paid(fee=fee)) == [("captured", TAKEN)]


def test_news_heard_twice_is_posted_once() -> None:
    payment = paid(fee=FEE)
    heard(charge_of(payment), SUCCEEDED, heard_from="webhook", fee=FEE)
    assert len(posted(payment)) == 2


def test_the_database_refuses_an_outcome_that_was_posted() -> None:
    payment = paid()
    again = pytest.raises(IntegrityError)
    with again, transaction.atomic(), lifecycle.hold(payment.pk) as held:
        ledger.post(held, PostingKind.CAPTURED, TAKEN, charge_of(payment))


@contextmanager
def refused(match: str) -> Iterator[None]:
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        yield


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("posting_amount_is_positive", {"amount": 0}),
    ("posting_amount_is_positive", {"amount": -5}),
    ("posting_goes_its_way", {"to_account": "payer"}),
    ("posting_goes_its_way", {"from_account": "provider", "to_account": "payer"}),
    ("posting_goes_its_way", {"kind": "gift"}),
]


@pytest.mark.parametrize(("constraint", "facts"), WRONG, ids=[str(facts) for _, facts in WRONG])
def test_the_database_refuses_what_no_outcome_does(constraint: str, facts: dict[str, Any]) -> None:
    (posting,) = paid().postings.all()
    posting.pk, posting.turn = None, 9
    for name, value in facts.items():
        setattr(posting, name, value)
    with refused(constraint):
        posting.save(force_insert=True)


@pytest.mark.parametrize(
    "verb", ["UPDATE payments_posting SET amount = 1", "DELETE FROM payments_posting"]
)
def test_the_database_itself_keeps_the_ledger(verb: str) -> None:
    paid()
    with connection.cursor() as cursor:
        for statement in AppendOnly("payments_posting").guards(connection.vendor):
            cursor.execute(statement)
        with refused("append-only"):
            cursor.execute(verb)
    assert Posting.objects.get().amount == TAKEN


def test_every_kind_moves_money_between_two_accounts_and_there_is_one_way_for_each() -> None:
    assert set(WAYS) == set(PostingKind)
    assert all(source != target for source, target in WAYS.values())
    assert {account for way in WAYS.values() for account in way} == set(Account)


MERCHANT, ANOTHER = UUID(int=1), UUID(int=2)


def test_balances_are_told_by_provider_currency_and_merchant() -> None:
    heard(begun(owner_id=MERCHANT), SUCCEEDED, fee=FEE)
    heard(begun(OperationKind.AUTHORIZE, owner_id=MERCHANT), SUCCEEDED)
    heard(begun(owner_id=ANOTHER), SUCCEEDED)
    everything = Posting.objects.all()
    (total,) = balances_of(everything)
    assert (total.provider, total.currency, total.captured) == ("paytabs", "AED", 2 * TAKEN)
    assert total.accounts["reserved"] == "100.00"
    first, second = balances_of(everything, by_merchant=True)
    assert (first.owner_id, first.accounts["provider"]) == (MERCHANT, "98.50")
    assert (second.owner_id, second.accounts["provider"]) == (ANOTHER, "100.00")


# --- what was settled before there was a ledger


def partly_captured() -> Payment:
    payment = reserved()
    return heard(following(payment, OperationKind.CAPTURE, 4_000), SUCCEEDED)


def voided() -> Payment:
    payment = reserved()
    return heard(following(payment, OperationKind.VOID), SUCCEEDED)


def refunded_and_charged_back() -> Payment:
    payment = paid()
    heard(refunding(payment, 3_000), SUCCEEDED)
    heard(refunding(payment, 1_000), DECLINED)
    return disputed(payment, LOST)


def won_back() -> Payment:
    disputed(payment := paid(), LOST)
    return disputed(payment, WON)


def paid_twice() -> Payment:
    payment = heard(first := begun(), Outcome.NOT_SENT)
    heard(begun_again(payment), SUCCEEDED)
    return heard(first, SUCCEEDED)


def all_refunded_and_charged_back() -> Payment:
    payment = paid()
    heard(refunding(payment, TAKEN), SUCCEEDED)
    return disputed(payment, LOST)


@pytest.mark.parametrize(
    "life",
    [
        begun, paid, reserved, partly_captured, voided, refunded_and_charged_back, won_back,
        paid_twice, all_refunded_and_charged_back,
    ],
)  # fmt: skip
def test_it_opens_with_what_was_settled_before(life: Callable[[], Any]) -> None:
    life()
    payment = Payment.objects.get()
    before = [each.amounts for each in balances_of(payment.postings.all())]
    Posting.objects.all().delete()
    migration = import_module("payments.migrations.0011_ledger").Migration
    (opening,) = (each for each in migration.operations if isinstance(each, RunSQL))
    with connection.cursor() as cursor:
        for statement in opening.sql:
            cursor.execute(str(statement))
    assert agrees(payment) == []
    assert [each.amounts for each in balances_of(payment.postings.all())] == before


# --- any life


def news_of(operation: GatewayOperation, outcome: Outcome, source: str, has_fee: bool) -> None:
    is_refund = operation.kind == OperationKind.REFUND
    goes_back = outcome is DECLINED and operation.outcome == SUCCEEDED and is_refund
    fee = Money(operation.amount // 50, "AED") if has_fee else None
    heard(operation, outcome, heard_from=source, takes_back=goes_back, fee=fee)


def follow(payment: Payment, kind: OperationKind, amount: int) -> None:
    """As the services would: what is not reserved is neither captured nor voided."""
    payment.refresh_from_db()
    if kind is OperationKind.REFUND:
        refunding(payment, amount)
    elif payment.status == PaymentStatus.AUTHORIZED:
        following(payment, kind, amount if kind is OperationKind.CAPTURE else TAKEN)


def agrees(payment: Payment) -> list[str]:
    """What the ledger says otherwise than the payment, as the audit would tell it."""
    ((case,),) = cases_of(Payment.objects.filter(pk=payment.pk))
    return [str(broken) for rule in RULES for broken in rule.judged(case)]


Step = Callable[[Payment], Any]
amounts = st.integers(1, TAKEN)
outcomes = st.sampled_from([SUCCEEDED, SUCCEEDED, DECLINED, Outcome.UNKNOWN, Outcome.NOT_SENT])
sources = st.sampled_from(["answer", "webhook", "lookup"])


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """A command, or news of any operation that there is, in no order that makes sense."""
    which = draw(st.sampled_from(["news", "news", "news", "again", "follow", "dispute"]))
    if which == "again":
        kind = draw(st.sampled_from([OperationKind.CHARGE, OperationKind.AUTHORIZE]))
        return lambda payment: begun_again(payment, kind)
    if which == "follow":
        follows = [OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND]
        kind, amount = draw(st.sampled_from(follows)), draw(amounts)
        return lambda payment: follow(payment, kind, amount)
    if which == "dispute":
        status, name = draw(st.sampled_from([LOST, WON])), draw(st.sampled_from(["D1", "D2"]))
        much = draw(st.sampled_from([TAKEN, TAKEN // 2, TAKEN // 3]))
        return lambda payment: payment.postings.exists() and disputed(payment, status, much, name)
    number, outcome, source = draw(st.integers(0, 5)), draw(outcomes), draw(sources)
    has_fee = draw(st.booleans())

    def tell(payment: Payment) -> None:
        known = list(payment.operations.all())
        news_of(known[-1 - number % len(known)], outcome, source, has_fee)

    return tell


def refusals_of(step: Step) -> tuple[type[Exception], ...]:
    """A command may be refused by a constraint; what has happened must never be."""
    return (DomainError,) if step.__name__ == "tell" else (DomainError, IntegrityError)


@pytest.mark.django_db(transaction=True)
@settings(max_examples=70, deadline=None)
@given(
    first=st.sampled_from([OperationKind.CHARGE, OperationKind.AUTHORIZE]),
    life=st.lists(steps(), min_size=3, max_size=14),
)
def test_whatever_happens_the_ledger_says_at_every_commit_what_the_payment_says(
    first: OperationKind, life: list[Step]
) -> None:
    payment = begun(first).payment
    for step in life:
        with suppress(*refusals_of(step)):
            step(payment)
        assert agrees(payment) == []
        for found in balances_of(payment.postings.all()):
            assert sum(found.amounts.values()) == 0
            assert min(found.amounts[a] for a in (Account.RESERVED, Account.REFUNDS)) >= 0
            assert found.amounts[Account.DISPUTES] >= 0
