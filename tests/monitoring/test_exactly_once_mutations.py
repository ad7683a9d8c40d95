"""The service is broken on purpose, one safeguard at a time; the audit names what came of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from payments import ledger, lifecycle, operations
from payments import news as judgement
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation, Payment
from payments.statuses import OperationKind, Outcome
from tests.fakes import FakeTransport
from tests.lives import TAKEN, begun, heard, refunding
from tests.monitoring.books import Books, broken, rules
from tests.monitoring.test_exactly_once import paid
from tests.webhooks.deliveries import deliver, news, open_page
from webhooks import inbox, seen, tasks, worker
from webhooks.models import PaymentWebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)
ASKED_FOR = 12_550


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def page(provider: FakeTransport) -> GatewayOperation:
    return open_page()


def paid_by_notice(page: GatewayOperation, books: Books) -> str:
    books.write(page.key, ASKED_FOR)
    return str(deliver(news(page)).json()["status"])


@contextmanager
def without(model: type[Model], name: str) -> Iterator[None]:
    """The database no longer knows one constraint; nor, after this, the rows that it forbids."""
    everything = model._meta.constraints
    (constraint,) = (each for each in everything if each.name == name)
    model._meta.constraints = [each for each in everything if each is not constraint]
    with connection.schema_editor() as editor:
        editor.remove_constraint(model, constraint)
    try:
        yield
    finally:
        PaymentWebhookEvent.objects.all().delete()
        GatewayOperation.objects.update(outcome=Outcome.DECLINED)
        model._meta.constraints = everything
        with connection.schema_editor() as editor:
            editor.add_constraint(model, constraint)


def test_unbroken_it_breaks_no_rule(page: GatewayOperation, books: Books) -> None:
    assert paid_by_notice(page, books) == "processed"
    assert paid_by_notice(page, books) == "duplicate"
    assert broken(books, at_rest=True) == []


def test_without_the_unique_event_one_delivery_is_claimed_twice(
    page: GatewayOperation, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "is_settled", lambda *_: False)
    with without(PaymentWebhookEvent, "one_event_per_provider"):
        assert paid_by_notice(page, books) == "processed"
        assert paid_by_notice(page, books) == "processed"
        assert rules(books) == {"one_row_an_event"}


def test_without_the_one_successful_charge_a_payer_pays_twice(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "_is_orphan", lambda *_: False)
    with without(GatewayOperation, "one_successful_charge"):
        payment = heard(first := begun(), Outcome.NOT_SENT)
        gateway = gateway_named("paytabs")
        second, _ = operations.begin(
            payment.pk, OperationKind.CHARGE, gateway, reason="", timeout=gateway.timeout
        )
        for page in (second, first):
            heard(page, Outcome.SUCCEEDED)
            books.write(page.key, TAKEN)
        assert {"paid_once", "the_payer_is_charged_once"} <= rules(books)


def test_news_that_is_marked_and_never_applied_is_lost(
    page: GatewayOperation, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "apply_gateway_event", lambda *_, **__: None)
    assert paid_by_notice(page, books) == "processed"
    assert rules(books) == {"news_had_its_effect"}
    assert "nothing_is_lost" in rules(books, at_rest=True)


def kept_news_of_a_refund(books: Books) -> tuple[PaymentWebhookEvent, Any]:
    """A worker holds it under its lease, and has not applied it yet."""
    payment = paid(books)
    refund = refunding(payment, 3_000)
    (charge,) = payment.operations.exclude(pk=refund.pk)
    books.write(charge.key, TAKEN, 3_000)
    body = news(refund, tran_type="Refund", tran_ref="TSTREFUND", tran_total="30.00")
    (event,) = gateway_named("paytabs").events_in(body)
    row = inbox.keep(inbox.Delivery("paytabs", body, {}), event, is_leased=True)
    assert isinstance(row, PaymentWebhookEvent)
    return row, event


def wake_up_late(row: PaymentWebhookEvent, event: Any) -> None:
    """Meanwhile the lease is over, and the sweep has applied it."""
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):
        assert tasks.apply_due_events() == 1
        worker.apply(row, event)


def test_behind_the_fence_a_late_worker_changes_nothing(books: Books) -> None:
    with pytest.raises(inbox.Fenced):
        wake_up_late(*kept_news_of_a_refund(books))
    assert broken(books, at_rest=True) == []


def test_without_fence_and_memory_a_late_worker_gives_back_twice(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put_anyway(row: PaymentWebhookEvent, mark: inbox.Mark) -> None:
        PaymentWebhookEvent.objects.filter(pk=row.pk).update(**inbox._write_on(row, mark))

    monkeypatch.setattr(inbox, "put", put_anyway)
    monkeypatch.setattr(judgement, "moves_forward", lambda *_: True)
    wake_up_late(*kept_news_of_a_refund(books))
    expected = {"sums_agree", "refunds_agree", "refunds_are_told_once"}
    assert rules(books) == expected | {"each_news_has_its_effect_once"}


def test_a_change_without_its_event_is_missing_in_the_history(
    page: GatewayOperation, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "note", lambda *_, **__: None)
    assert paid_by_notice(page, books) == "processed"
    assert rules(books) == {"completed_once", "history_tells_every_move"}
    assert Payment.objects.get().status == "completed"


def test_a_move_without_its_posting_is_missing_in_the_ledger(
    page: GatewayOperation, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "follow", lambda *_: None)
    assert paid_by_notice(page, books) == "processed"
    assert rules(books) == {"ledger_agrees"}


def test_a_refund_without_its_posting_is_missing_in_the_ledger(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = paid(books)
    monkeypatch.setattr(ledger, "post", lambda *_, **__: None)
    heard(refunding(payment, 3_000), Outcome.SUCCEEDED)
    assert "ledger_agrees" in rules(books)


def test_a_lost_answer_that_is_taken_for_a_no_loses_the_money(books: Books) -> None:
    payment = heard(begun(), Outcome.UNKNOWN)
    (charge,) = payment.operations.all()
    books.write(charge.key, TAKEN)
    assert rules(books) == set()
    heard(charge, Outcome.DECLINED)
    assert rules(books) == {"nothing_is_lost"}
