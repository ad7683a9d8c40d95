"""Two that work off one event lock its rows in opposite orders: one is ended, nothing is lost."""

import threading
import time

import pytest
from django.db import connection, transaction

from payments import lifecycle
from payments.models import GatewayOperation
from tests.fakes import FakeTransport
from tests.webhooks.deliveries import deliver, news, open_page, payment_of
from webhooks.models import PaymentWebhookEvent

_WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def operation(transactional_db: None, provider: FakeTransport) -> GatewayOperation:
    return open_page()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(_WAITING)
        return bool(cursor.fetchone()[0])


def _work_it_off_the_other_way(operation: GatewayOperation, has_begun: threading.Event) -> None:
    """The event first, and the payment once the other waits for the event."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL deadlock_timeout = '1h'")  # the other finds it out
            PaymentWebhookEvent.objects.update(error="somebody is at it")
            has_begun.set()
            while not _somebody_waits():
                time.sleep(0.01)
            with lifecycle.hold(operation.payment_id):
                pass
    finally:
        connection.close()


if connection.vendor == "postgresql":

    def test_who_is_ended_for_a_deadlock_takes_the_slower_road(
        operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as broken:
            broken.setattr("payments.outcomes.apply", lambda *_: 1 / 0)
            assert deliver(news(operation)).status_code == 500
        has_begun = threading.Event()
        told = (operation, has_begun)
        other = threading.Thread(target=_work_it_off_the_other_way, args=told)
        other.start()
        assert has_begun.wait(60)
        assert deliver(news(operation)).json()["status"] == "processed"
        other.join()
        assert payment_of(operation).status == "completed"
        assert PaymentWebhookEvent.objects.get().status == "completed"
