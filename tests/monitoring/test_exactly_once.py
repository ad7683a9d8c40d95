"""The audit: a life that went well breaks no rule, and each rule is broken by what it is for."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from monitoring.exactly_once.audit import Audit
from payments import lifecycle, operations, signals
from payments.gateways.messages import DisputeStatus
from payments.gateways.registry import gateway_named
from payments.models import (
    Delivery,
    Discrepancy,
    GatewayOperation,
    Payment,
    Posting,
    StoredEvent,
)
from payments.statuses import Contradiction, OperationKind, Outcome
from tests.factories import (
    DiscrepancyFactory,
    GatewayOperationFactory,
    PaymentWebhookEventFactory,
)
from tests.lives import TAKEN, begun, charge_of, disputed, following, heard, refunding
from tests.monitoring.books import Books, broken, rules
from webhooks.models import PaymentWebhookEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def books() -> Books:
    return Books()


def paid(books: Books) -> Payment:
    charge = begun()
    books.write(charge.key, TAKEN)
    return heard(charge, Outcome.SUCCEEDED)


def reserved(books: Books) -> Payment:
    charge = begun(OperationKind.AUTHORIZE)
    books.write(charge.key, 0, is_reserved=True)
    return heard(charge, Outcome.SUCCEEDED)


def refunded_in_part(books: Books) -> Payment:
    payment = paid(books)
    heard(refunding(payment, 3_000), Outcome.SUCCEEDED)
    heard(refunding(payment, 1_000), Outcome.DECLINED)
    books.write(charge_of(payment).key, TAKEN, 3_000)
    return payment


def sent_back(books: Books) -> Payment:
    """A refund that had succeeded, and came back."""
    payment = paid(books)
    refund = refunding(payment, TAKEN)
    heard(refund, Outcome.SUCCEEDED)
    heard(refund, Outcome.DECLINED, takes_back=True)
    return payment


def captured(books: Books) -> Payment:
    payment = reserved(books)
    heard(following(payment, OperationKind.CAPTURE), Outcome.SUCCEEDED)
    books.write(charge_of(payment).key, TAKEN)
    return payment


def voided(books: Books) -> Payment:
    payment = reserved(books)
    books.write(charge_of(payment).key, 0)
    return heard(following(payment, OperationKind.VOID), Outcome.SUCCEEDED)


def charged_back(books: Books) -> Payment:
    payment = paid(books)
    return disputed(payment, DisputeStatus.LOST)


def declined(books: Books) -> Payment:
    return heard(begun(), Outcome.DECLINED)


def paid_after_all(books: Books) -> Payment:
    payment = declined(books)
    books.write(charge_of(payment).key, TAKEN)
    return heard(charge_of(payment), Outcome.SUCCEEDED)


LIVES = [
    paid,
    reserved,
    refunded_in_part,
    sent_back,
    captured,
    voided,
    charged_back,
    declined,
    paid_after_all,
]


@pytest.mark.parametrize("life", LIVES)
def test_a_life_that_went_well_breaks_no_rule(
    life: Callable[[Books], Payment], books: Books
) -> None:
    life(books)
    assert broken(books, at_rest=True) == []


def test_what_is_under_way_is_no_breach_until_all_should_be_at_rest(books: Books) -> None:
    books.write(begun().key, TAKEN)
    heard(begun(), Outcome.UNKNOWN)
    refunding(paid(books), 1_000)
    assert broken(books) == []
    assert rules(books, at_rest=True) == {"somebody_will_ask", "nothing_is_lost"}


# --- our own records, written past the service


def sql(statement: str, *values: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def of(payment: Payment) -> Any:
    return Payment.objects.filter(pk=payment.pk)


def attempts_of(payment: Payment) -> Any:
    return GatewayOperation.objects.filter(payment=payment)


def tell(payment: Payment, signal: Any, operation: GatewayOperation | None = None) -> None:
    with lifecycle.hold(payment.pk) as held:
        lifecycle.note(held, signal, operation)


def second_charge(payment: Payment) -> GatewayOperation:
    return GatewayOperationFactory.create(payment=payment, outcome="succeeded", is_orphan=True)


def remove_event(payment: Payment) -> None:
    Delivery.objects.all().delete()
    sql(
        "DELETE FROM payments_storedevent WHERE aggregate_id = %s AND sequence = 2",
        str(payment.pk),
    )


def remove_last_event(payment: Payment) -> None:
    Delivery.objects.all().delete()
    StoredEvent.objects.filter(aggregate_id=str(payment.pk)).order_by("-sequence")[
        :1
    ].get().delete()


def change_event(payment: Payment) -> None:
    sql(
        "UPDATE payments_storedevent SET data = replace(data, '100.00', '900.00')"
        " WHERE aggregate_id = %s",
        str(payment.pk),
    )


def postings_of(payment: Payment) -> Any:
    return Posting.objects.filter(payment=payment)


def post_again(payment: Payment) -> None:
    (posting,) = postings_of(payment)
    posting.pk, posting.turn = None, 2
    posting.save(force_insert=True)


TAMPERINGS: list[tuple[Callable[[Books], Payment], Callable[[Payment], Any], str]] = [
    (paid, lambda p: of(p).update(amount_captured=9_999), "sums_agree"),
    (paid, lambda p: of(p).update(amount_refunded=1), "sums_agree"),
    (paid, lambda p: of(p).update(refund_pending=1), "sums_agree"),
    (reserved, lambda p: of(p).update(amount_authorized=9_999), "sums_agree"),
    (paid, lambda p: attempts_of(p).update(currency="USD"), "sums_agree"),
    (declined, lambda p: of(p).update(status="created"), "history_tells_every_move"),
    (declined, lambda p: of(p).update(version=9), "history_tells_every_move"),
    (paid, lambda p: of(p).update(status="failed"), "status_fits_the_money"),
    (reserved, lambda p: of(p).update(status="failed"), "status_fits_the_money"),
    (reserved, lambda p: of(p).update(status="cancelled"), "status_fits_the_money"),
    (declined, lambda p: of(p).update(status="authorized"), "status_fits_the_money"),
    (paid, lambda p: of(p).update(status="refunded"), "status_fits_the_refunds"),
    (sent_back, lambda p: of(p).update(status="partially_refunded"), "status_fits_the_refunds"),
    (paid, lambda p: of(p).update(status="charged_back"), "status_fits_the_refunds"),
    (paid, second_charge, "orphans_are_told"),
    (declined, lambda p: of(p).update(status="processing"), "somebody_will_ask"),
    (paid, lambda p: postings_of(p).delete(), "ledger_agrees"),
    (paid, lambda p: postings_of(p).update(amount=9_999), "ledger_agrees"),
    (paid, post_again, "ledger_agrees"),
    (reserved, lambda p: postings_of(p).delete(), "ledger_agrees"),
    (voided, lambda p: postings_of(p).filter(kind="released").delete(), "ledger_agrees"),
    (sent_back, lambda p: postings_of(p).last().delete(), "ledger_agrees"),
    (charged_back, lambda p: postings_of(p).last().delete(), "disputes_are_posted"),
    (
        charged_back,
        lambda p: postings_of(p).filter(kind="charged_back").update(amount=9_999),
        "disputes_are_posted",
    ),
    (paid, lambda p: postings_of(p).update(currency="USD"), "postings_are_its_own"),
    (paid, lambda p: postings_of(p).update(provider="stripe"), "postings_are_its_own"),
    (paid, lambda p: postings_of(p).update(owner_id=p.pk), "postings_are_its_own"),
    (paid, remove_event, "chain_holds"),
    (paid, remove_last_event, "chain_holds"),
    (paid, change_event, "chain_holds"),
    (paid, lambda p: tell(p, signals.payment_created), "created_once"),
    (paid, lambda p: tell(p, signals.payment_completed), "completed_once"),
    (declined, lambda p: tell(p, signals.payment_completed), "completed_once"),
    (
        refunded_in_part,
        lambda p: tell(p, signals.refund_succeeded, p.operations.get(amount=3_000)),
        "refunds_are_told_once",
    ),
    (
        refunded_in_part,
        lambda p: attempts_of(p).filter(amount=1_000).update(outcome="succeeded"),
        "refunds_are_told_once",
    ),
]


@pytest.mark.parametrize(("life", "tamper", "rule"), TAMPERINGS)
def test_what_is_written_past_the_service_is_named(
    life: Callable[[Books], Payment],
    tamper: Callable[[Payment], Any],
    rule: str,
    books: Books,
) -> None:
    payment = life(books)
    tamper(payment)
    found = broken(books)
    assert rule in {each.rule for each in found}
    assert {each.subject for each in found} == {f"payment {payment.pk}"}
    assert all(each.step for each in found)


def test_an_open_attempt_that_nobody_asks_about_is_named(books: Books) -> None:
    operation = begun()
    attempts_of(operation.payment).update(next_check_at=None)
    assert rules(books) == {"somebody_will_ask"}
    attempts_of(operation.payment).update(next_check_at=timezone.now() - timedelta(minutes=16))
    assert rules(books) == {"somebody_will_ask"}
    attempts_of(operation.payment).update(next_check_at=timezone.now() - timedelta(minutes=14))
    assert rules(books) == set()


# --- both sides


def cross_out(books: Books, payment: Payment) -> None:
    del books.pages[charge_of(payment).key]


def rewrite(taken: int, given_back: int = 0, **facts: Any) -> Callable[[Books, Payment], None]:
    return lambda books, payment: books.write(charge_of(payment).key, taken, given_back, **facts)


DIFFERENCES: list[tuple[Callable[[Books], Payment], Callable[[Books, Payment], None], set[str]]] = [
    (declined, rewrite(TAKEN), {"nothing_is_lost"}),
    (declined, rewrite(0, is_reserved=True), {"nothing_is_lost"}),
    (paid, cross_out, {"nothing_is_invented"}),
    (reserved, cross_out, {"nothing_is_invented"}),
    (captured, rewrite(0, is_reserved=True), {"captures_agree"}),
    (paid, rewrite(9_999), {"captures_agree"}),
    (paid, rewrite(2 * TAKEN), {"captures_agree", "the_payer_is_charged_once"}),
    (paid, rewrite(TAKEN, 1), {"refunds_agree"}),
    (refunded_in_part, rewrite(TAKEN, 0), {"refunds_agree"}),
    (refunded_in_part, rewrite(TAKEN, 4_000), {"refunds_agree"}),
    (paid, rewrite(TAKEN, currency="USD"), {"currencies_agree"}),
]


@pytest.mark.parametrize(("life", "differ", "expected"), DIFFERENCES)
def test_a_provider_that_says_otherwise_is_named(
    life: Callable[[Books], Payment],
    differ: Callable[[Books, Payment], None],
    expected: set[str],
    books: Books,
) -> None:
    differ(books, life(books))
    assert rules(books) == expected


def test_a_refund_on_its_way_may_be_there_already_or_not_yet(books: Books) -> None:
    payment = paid(books)
    refunding(payment, 2_000)
    for given_back in (0, 2_000):
        books.write(charge_of(payment).key, TAKEN, given_back)
        assert broken(books) == []
    books.write(charge_of(payment).key, TAKEN, 2_001)
    assert rules(books) == {"refunds_agree"}


def test_what_a_person_was_told_of_is_left_to_them(books: Books) -> None:
    payment = declined(books)
    books.write(charge_of(payment).key, TAKEN - 1)
    DiscrepancyFactory.create(payment=payment, operation=charge_of(payment))
    audit = Audit(books)
    assert [each for batch in audit.run() for each in batch] == []
    assert audit.left_to_people["discrepancies"] == 1


def test_a_second_charge_is_left_to_people_only_as_an_orphan(books: Books) -> None:
    payment = paid(books)
    second = second_charge(payment)
    books.write(second.key, TAKEN)
    kind = Contradiction.AMOUNT_DIFFERS
    told = DiscrepancyFactory.create(payment=payment, operation=second, kind=kind)
    assert rules(books) == {"orphans_are_told", "the_payer_is_charged_once"}
    Discrepancy.objects.filter(pk=told.pk).update(kind=Contradiction.ORPHAN_CHARGE)
    assert rules(books) == set()


def test_a_second_charge_that_was_returned_is_gone_at_its_provider(books: Books) -> None:
    payment = paid(books)
    second = second_charge(payment)
    with lifecycle.hold(payment.pk) as held:
        kind, gateway = OperationKind.REFUND, gateway_named("paytabs")
        back = operations.begin_aside(
            held, second, kind, gateway, second.money, reason="paid twice"
        )
    told = Contradiction.ORPHAN_CHARGE
    DiscrepancyFactory.create(payment=payment, operation=second, kind=told)
    books.write(second.key, TAKEN)
    assert rules(books) == set()
    heard(back, Outcome.SUCCEEDED)
    assert rules(books) == {"what_was_paid_twice_went_back"}
    books.write(second.key, TAKEN, TAKEN)
    assert broken(books, at_rest=True) == []


def test_money_under_a_name_that_we_never_gave_is_named(books: Books) -> None:
    paid(books)
    books.write("somebody-elses", TAKEN)
    books.write("0" * 32, TAKEN)
    found = broken(books)
    assert {each.rule for each in found} == {"no_money_without_a_record"}
    assert len(found) == 2


# --- the inbox

LATE = timedelta(minutes=16)
INBOX: list[tuple[dict[str, Any], str | None]] = [
    ({"status": "processing", "next_try_at": None}, "accepted_news_is_taken_up"),
    ({"status": "processing", "next_try_at": -LATE}, "accepted_news_is_taken_up"),
    ({"status": "processing", "next_try_at": LATE}, None),
    ({"status": "failed", "next_try_at": None}, "accepted_news_is_taken_up"),
    ({"status": "failed", "next_try_at": -LATE}, "accepted_news_is_taken_up"),
    ({"status": "failed", "next_try_at": LATE}, None),
    ({"status": "parked", "next_try_at": -LATE}, "accepted_news_is_taken_up"),
    ({"status": "parked", "next_try_at": None}, None),
    ({"status": "ignored", "next_try_at": None}, None),
    ({"status": "completed", "next_try_at": None}, "completed_news_is_of_a_payment"),
]


@pytest.mark.parametrize(("facts", "rule"), INBOX)
def test_news_that_nobody_is_at_is_named(
    facts: dict[str, Any], rule: str | None, books: Books
) -> None:
    due = facts["next_try_at"]
    facts = facts | {"next_try_at": due and timezone.now() + due}
    PaymentWebhookEventFactory.create(**facts)
    assert rules(books) == ({rule} if rule else set())


def test_at_rest_news_is_taken_up_as_soon_as_it_is_due(books: Books) -> None:
    for due, expected in [(-1, {"accepted_news_is_taken_up"}), (60, set())]:
        PaymentWebhookEvent.objects.all().delete()
        due_at = timezone.now() + timedelta(seconds=due)
        PaymentWebhookEventFactory.create(status="processing", next_try_at=due_at)
        assert rules(books, at_rest=True) == expected
        assert rules(books) == set()


def test_news_waits_behind_older_news_of_its_payment_as_long_as_that_is_held(books: Books) -> None:
    paid(books)
    payment, now = Payment.objects.get(), timezone.now()

    def kept(age: int, due_in: int, **more: Any) -> PaymentWebhookEvent:
        due_at, came_at = now + timedelta(seconds=due_in), now - timedelta(seconds=age)
        facts = {"payment": payment, "status": "processing", "received_at": came_at} | more
        return PaymentWebhookEventFactory.create(next_try_at=due_at, **facts)

    kept(20, -10)
    assert rules(books, at_rest=True) == {"accepted_news_is_taken_up"}
    older = kept(30, 100, lease_token=uuid4())
    assert rules(books, at_rest=True) == set()
    PaymentWebhookEvent.objects.filter(pk=older.pk).update(next_try_at=now - LATE)
    assert rules(books, at_rest=True) == {"accepted_news_is_taken_up"}


# --- how it looks


def test_twice_as_many_payments_cost_no_query_more(books: Books) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert broken(books) == []
        return len(caught)

    for life in LIVES:
        life(books)
    before = queries()
    for life in LIVES:
        if life is not charged_back:
            life(books)
    assert queries() == before


def test_every_payment_is_looked_at_whatever_the_size_of_a_batch(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.exactly_once.cases.BATCH", 2)
    for _ in range(5):
        paid(books)
    audit = Audit(books)
    assert [each for batch in audit.run() for each in batch] == []
    assert audit.checked["payments"] == 5
    assert audit.checked["attempts seen at providers"] == 5


def test_a_payment_that_moves_while_it_is_looked_at_is_looked_at_again(books: Books) -> None:
    payment = declined(books)

    class Moving(Books):
        """Its payer pays between our look at the records and at the books."""

        def holdings_of(self, families: Any) -> Any:
            if not self.pages:
                self.write(charge_of(payment).key, TAKEN)
                heard(charge_of(payment), Outcome.SUCCEEDED)
            return super().holdings_of(families)

    assert broken(Moving()) == []
