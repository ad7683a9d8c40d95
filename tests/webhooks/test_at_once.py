"""News that comes at the same time is applied in one commit, and no piece of it for another's."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from payments import lifecycle, outcomes, rows
from payments.events.chain import verify_stream
from payments.events.context import bound
from payments.events.models import StoredEvent
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation, Posting
from payments.statuses import Outcome
from tests import lives
from tests.fakes import notification
from tests.webhooks.deliveries import deliver, payment_of
from webhooks import at_once, inbox
from webhooks.company import Guest, Table
from webhooks.models import PaymentWebhookEvent

pytestmark = pytest.mark.usefixtures("transactional_db", "provider")
News = tuple[GatewayOperation, bytes]


def waiting() -> GatewayOperation:
    """A payment of 100.00 AED whose page is open."""
    operation = lives.begun()
    lives.heard(operation, Outcome.ACTION_REQUIRED)
    return GatewayOperation.objects.get(pk=operation.pk)


def told(operation: GatewayOperation, word: str = "A", **facts: Any) -> bytes:
    reference = operation.gateway_reference
    return notification(operation.key, reference, word, **({"tran_total": "100.00"} | facts))


def guest(body: bytes) -> Guest[Any, str]:
    (event,) = gateway_named("paytabs").events_in(body)
    return Guest(at_once._News(inbox.Delivery("paytabs", body, {}), event, _key(event.key)))


def _key(text: str) -> Any:
    return GatewayOperation.objects.get(pk=text).pk


def serve(*bodies: bytes) -> list[str | None]:
    """What becomes of them, had they come at the same time."""
    guests = [guest(body) for body in bodies]
    at_once._serve(Table(guests, lambda: None))
    return [each.answer for each in guests]


def test_what_comes_at_once_is_one_commit() -> None:
    operations = [waiting() for _ in range(3)]
    with CaptureQueriesContext(connection) as heard:
        assert serve(*map(told, operations)) == ["processed"] * 3
    said = Counter(query["sql"].split()[0] for query in heard.captured_queries)
    assert said["COMMIT"] == 1
    if connection.vendor == "postgresql":
        assert said == {"BEGIN": 1, "SELECT": 1 + 3, "WITH": 1, "COMMIT": 1}  # 3: by `_key`
    for operation in operations:
        payment = payment_of(operation)
        assert (payment.status, payment.amount_captured) == ("completed", 100_00)
        assert Posting.objects.get(operation=operation).kind == "captured"
        assert verify_stream(lifecycle.aggregate_of(payment)) == payment.version
    assert PaymentWebhookEvent.objects.filter(status="completed").count() == 3


def test_different_ends_are_written_each_to_its_own() -> None:
    paid, declined, busy = (waiting() for _ in range(3))
    answers = serve(told(paid), told(declined, "D"), told(busy, "P"))
    assert answers == ["processed"] * 3
    states = [payment_of(each).status for each in (paid, declined, busy)]
    assert states == ["completed", "failed", "processing"]
    ends = GatewayOperation.objects.in_bulk([paid.pk, declined.pk])
    assert ends[paid.pk].failure_code == ""
    assert ends[declined.pk].failure_code
    assert ends[paid.pk].next_check_at is None


def test_two_pieces_of_news_of_one_payment_follow_each_other() -> None:
    operation, other = waiting(), waiting()
    assert serve(told(operation, "P"), told(operation), told(other)) == ["processed"] * 3
    payment = payment_of(operation)
    assert (payment.status, payment.amount_captured) == ("completed", 100_00)
    assert verify_stream(lifecycle.aggregate_of(payment))
    assert payment_of(other).status == "completed"


@pytest.mark.parametrize("turned", [False, True])
def test_news_of_a_payment_and_of_its_refund_meet_in_one_history(*, turned: bool) -> None:
    charge, other = waiting(), waiting()
    assert serve(told(charge)) == ["processed"]
    refund = lives.refunding(payment_of(charge), 40_00)
    back = notification(refund.key, "TBACK", "A", tran_type="Refund", tran_total="40.00")
    late = told(charge, "P")
    company = [back, late] if turned else [late, back]
    assert serve(*company, told(other)) == ["processed"] * 3
    payment = payment_of(charge)
    assert (payment.status, payment.amount_refunded) == ("partially_refunded", 40_00)
    assert verify_stream(lifecycle.aggregate_of(payment))


@pytest.mark.parametrize("turned", [False, True])
def test_two_refunds_of_one_payment_are_both_counted(*, turned: bool) -> None:
    charge, other = waiting(), waiting()
    assert serve(told(charge)) == ["processed"]
    payment = payment_of(charge)
    backs = [given_back(lives.refunding(payment, amount)) for amount in (40_00, 30_00)]
    company = reversed(backs) if turned else backs
    assert serve(*company, told(other)) == ["processed"] * 3
    payment = payment_of(charge)
    assert (payment.amount_refunded, payment.refund_pending) == (70_00, 0)
    assert verify_stream(lifecycle.aggregate_of(payment))


def given_back(refund: GatewayOperation) -> bytes:
    facts = {"tran_type": "Refund", "tran_total": refund.money.major}
    return notification(refund.key, f"T{refund.key[-12:]}", "A", **facts)


def test_the_same_event_twice_is_served_once_and_its_twin_is_a_duplicate() -> None:
    operation, other = waiting(), waiting()
    first, twin, third = serve(told(operation), told(operation), told(other))
    assert (first, twin, third) == ("processed", None, "processed")
    (event,) = gateway_named("paytabs").events_in(told(operation))
    delivery = inbox.Delivery("paytabs", told(operation), {})
    assert at_once.apply_at_once(delivery, event) == "duplicate"
    assert Posting.objects.filter(operation=operation).count() == 1


def test_each_is_written_down_in_its_own_conversation() -> None:
    guests = []
    for name in ("one", "two"):
        with bound(correlation_id=name):
            guests.append(guest(told(waiting())))
    with bound(correlation_id="whoever leads"):
        at_once._serve(Table(guests, lambda: None))
    completed = StoredEvent.objects.filter(type="payment.completed")
    assert set(completed.values_list("correlation_id", flat=True)) == {"one", "two"}
    kept = PaymentWebhookEvent.objects.values_list("correlation_id", flat=True)
    assert set(kept) == {"one", "two"}


def test_one_that_fails_spoils_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = waiting(), waiting()
    apply = outcomes.apply

    def breaks(payment: Any, operation: Any, *more: Any) -> None:
        apply(payment, operation, *more)
        if operation.pk == bad.pk:
            raise ZeroDivisionError

    monkeypatch.setattr("payments.outcomes.apply", breaks)
    with pytest.raises(ZeroDivisionError):
        serve(told(good), told(bad))
    assert not PaymentWebhookEvent.objects.exists()
    assert _answers_at_once(good, bad) == [200, 500]
    assert payment_of(good).status == "completed"
    assert payment_of(bad).status == "requires_action"
    kept = PaymentWebhookEvent.objects.values_list("status", flat=True)
    assert sorted(kept) == ["completed", "failed"]


def test_what_proves_nothing_goes_alone() -> None:
    body = told(waiting())
    (event,) = gateway_named("paytabs").events_in(body)
    hint = inbox.Delivery("paytabs", body, {}, is_proven=False)
    assert at_once._in_company(hint, event) is None
    assert not PaymentWebhookEvent.objects.exists()


def test_a_key_of_ours_that_another_provider_bears_holds_nothing() -> None:
    operation = waiting()
    names = {(operation.pk, "paytabs"), (operation.pk, "stripe")}
    with transaction.atomic(), rows.together():
        held = lifecycle.hold_all_called(names)
    assert (operation.pk, "paytabs") in held
    if connection.vendor == "postgresql":
        assert held == {(operation.pk, "paytabs")}


def _answers_at_once(*operations: GatewayOperation) -> list[int]:
    gates = threading.Barrier(len(operations))

    def come(operation: GatewayOperation) -> int:
        gates.wait(30)
        try:
            return int(deliver(told(operation)).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(operations)) as threads:
        return list(threads.map(come, operations))


if connection.vendor == "postgresql":

    def test_whom_somebody_holds_goes_alone_and_keeps_nobody_waiting() -> None:
        held, free = waiting(), waiting()
        is_held, may_end = threading.Event(), threading.Event()

        def hold() -> None:
            with lifecycle.hold(held.payment_id, durable=True):
                is_held.set()
                assert may_end.wait(30)
            connection.close()

        holder = threading.Thread(target=hold)
        holder.start()
        try:
            assert is_held.wait(30)
            assert serve(told(held), told(free)) == [None, "processed"]
        finally:
            may_end.set()
            holder.join(30)
        assert payment_of(free).status == "completed"
        assert deliver(told(held)).json()["status"] == "processed"
