"""An event that is delivered again, alike or otherwise, before it has come to its end."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from payments.gateways.messages import GatewayEvent
from payments.gateways.registry import gateway_named
from payments.models import Discrepancy, GatewayOperation
from tests.fakes import FakeTransport, notification
from tests.webhooks.deliveries import deliver, kept, later, news, open_page, payment_of
from webhooks import inbox, roads, signals
from webhooks.models import PaymentWebhookEvent


@pytest.fixture
def operation(transactional_db: None, provider: FakeTransport) -> GatewayOperation:
    return open_page()


def hint(operation: GatewayOperation, **facts: Any) -> tuple[inbox.Delivery, GatewayEvent]:
    """What a stranger may say of an event whose id he guessed."""
    body = news(operation, **facts)
    (event,) = gateway_named("paytabs").events_in(body)
    return inbox.Delivery("paytabs", body, {}, is_proven=False), event


def test_a_hint_under_the_id_of_proven_news_brings_that_to_its_end_and_not_its_own(
    operation: GatewayOperation,
) -> None:
    row, _ = kept(operation)
    with later(minutes=6):
        assert roads.take_in(*hint(operation, tran_total="1.00")) == "processed"
    row.refresh_from_db()
    assert json.loads(row.body)["tran_total"] == "125.50"
    assert payment_of(operation).status == "completed"
    assert not Discrepancy.objects.exists()


def test_a_hint_cannot_say_which_payment_proven_news_is_about(operation: GatewayOperation) -> None:
    row, _ = kept(operation)
    delivery, event = hint(operation, cart_id=open_page().key)
    with later(minutes=6):
        inbox.keep(delivery, event, is_leased=False)
    row.refresh_from_db()
    assert row.payment_id == operation.payment_id


def test_a_hint_of_nothing_of_ours_leaves_proven_news_to_its_turn(
    operation: GatewayOperation,
) -> None:
    kept(operation)
    delivery, event = hint(operation, tran_type="Register")
    (told,) = PaymentWebhookEvent.objects.all()
    harmless = GatewayEvent(told.event_id, event.type, "", None)
    with later(minutes=6):
        assert roads.take_in(delivery, harmless) == "accepted"
    told.refresh_from_db()
    assert told.status == "processing"


def writes(delivery: inbox.Delivery, event: GatewayEvent) -> tuple[str, list[str], int]:
    """The answer, what was written, and how often it was announced."""
    heard = []
    signals.webhook_processed.connect(receiver := lambda **_: heard.append(1), weak=False)
    with CaptureQueriesContext(connection) as made:
        answer = roads.take_in(delivery, event)
    signals.webhook_processed.disconnect(receiver)
    sql = [query["sql"] for query in made.captured_queries]
    return answer, [each for each in sql if each.startswith("UPDATE")], len(heard)


@pytest.mark.parametrize(("facts", "answer"), [({"tran_type": "Register"}, "ignored"), ({}, "")])
def test_a_hint_that_came_to_nothing_and_comes_again_writes_nothing(
    operation: GatewayOperation, facts: dict[str, Any], answer: str
) -> None:
    delivery, event = hint(operation, cart_id="f" * 32, tran_ref="TST9", **facts)
    first, _, announced = writes(delivery, event)
    assert (first, announced) == (answer or "accepted", 1)
    assert writes(delivery, event) == (first, [], 0)


def test_what_waits_for_a_worker_and_comes_again_writes_nothing(
    operation: GatewayOperation, settings: Settings
) -> None:
    settings.WEBHOOK_PROCESSING = "worker"
    delivery, event = hint(operation)
    for _ in range(2):
        assert writes(delivery, event) == ("accepted", [], 0)


def test_with_another_body_or_as_proof_it_is_taken_anew(operation: GatewayOperation) -> None:
    body = notification("f" * 32, "TST9", tran_type="Register")
    (event,) = gateway_named("paytabs").events_in(body)
    first = inbox.Delivery("paytabs", body, {}, is_proven=False)
    other = inbox.Delivery("paytabs", body + b" ", {}, is_proven=False)
    proof = inbox.Delivery("paytabs", body + b" ", {})
    for each in (first, other, proof):
        answer, _, announced = writes(each, event)
        assert (answer, announced) == ("ignored", 1)
    assert deliver(body).json()["status"] == "duplicate"
    assert PaymentWebhookEvent.objects.get().attempts == 3
