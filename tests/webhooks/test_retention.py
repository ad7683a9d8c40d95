"""Old completed events are forgotten, nothing else; and forgetting opens no door."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from payments.crypto.signatures import hmac_hex
from payments.models import GatewayOperation, StoredEvent
from tests.factories import PaymentWebhookEventFactory
from tests.fakes import FakeTransport, notification
from webhooks import retention, tasks
from webhooks.models import KnownDelivery, PaymentWebhookEvent

KEY = b"STESTONLY01-TESTONLYKEY02-TESTONLY03"


def stored(status: str, days: int, provider: str = "paytabs") -> PaymentWebhookEvent:
    received = timezone.now() - timedelta(days=days)
    row: PaymentWebhookEvent = PaymentWebhookEventFactory.create(
        status=status, provider=provider, received_at=received
    )
    return row


@pytest.mark.django_db
def test_only_old_completed_events_are_removed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old = [stored("completed", 40) for _ in range(5)]
    kept = [stored(s, 40) for s in ("failed", "parked", "processing", "ignored")]
    kept.append(stored("completed", 20))
    call_command("cleanup_webhook_events", "--batch-size", "2", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["old"], told["removed"]) == (5, 5)
    left = set(PaymentWebhookEvent.objects.values_list("pk", flat=True))
    assert left == {row.pk for row in kept}
    assert not left & {row.pk for row in old}


@pytest.mark.django_db
@pytest.mark.parametrize("is_proven", [True, False])
def test_what_was_ignored_is_forgotten_in_time_for_it_had_no_effect(*, is_proven: bool) -> None:
    stored("ignored", 40)
    PaymentWebhookEvent.objects.update(is_proven=is_proven)
    kept = stored("ignored", 20)
    assert tasks.cleanup_webhook_events() == 1
    assert PaymentWebhookEvent.objects.get() == kept


@pytest.mark.django_db
def test_a_dry_run_counts_and_removes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    stored("completed", 40)
    call_command("cleanup_webhook_events", "--dry-run")
    assert "1 completed events would be removed" in capsys.readouterr().out
    assert PaymentWebhookEvent.objects.count() == 1


@pytest.mark.django_db
def test_one_provider_can_be_named() -> None:
    stored("completed", 40)
    stored("completed", 40, provider="stripe")
    call_command("cleanup_webhook_events", "--provider", "stripe")
    assert PaymentWebhookEvent.objects.get().provider == "paytabs"


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [["--days", "-1"], ["--batch-size", "0"], ["--days", "x"]])
def test_nonsense_is_refused(wrong: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("cleanup_webhook_events", *wrong)


@pytest.mark.django_db
def test_the_timetable_does_the_same() -> None:
    stored("completed", 31)
    stored("completed", 1)
    assert tasks.cleanup_webhook_events.run() == 1


@pytest.mark.django_db
def test_a_deliverys_name_is_known_for_as_long_as_its_signature_may_be_good(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RETENTION_WEBHOOK_EVENTS_DAYS = 1
    monkeypatch.setattr(retention.forget, "__defaults__", (2,))
    for days in (2, 4, 6, 7, 8):
        seen_at = timezone.now() - timedelta(days=days)
        KnownDelivery.objects.create(provider="paypal", name=f"{days}", seen_at=seen_at)
    tasks.cleanup_webhook_events.run()
    assert set(KnownDelivery.objects.values_list("name", flat=True)) == {"2", "4"}


def test_what_was_forgotten_and_comes_again_has_no_second_effect(
    api: Client, provider: FakeTransport
) -> None:
    body = {"amount": "125.50", "currency": "AED"}
    payment = api.post("/payments/v2/create", body, "application/json").json()["id"]
    api.post(f"/payments/v2/process/{payment}", {}, "application/json")
    operation = GatewayOperation.objects.get()
    news = notification(operation.key, operation.gateway_reference)
    headers = {"Signature": hmac_hex(KEY, news)}
    path = "/webhooks/payments/paytabs"
    Client().post(path, news, "application/json", headers=headers)
    before = list(StoredEvent.objects.values_list("pk", flat=True))
    call_command("cleanup_webhook_events", "--days", "0")
    assert not PaymentWebhookEvent.objects.exists()
    assert Client().post(path, news, "application/json", headers=headers).status_code == 200
    assert list(StoredEvent.objects.values_list("pk", flat=True)) == before
    assert api.get(f"/payments/v2/{payment}").json()["amount_captured"] == "125.50"
