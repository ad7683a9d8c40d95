"""What refunds and disputes do to a payment's sums and status, in whatever order news comes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments import lifecycle, operations
from payments.errors import InvalidTransition, ServiceUnavailable
from payments.events.store import read_stream
from payments.gateways.messages import (
    DisputeNews,
    DisputeStatus,
    Failure,
    GatewayResult,
)
from payments.gateways.registry import gateway_named
from payments.gateways.wire import NotSent
from payments.ledger import balance_of
from payments.lifecycle import aggregate_of
from payments.models import Account, Discrepancy, Dispute, GatewayOperation, Payment, Refund
from payments.money import Money
from payments.services.disputes import record_dispute
from payments.services.payments import create_payment, payment_with
from payments.services.refunds import refund_payment
from payments.statuses import FailureCode, OperationKind, Outcome, PaymentStatus
from tests import lives
from tests.fakes import FakeTransport

pytestmark = pytest.mark.django_db
TAKEN = 10_000


def paid() -> Payment:
    payment = create_payment(owner_id=None, money=Money(TAKEN, "AED"))
    gateway = gateway_named("paytabs")
    charge, _ = operations.begin(
        payment.id, OperationKind.CHARGE, gateway, reason="", timeout=gateway.timeout
    )
    success = GatewayResult(Outcome.SUCCEEDED, reference="T1", money=payment.money)
    return operations.settle(charge, success, heard_from="answer")


def refund(payment: Payment, amount: int) -> GatewayOperation:
    with lifecycle.hold(payment.id) as held:
        money = Money(amount, "AED")
        return operations.begin_refund(held, gateway_named("paytabs"), money, reason="test")


def heard(operation: GatewayOperation, outcome: Outcome, **facts: Any) -> Payment:
    failure = Failure(FailureCode.PROVIDER_ERROR, "no") if outcome is Outcome.DECLINED else None
    result = GatewayResult(outcome, reference="R1", money=operation.money, failure=failure, **facts)
    return operations.settle(operation, result, heard_from="answer")


def sums(payment: Payment) -> tuple[str, int, int]:
    row = payment_with(payment.id)
    return row.status, row.amount_refunded, row.refund_pending


def test_a_refund_is_reserved_then_given_back() -> None:
    payment = paid()
    operation = refund(payment, 4_000)
    assert sums(payment) == ("completed", 0, 4_000)
    heard(operation, Outcome.SUCCEEDED)
    assert sums(payment) == ("partially_refunded", 4_000, 0)
    heard(refund(payment, 6_000), Outcome.SUCCEEDED)
    assert sums(payment) == ("refunded", 10_000, 0)


@pytest.mark.parametrize("outcome", [Outcome.DECLINED, Outcome.NOT_SENT])
def test_a_refund_that_fails_frees_its_sum(outcome: Outcome) -> None:
    payment = paid()
    heard(refund(payment, 4_000), outcome)
    assert sums(payment) == ("completed", 0, 0)
    assert Refund.objects.get().status == "failed"


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.PENDING])
def test_a_refund_in_doubt_keeps_its_sum(outcome: Outcome) -> None:
    payment = paid()
    operation = refund(payment, 4_000)
    heard(operation, outcome)
    assert sums(payment) == ("completed", 0, 4_000)
    heard(operation, Outcome.SUCCEEDED)
    assert sums(payment) == ("partially_refunded", 4_000, 0)


def test_a_refund_that_had_succeeded_may_fail_later() -> None:
    payment = paid()
    operation = refund(payment, 10_000)
    heard(operation, Outcome.SUCCEEDED)
    heard(operation, Outcome.DECLINED, takes_back=True)
    assert sums(payment) == ("completed", 0, 0)
    types = [event.type for event in read_stream(aggregate_of(payment))]
    assert types[-2:] == ["refund.failed", "payment.status_changed"]


def test_a_refund_given_up_that_succeeds_after_all_is_counted_while_there_is_room() -> None:
    payment = paid()
    operation = refund(payment, 4_000)
    heard(operation, Outcome.NOT_SENT)
    heard(operation, Outcome.SUCCEEDED)
    assert sums(payment) == ("partially_refunded", 4_000, 0)


def test_beyond_what_is_left_it_is_a_contradiction_for_a_person() -> None:
    payment = paid()
    given_up = refund(payment, 4_000)
    heard(given_up, Outcome.NOT_SENT)
    heard(refund(payment, 8_000), Outcome.SUCCEEDED)
    heard(given_up, Outcome.SUCCEEDED)
    assert sums(payment) == ("partially_refunded", 8_000, 0)
    assert Discrepancy.objects.get().kind == "unexpected_news"


OUTCOMES = st.sampled_from(
    [
        (Outcome.SUCCEEDED, {}),
        (Outcome.DECLINED, {}),
        (Outcome.DECLINED, {"takes_back": True}),
        (Outcome.NOT_SENT, {}),
        (Outcome.UNKNOWN, {}),
        (Outcome.PENDING, {}),
    ]
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, TAKEN), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), OUTCOMES), max_size=15),
)
def test_whatever_refunds_do_the_sums_hold(amounts: list[int], news: list[Any]) -> None:
    payment = paid()
    made = []
    for amount in amounts:
        row = payment_with(payment.id)
        left = row.amount_captured - row.amount_refunded - row.refund_pending
        if amount <= left:
            made.append(refund(payment, amount))
    for which, (outcome, facts) in news:
        heard(made[which % len(made)], outcome, **facts)
    rows = [GatewayOperation.objects.get(pk=operation.pk) for operation in made]
    given_back = sum(row.amount for row in rows if row.outcome == Outcome.SUCCEEDED)
    pending = sum(row.amount for row in rows if row.is_open())
    status, refunded, reserved = sums(payment)
    assert (refunded, reserved) == (given_back, pending)
    expected = {0: "completed", TAKEN: "refunded"}.get(refunded, "partially_refunded")
    assert status == expected


DEADLINE = datetime(2026, 12, 1, tzinfo=UTC)


LOST, WON, COMPLETED, BACK = (
    DisputeStatus.LOST,
    DisputeStatus.WON,
    PaymentStatus.COMPLETED,
    PaymentStatus.CHARGED_BACK,
)


def dispute(
    payment: Payment,
    status: DisputeStatus,
    money: Money | None = None,
    *,
    is_proven: bool = True,
    name: str = "D1",
) -> Payment:
    charge = payment_with(payment.id).current_operation
    assert charge is not None
    news = DisputeNews(name, status, money or payment.money, "fraudulent", DEADLINE)
    return record_dispute(charge, news, is_proven=is_proven)


def test_a_dispute_is_kept_with_its_deadline_and_reason() -> None:
    payment = paid()
    assert dispute(payment, DisputeStatus.OPEN).status == PaymentStatus.COMPLETED
    row = Dispute.objects.get()
    assert (row.amount, row.reason, row.deadline) == (TAKEN, "fraudulent", DEADLINE)


def test_a_lost_dispute_charges_the_payment_back_and_a_won_one_gives_it_back() -> None:
    payment = paid()
    heard(refund(payment, 1_000), Outcome.SUCCEEDED)
    dispute(payment, DisputeStatus.OPEN)
    assert dispute(payment, DisputeStatus.LOST).status == PaymentStatus.CHARGED_BACK
    assert dispute(payment, DisputeStatus.WON).status == PaymentStatus.PARTIALLY_REFUNDED
    types = [event.type for event in read_stream(aggregate_of(payment))]
    assert types[-3:] == ["dispute.opened", "dispute.lost", "dispute.won"]


def test_a_dispute_told_lost_after_it_was_won_moves_nothing_and_is_told_to_a_person() -> None:
    payment = paid()
    for status in (LOST, WON, LOST, LOST):
        after = dispute(payment, status)
    assert (after.status, taken_back(payment)) == (COMPLETED, 0)
    assert Dispute.objects.get().status == "won"
    told = Discrepancy.objects.get()
    assert (told.kind, told.heard) == ("unexpected_news", "dispute D1 lost")


def test_a_dispute_whose_win_nobody_proved_may_still_be_lost() -> None:
    payment = paid()
    dispute(payment, WON, is_proven=False)
    assert dispute(payment, LOST).status == BACK
    assert not Discrepancy.objects.exists()


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.DECLINED])
def test_what_a_lost_dispute_took_no_refund_gives_back(outcome: Outcome) -> None:
    payment = paid()
    pending = refund(payment, 4_000)
    dispute(payment, DisputeStatus.LOST)
    assert heard(pending, outcome).status == PaymentStatus.CHARGED_BACK


def taken_back(payment: Payment) -> int:
    return balance_of(payment.postings.all(), Account.DISPUTES)


def test_a_lost_dispute_of_a_part_takes_that_part_and_leaves_the_payment_as_it_is() -> None:
    payment, part = paid(), Money(100, "AED")
    assert dispute(payment, LOST, part).status == COMPLETED
    assert (Dispute.objects.get().status, taken_back(payment)) == ("lost", 100)
    assert dispute(payment, LOST, part).status == COMPLETED
    assert taken_back(payment) == 100
    assert dispute(payment, WON, part).status == COMPLETED
    assert taken_back(payment) == 0


@pytest.mark.django_db(transaction=True)
def test_what_a_bank_took_is_not_given_back_as_well(provider: FakeTransport) -> None:
    provider.replies["request"] = NotSent("down")
    payment = paid()
    dispute(payment, LOST, Money(3_000, "AED"))
    with pytest.raises(InvalidTransition, match=r"Only 70\.00 AED"):
        refund_payment(payment_id=payment.id, money=Money(8_000, "AED"))
    with pytest.raises(ServiceUnavailable):
        refund_payment(payment_id=payment.id)
    assert Refund.objects.get().money == Money(7_000, "AED")


def test_parts_that_leave_nothing_charge_the_payment_back() -> None:
    payment = paid()
    heard(refund(payment, 1_000), Outcome.SUCCEEDED)
    dispute(payment, LOST, Money(TAKEN - 3_000, "AED"))
    assert dispute(payment, LOST, Money(2_000, "AED"), name="D2").status == BACK
    assert taken_back(payment) == TAKEN - 1_000
    assert dispute(payment, WON, name="D2").status == PaymentStatus.PARTIALLY_REFUNDED
    assert taken_back(payment) == TAKEN - 3_000


def test_a_dispute_that_is_not_proven_is_kept_and_moves_nothing() -> None:
    after = dispute(payment := paid(), LOST, is_proven=False)
    assert (after.status, taken_back(payment)) == (COMPLETED, 0)


def test_what_is_only_hearsay_keeps_nothing_back_when_the_proven_one_is_won() -> None:
    payment = paid()
    dispute(payment, LOST, name="hearsay", is_proven=False)
    assert dispute(payment, LOST).status == BACK
    assert dispute(payment, WON).status == COMPLETED


def about(payment: Payment, operation: GatewayOperation, status: DisputeStatus) -> Payment:
    return record_dispute(operation, DisputeNews("D9", status, payment.money))


def test_a_dispute_about_an_attempt_that_took_nothing_takes_nothing_of_another() -> None:
    payment = lives.heard(unsent := lives.begun(), Outcome.NOT_SENT)
    payment = lives.heard(lives.begun_again(payment), Outcome.SUCCEEDED)
    assert about(payment, unsent, LOST).status == COMPLETED
    assert (Dispute.objects.get().status, taken_back(payment)) == ("lost", 0)


def test_what_an_attempt_took_is_read_under_the_lock() -> None:
    charge = lives.begun()
    as_it_was = GatewayOperation.objects.get(pk=charge.pk)
    lives.heard(charge, Outcome.SUCCEEDED)
    assert about(charge.payment, as_it_was, LOST).status == BACK


def test_a_dispute_about_a_second_charge_takes_nothing_of_the_first() -> None:
    payment = lives.heard(second := lives.begun(), Outcome.NOT_SENT)
    payment = lives.heard(lives.begun_again(payment), Outcome.SUCCEEDED)
    lives.heard(second, Outcome.SUCCEEDED, heard_from="webhook")
    second.refresh_from_db()
    assert second.is_orphan
    assert about(payment, second, LOST).status == COMPLETED
    assert dispute(payment, LOST).status == BACK
    assert dispute(payment, WON).status == COMPLETED


def test_a_dispute_that_is_proven_after_its_hint_moves_then() -> None:
    payment = paid()
    steps = [(LOST, False), (LOST, True), (LOST, True), (WON, False), (WON, True), (WON, True)]
    after = [dispute(payment, status, is_proven=proven).status for status, proven in steps]
    assert after == [COMPLETED, BACK, BACK, BACK, COMPLETED, COMPLETED]
    types = [event.type for event in read_stream(aggregate_of(payment))]
    assert types[-4:] == ["dispute.lost", "dispute.lost", "dispute.won", "dispute.won"]


def test_a_dispute_in_another_currency_is_never_the_whole() -> None:
    payment = paid()
    assert dispute(payment, LOST, Money(TAKEN * 10, "JPY")).status == COMPLETED
    assert (Dispute.objects.get().status, Dispute.objects.get().currency) == ("lost", "JPY")


def test_what_is_contested_follows_the_news_and_counts_at_the_end() -> None:
    payment, small = paid(), Money(100, "AED")
    dispute(payment, DisputeStatus.OPEN, small)
    dispute(payment, DisputeStatus.OPEN, payment.money)
    assert Dispute.objects.get().amount == TAKEN
    dispute(payment, DisputeStatus.OPEN, small, is_proven=False)
    assert Dispute.objects.get().amount == TAKEN
    assert dispute(payment, LOST, small).status == COMPLETED
    closed_at = Dispute.objects.get().closed_at
    assert dispute(payment, LOST, payment.money).status == BACK
    dispute(payment, DisputeStatus.OPEN, small)
    assert (Dispute.objects.get().amount, Dispute.objects.get().closed_at) == (TAKEN, closed_at)


def test_a_dispute_that_was_won_gives_back_nothing_that_another_took() -> None:
    payment = paid()
    dispute(payment, LOST)
    assert dispute(payment, WON, name="D2").status == BACK
    assert dispute(payment, WON).status == COMPLETED


def test_a_dispute_told_twice_or_late_counts_once() -> None:
    payment = paid()
    for status in (DisputeStatus.LOST, DisputeStatus.OPEN, DisputeStatus.LOST):
        dispute(payment, status)
    assert Dispute.objects.get().status == "lost"
    types = [event.type for event in read_stream(aggregate_of(payment))]
    assert types.count("dispute.lost") == 1
    assert "dispute.opened" not in types
