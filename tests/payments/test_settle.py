"""One door for all news: twice, late, in any order, contradicting, and about two pages at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from payments import operations
from payments.errors import InvalidTransition, OperationInProgress
from payments.events.chain import verify_stream
from payments.events.store import read_stream
from payments.gateways.messages import Failure, GatewayResult
from payments.gateways.registry import gateway_named
from payments.lifecycle import aggregate_of
from payments.models import Discrepancy, GatewayOperation, Payment
from payments.money import Money
from payments.services.payments import create_payment, payment_with
from payments.statuses import (
    Contradiction,
    FailureCode,
    OperationKind,
    Outcome,
    PaymentStatus,
    may_become,
)

pytestmark = pytest.mark.django_db
AED = Money(12550, "AED")


def new_payment(money: Money = AED) -> Payment:
    return create_payment(owner_id=None, money=money)


def begin(payment: Payment) -> GatewayOperation:
    gateway = gateway_named("paytabs")
    operation, is_new = operations.begin(
        payment.id, OperationKind.CHARGE, gateway, reason="test", timeout=gateway.timeout
    )
    assert is_new
    return operation


def page(reference: str = "T1") -> GatewayResult:
    return GatewayResult(Outcome.ACTION_REQUIRED, reference=reference, redirect_url="https://pay/1")


def paid(reference: str = "T1", money: Money | None = AED, **facts: Any) -> GatewayResult:
    return GatewayResult(Outcome.SUCCEEDED, reference=reference, money=money, **facts)


def declined(reference: str = "T1", code: FailureCode = FailureCode.CARD_DECLINED) -> GatewayResult:
    return GatewayResult(Outcome.DECLINED, reference=reference, failure=Failure(code, "no"))


UNKNOWN, NOT_SENT = GatewayResult(Outcome.UNKNOWN), GatewayResult(Outcome.NOT_SENT)
PENDING = GatewayResult(Outcome.PENDING, reference="T1")


def settled(operation: GatewayOperation, *news: GatewayResult, by: str = "webhook") -> Payment:
    for result in news:
        operations.settle(operation, result, heard_from=by)
    return payment_with(operation.payment_id)


def story(payment: Payment) -> list[str]:
    return [event.type.removeprefix("payment.") for event in read_stream(aggregate_of(payment))]


def test_the_ordinary_story() -> None:
    operation = begin(payment := new_payment())
    assert settled(operation, page(), by="answer").status == PaymentStatus.REQUIRES_ACTION
    done = settled(operation, paid())
    assert done.status == PaymentStatus.COMPLETED
    assert (done.amount_captured, done.outcome) == (12550, "succeeded")
    assert done.completed_at is not None
    assert story(payment) == ["created", "initiated", "requires_action", "completed"]


def test_the_same_news_twice_changes_nothing_more() -> None:
    operation = begin(payment := new_payment())
    settled(operation, page(), paid())
    before = (story(payment), payment_with(payment.id).version)
    settled(operation, paid(), page(), paid(), PENDING, UNKNOWN, NOT_SENT, declined())
    assert (story(payment), payment_with(payment.id).version) == before


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (FailureCode.CARD_DECLINED, "failed"),
        (FailureCode.INSUFFICIENT_FUNDS, "failed"),
        (FailureCode.CANCELLED_BY_PAYER, "cancelled"),
        (FailureCode.EXPIRED, "expired"),
    ],
)
def test_a_decline_ends_the_payment_with_its_reason(code: FailureCode, status: str) -> None:
    operation = begin(new_payment())
    ended = settled(operation, page(), declined(code=code))
    assert (ended.status, ended.failure_code) == (status, code)
    assert ended.current_operation is not None
    assert ended.current_operation.next_check_at is None


def test_what_was_never_sent_may_be_tried_again() -> None:
    operation = begin(payment := new_payment())
    assert settled(operation, NOT_SENT, by="answer").status == PaymentStatus.CREATED
    again = begin(payment)
    assert again.pk != operation.pk
    assert settled(again, page(), paid()).status == PaymentStatus.COMPLETED


def test_an_unknown_outcome_keeps_the_payment_waiting_and_says_when_it_asks_next() -> None:
    operation = begin(payment := new_payment())
    waiting = settled(operation, UNKNOWN, by="answer")
    assert (waiting.status, waiting.outcome) == (PaymentStatus.PROCESSING, "unknown")
    assert waiting.current_operation is not None
    assert waiting.current_operation.next_check_at is not None
    assert story(payment)[-1] == "timed_out"


def test_a_late_success_after_the_end_is_believed_and_marked_as_late() -> None:
    operation = begin(payment := new_payment())
    settled(operation, page(), declined(code=FailureCode.EXPIRED))
    assert settled(operation, paid()).status == PaymentStatus.COMPLETED
    last = list(read_stream(aggregate_of(payment)))[-1]
    assert last.data["is_late"] is True
    assert payment_with(payment.id).failure_code == ""


@pytest.mark.parametrize(
    ("news", "kind"),
    [
        (paid(money=Money(12549, "AED")), Contradiction.AMOUNT_DIFFERS),
        (paid(money=Money(12551, "AED")), Contradiction.AMOUNT_DIFFERS),
        (paid(money=None), Contradiction.AMOUNT_DIFFERS),
        (paid(money=Money(12550, "USD")), Contradiction.CURRENCY_DIFFERS),
        (paid("T2"), Contradiction.REFERENCE_DIFFERS),
        (declined("T2"), Contradiction.REFERENCE_DIFFERS),
        (paid(kind=OperationKind.AUTHORIZE), Contradiction.KIND_DIFFERS),
    ],
)
def test_news_that_contradicts_us_is_kept_for_a_person_and_not_believed(
    news: GatewayResult, kind: Contradiction
) -> None:
    operation = begin(payment := new_payment())
    settled(operation, page())
    after = settled(operation, news, news, news)
    assert after.status == PaymentStatus.REQUIRES_ACTION
    assert after.amount_captured == 0
    difference = Discrepancy.objects.get()
    assert difference.kind == kind
    assert story(payment).count("contradicted") == 1


def test_money_that_the_provider_holds_is_busy_and_its_page_no_longer_offered() -> None:
    operation = begin(payment := new_payment())
    held = settled(operation, page(), PENDING)
    assert (held.status, held.outcome) == (PaymentStatus.PROCESSING, "pending")
    assert settled(operation, page()).outcome == "pending"
    assert story(payment)[-1] == "processing"
    assert settled(operation, paid()).status == PaymentStatus.COMPLETED


def test_a_declined_card_leaves_the_page_open_for_another() -> None:
    operation = begin(payment := new_payment())
    tried = replace(declined(), outcome=Outcome.PENDING)
    waiting = settled(operation, page(), tried)
    assert (waiting.status, waiting.failure_code) == ("requires_action", "card_declined")
    done = settled(operation, paid())
    assert (done.status, done.failure_code) == (PaymentStatus.COMPLETED, "")
    assert story(payment)[-1] == "completed"


def test_a_success_that_is_taken_back_is_shown_to_a_person() -> None:
    operation = begin(payment := new_payment())
    voided = replace(declined(), takes_back=True)
    after = settled(operation, page(), paid(), voided, voided, declined())
    assert after.status == PaymentStatus.COMPLETED
    assert Discrepancy.objects.get().kind == Contradiction.UNEXPECTED_NEWS
    assert story(payment).count("contradicted") == 1


def test_news_that_contradicts_an_ended_operation_has_the_provider_asked_at_once() -> None:
    operation = begin(new_payment())
    settled(operation, page(), declined())
    settled(operation, paid("T2"))
    operation.refresh_from_db()
    assert operation.next_check_at is not None
    assert settled(operation, paid("T2"), by="lookup").status == PaymentStatus.COMPLETED


def test_a_cart_found_paid_twice_by_one_lookup_leaves_its_orphan_too() -> None:
    operation = begin(new_payment())
    after = settled(operation, page(), paid("T1", also_taken=("T2",)), by="lookup")
    assert (after.status, after.amount_captured) == (PaymentStatus.COMPLETED, 12550)
    assert Discrepancy.objects.get().heard == "T2"


def test_a_payment_by_cash_comes_under_a_new_reference_that_names_its_parent() -> None:
    operation = begin(new_payment())
    settled(operation, page("T1"))
    assert settled(operation, paid("T2", parent_reference="T1")).status == PaymentStatus.COMPLETED


def test_a_lookup_by_our_own_key_may_find_another_reference() -> None:
    operation = begin(new_payment())
    settled(operation, page("T1"))
    assert settled(operation, paid("T2"), by="lookup").status == PaymentStatus.COMPLETED


def test_a_page_that_is_paid_twice_leaves_an_orphan_to_be_seen() -> None:
    operation = begin(payment := new_payment())
    settled(operation, page(), paid("T1"), paid("T2"), by="lookup")
    assert Discrepancy.objects.get().kind == Contradiction.ORPHAN_CHARGE
    assert payment_with(payment.id).amount_captured == 12550


def two_pages() -> tuple[Payment, GatewayOperation, GatewayOperation]:
    payment = new_payment()
    first = begin(payment)
    settled(first, UNKNOWN, by="answer")
    settled(first, NOT_SENT, by="lookup")
    second = begin(payment)
    settled(second, page("T2"), by="answer")
    return payment, first, second


@pytest.mark.parametrize("first_paid", [0, 1])
def test_of_two_paid_pages_one_settles_the_payment_and_the_other_is_an_orphan(
    first_paid: int,
) -> None:
    payment, *pages = two_pages()
    news = [paid("T1"), paid("T2")]
    winner, orphan = pages[first_paid], pages[1 - first_paid]
    assert settled(winner, news[first_paid]).status == PaymentStatus.COMPLETED
    after = settled(orphan, news[1 - first_paid], news[1 - first_paid])
    assert after.amount_captured == 12550
    assert after.current_operation == winner
    orphan.refresh_from_db()
    assert (orphan.outcome, orphan.is_orphan) == (Outcome.SUCCEEDED, True)
    assert Discrepancy.objects.get().kind == Contradiction.ORPHAN_CHARGE
    assert story(payment).count("completed") == 1


def test_an_old_pages_end_does_not_end_the_payment_that_has_a_new_one() -> None:
    _, first, _second = two_pages()
    assert settled(first, declined("T1")).status == PaymentStatus.REQUIRES_ACTION


def test_one_payment_has_one_open_operation() -> None:
    payment = new_payment()
    operation = begin(payment)
    with pytest.raises(OperationInProgress):
        begin(payment)
    settled(operation, page())
    gateway = gateway_named("paytabs")
    again, is_new = operations.begin(
        payment.id, OperationKind.CHARGE, gateway, reason="", timeout=gateway.timeout
    )
    assert (again, is_new) == (operation, False)


def test_the_database_itself_refuses_a_second_open_operation() -> None:
    operation = begin(new_payment())
    operation.pk = None
    twin = GatewayOperation(
        payment=operation.payment, kind="charge", provider="paytabs", amount=1, currency="AED",
        deadline_at=operation.deadline_at,
    )  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


@pytest.mark.parametrize("code", [FailureCode.CARD_DECLINED, FailureCode.EXPIRED])
def test_a_payment_that_ended_is_not_started_again(code: FailureCode) -> None:
    operation = begin(payment := new_payment())
    settled(operation, page(), declined(code=code))
    with pytest.raises(InvalidTransition):
        begin(payment)


@pytest.mark.parametrize(
    "facts",
    [
        {"amount": 0},
        {"amount_captured": 12551},
        {"amount_refunded": 1},
        {"amount_authorized": -1},
        {"status": "paid"},
        {"status": "completed"},
    ],
)
def test_the_database_itself_refuses_sums_and_statuses_that_cannot_be(
    facts: dict[str, Any],
) -> None:
    payment = new_payment()
    with pytest.raises(IntegrityError), transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(**facts)


NEWS = st.sampled_from(
    [
        page("T1"), page("T2"), paid("T1"), paid("T2"), paid("T3"),
        paid("T1", Money(1, "AED")), paid("T1", Money(12550, "USD")),
        declined("T1"), declined("T2", FailureCode.EXPIRED),
        declined("T1", FailureCode.CANCELLED_BY_PAYER), UNKNOWN, NOT_SENT, PENDING,
        paid("T1", kind=OperationKind.AUTHORIZE), paid("T2", also_taken=("T1", "T4")),
        replace(declined("T1"), takes_back=True),
    ]
)  # fmt: skip
SOURCES = st.sampled_from(["answer", "webhook", "lookup"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), NEWS, SOURCES), max_size=14))
def test_whatever_is_heard_in_whatever_order_the_records_stay_true(heard: list[Any]) -> None:
    payment, *pages = two_pages()
    ever_paid = False
    for of_second, news, source in heard:
        after = settled(pages[of_second], news, by=source)
        ever_paid = ever_paid or after.amount_captured > 0
        assert (after.status == PaymentStatus.COMPLETED) == ever_paid
        assert after.amount_captured in (0, 12550)
    _prove(payment)


def _prove(payment: Payment) -> None:
    events = list(read_stream(aggregate_of(payment)))
    assert verify_stream(aggregate_of(payment)) == len(events)
    moves = [(e.data["previous_status"], e.data["status"]) for e in events[1:]]
    assert all(a == b or may_become(PaymentStatus(a), PaymentStatus(b)) for a, b in moves), moves
    assert [b for _, b in moves[:-1]] == [a for a, _ in moves[1:]]
    taken = GatewayOperation.objects.filter(payment=payment, outcome=Outcome.SUCCEEDED)
    assert taken.filter(is_orphan=False).count() <= 1
    for orphan in taken.filter(is_orphan=True):
        assert orphan.discrepancies.filter(kind=Contradiction.ORPHAN_CHARGE).exists()


def test_a_deadline_leaves_time_for_the_call_and_its_settlement() -> None:
    operation = begin(new_payment())
    limit = gateway_named("paytabs").timeout
    assert operation.deadline_at - operation.started_at >= limit + timedelta(seconds=1)
