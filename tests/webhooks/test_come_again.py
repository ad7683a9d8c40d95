"""An event that is delivered again, alike or otherwise, before it has come to its end."""

import json
from typing import Any

import pytest

from payments.gateways.messages import GatewayEvent
from payments.gateways.registry import gateway_named
from payments.models import Discrepancy, GatewayOperation
from tests.fakes import FakeTransport
from tests.webhooks.deliveries import kept, later, news, open_page, payment_of
from webhooks import inbox, roads
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
