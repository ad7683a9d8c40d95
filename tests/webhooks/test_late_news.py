"""News that comes late, or again when its event was forgotten, gives no money back twice."""

from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from payments import outcomes
from payments.models import GatewayOperation, Posting
from payments.services.recovery import resolve_open_operations
from tests import lives
from tests.fakes import FakeTransport, answer, notification
from tests.webhooks.deliveries import deliver, later, news, open_page, payment_of
from webhooks import tasks
from webhooks.models import PaymentWebhookEvent

GIVEN, SENT_BACK = "A", "V"


@pytest.fixture
def refund(transactional_db: None, provider: FakeTransport, settings: Settings) -> GatewayOperation:
    """40.00 of a payment of 125.50 AED, on their way back; no cache keeps news out."""
    settings.WEBHOOK_FAST_LOOK = False
    charge = open_page()
    deliver(news(charge))
    return lives.refunding(payment_of(charge), 40_00)


def told(refund: GatewayOperation, word: str) -> Any:
    facts = {"tran_type": "Refund", "tran_total": "40.00"}
    return deliver(notification(refund.key, "TSTREFUND", word, **facts))


def provider_says(provider: FakeTransport, refund: GatewayOperation, word: str) -> None:
    found = {
        "tran_ref": "TSTREFUND",
        "cart_id": refund.key,
        "tran_type": "Refund",
        "tran_total": "40.00",
        "tran_currency": "AED",
        "payment_result": {"response_status": word},
    }
    provider.replies["query"] = answer([found])
    with later(seconds=1):
        assert list(resolve_open_operations())


def state(refund: GatewayOperation) -> tuple[str, int, list[str]]:
    payment, postings = payment_of(refund), Posting.objects.filter(operation=refund)
    kinds = list(postings.order_by("pk").values_list("kind", flat=True))
    return payment.status, payment.amount_refunded, kinds


BACK = ("completed", 0, ["refunded", "refund_returned"])


def test_a_refund_sent_back_is_not_given_again_by_news_that_was_forgotten_and_comes_again(
    refund: GatewayOperation,
) -> None:
    told(refund, GIVEN)
    assert state(refund) == ("partially_refunded", 40_00, ["refunded"])
    told(refund, SENT_BACK)
    assert state(refund) == BACK
    call_command("cleanup_webhook_events", "--days", "0")
    assert told(refund, GIVEN).json()["status"] == "processed"
    assert state(refund) == BACK


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (SENT_BACK, BACK),
        (GIVEN, ("partially_refunded", 40_00, ["refunded", "refund_returned", "refunded"])),
    ],
)
def test_the_provider_is_asked_at_once_and_its_answer_decides(
    refund: GatewayOperation, provider: FakeTransport, word: str, expected: Any
) -> None:
    for each in (GIVEN, SENT_BACK):
        told(refund, each)
    call_command("cleanup_webhook_events", "--days", "0")
    told(refund, GIVEN)
    provider_says(provider, refund, word)
    assert state(refund) == expected


def test_first_news_that_failed_and_is_retried_after_the_reversal_moves_nothing(
    refund: GatewayOperation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("in the middle of settling")

    with monkeypatch.context() as broken:
        broken.setattr(outcomes, "apply", die)
        assert told(refund, GIVEN).status_code == 500
    told(refund, SENT_BACK)
    assert state(refund) == ("completed", 0, [])
    with later(seconds=11):
        assert tasks.apply_due_events() == 1
    assert state(refund) == ("completed", 0, [])
    assert not PaymentWebhookEvent.objects.filter(status="failed").exists()
