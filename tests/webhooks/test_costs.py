"""What a delivery costs the database: counted, so that nobody adds to it unawares."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from payments.models import GatewayOperation
from tests.fakes import FakeTransport
from tests.webhooks.deliveries import deliver, news, open_page, payment_of
from webhooks import retention, seen
from webhooks.models import PaymentWebhookEvent


@pytest.fixture
def operation(transactional_db: None, provider: FakeTransport) -> GatewayOperation:
    return open_page()


def forget(settings: Settings) -> None:
    """An empty cache, in another process; a Redis that was lent to us is not ours to flush."""
    seen.start_anew()
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": "forgotten"}}


def statements(body: bytes) -> tuple[str, list[str]]:
    with CaptureQueriesContext(
        connection,
    ) as heard:
        answer = deliver(body).json()["status"]
    return answer, [query["sql"] for query in heard.captured_queries]


def test_a_duplicate_costs_one_read(operation: GatewayOperation, settings: Settings) -> None:
    settings.WEBHOOK_FAST_LOOK = False
    deliver(news(operation))
    answer, sql = statements(news(operation))
    assert (answer, len(sql)) == ("duplicate", 1)
    assert sql[0].startswith("SELECT")


def test_a_duplicate_that_the_cache_knows_costs_nothing(
    operation: GatewayOperation, settings: Settings
) -> None:
    settings.WEBHOOK_FAST_LOOK = True
    deliver(news(operation))
    assert statements(news(operation)) == ("duplicate", [])


def test_what_this_process_settled_it_knows_without_redis(
    operation: GatewayOperation, settings: Settings
) -> None:
    settings.WEBHOOK_FAST_LOOK = True
    deliver(news(operation))
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": "forgotten"}}
    assert statements(news(operation)) == ("duplicate", [])


def test_the_cache_only_spares_work_and_never_decides(
    operation: GatewayOperation, settings: Settings
) -> None:
    settings.WEBHOOK_FAST_LOOK = True
    deliver(news(operation))
    forget(settings)
    assert statements(news(operation))[0] == "duplicate"
    assert statements(news(operation)) == ("duplicate", [])


def test_a_claim_that_rolls_back_is_not_remembered(
    operation: GatewayOperation, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_FAST_LOOK = True
    with monkeypatch.context() as broken:
        broken.setattr("payments.outcomes.apply", lambda *_: 1 / 0)
        assert deliver(news(operation)).status_code == 500
    assert deliver(news(operation)).json()["status"] == "processed"


def _what(sql: str) -> str:
    """A statement's verb and its tables."""
    tables = re.findall(r'(?:FROM|JOIN|INTO|UPDATE) "?(\w+)"?', sql)
    named = [table for table in tables if table.startswith("payment")]
    verb = sql.split(maxsplit=1)[0]
    # What goes in one statement goes in no order.
    return " ".join([verb, *(sorted(named) if verb == "WITH" else named)])


LOOK = [
    "SELECT payment_webhook_events",  # settled before? spares a duplicate everything below
]
# The lock, and what it is about: the payment, the operation, the tip of the payment's history.
FOUND_AND_LOCKED = ["SELECT payments_payment payments_gatewayoperation payments_stream"]
FOUND = ["SELECT payments_gatewayoperation"]
LOCKED = ["SELECT payments_payment payments_stream payments_gatewayoperation"]
CLAIMED = ["INSERT payment_webhook_events"]  # decided by the unique index, marked done
WRITES = [
    "UPDATE payments_gatewayoperation",
    "UPDATE payments_payment",
    "INSERT payments_posting",
    "INSERT payments_storedevent",
    "UPDATE payments_stream",
    "INSERT payments_delivery",  # for the figures: who must hear of it, and cannot miss it
]
AT_ONCE = ["WITH " + " ".join(sorted(write.split()[1] for write in [*CLAIMED, *WRITES]))]


@pytest.mark.parametrize("looks", [True, False])
def test_a_new_event_costs_so_many_statements_and_one_commit(
    operation: GatewayOperation, settings: Settings, looks: Any
) -> None:
    settings.WEBHOOK_FAST_LOOK = looks
    answer, sql = statements(news(operation))
    assert answer == "processed"
    first = [] if looks else LOOK  # what the cache does not know needs no look at the row
    # Where there is a way to go, it is gone twice.
    far, near = [*FOUND_AND_LOCKED, *AT_ONCE], [*FOUND, *CLAIMED, *LOCKED, *WRITES]
    rest = far if connection.vendor == "postgresql" else near
    assert [_what(each) for each in sql] == [*first, "BEGIN", *rest, "COMMIT"]


@pytest.mark.parametrize("looks", [True, False])
def test_cleaning_up_does_not_open_the_door_again(
    operation: GatewayOperation, settings: Settings, looks: Any
) -> None:
    settings.WEBHOOK_FAST_LOOK = looks
    deliver(news(operation))
    list(retention.forget(retention.forgettable(timedelta(0))))
    assert not PaymentWebhookEvent.objects.exists()
    forget(settings)
    before = payment_of(operation).version
    assert deliver(news(operation)).json()["status"] == "processed"
    assert payment_of(operation).version == before
    assert payment_of(operation).amount_captured == 12550
