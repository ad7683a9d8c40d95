"""What was parked or failed is processed again by hand, once more and no more than once."""

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from payments import outcomes
from payments.crypto.signatures import hmac_hex
from payments.models import GatewayOperation, Payment, StoredEvent
from tests.fakes import FakeTransport, notification
from webhooks.models import PaymentWebhookEvent

KEY = b"STESTONLY01-TESTONLYKEY02-TESTONLY03"


@pytest.fixture
def operation(api: Client, provider: FakeTransport) -> GatewayOperation:
    body = {"amount": "125.50", "currency": "AED"}
    payment = api.post("/payments/v2/create", body, "application/json").json()["id"]
    api.post(f"/payments/v2/process/{payment}", {}, "application/json")
    return GatewayOperation.objects.get()


def deliver(body: bytes) -> None:
    headers = {"Signature": hmac_hex(KEY, body)}
    client = Client(raise_request_exception=False)
    client.post("/webhooks/payments/paytabs", body, "application/json", headers=headers)


def failed(operation: GatewayOperation, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("in the middle")

    with monkeypatch.context() as broken:
        broken.setattr(outcomes, "apply", die)
        deliver(notification(operation.key, operation.gateway_reference))
    assert PaymentWebhookEvent.objects.get().status == "failed"


def replayed(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, str]]:
    call_command("replay_webhook_events", *options, "--json")
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_failed_event_is_applied_by_a_replay(
    operation: GatewayOperation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed(operation, monkeypatch)
    assert [each["answer"] for each in replayed(capsys, "--dry-run")] == [""]
    assert Payment.objects.get().status == "requires_action"
    assert [each["answer"] for each in replayed(capsys)] == ["processed"]
    assert Payment.objects.get().status == "completed"
    assert replayed(capsys) == []


def test_a_parked_event_finds_its_operation_later(
    operation: GatewayOperation, capsys: pytest.CaptureFixture[str]
) -> None:
    known_as, stranger = operation.pk, "f" * 32
    deliver(notification(stranger, "TST9"))
    assert [each["answer"] for each in replayed(capsys, "--status", "parked")] == ["accepted"]
    GatewayOperation.objects.filter(pk=known_as).update(provider="elsewhere")
    deliver(notification(operation.key, operation.gateway_reference))
    GatewayOperation.objects.filter(pk=known_as).update(provider="paytabs")
    answers = [each["answer"] for each in replayed(capsys, "--status", "parked")]
    assert sorted(answers) == ["accepted", "processed"]
    assert Payment.objects.get().status == "completed"


def test_what_was_completed_is_never_applied_twice(
    operation: GatewayOperation, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver(notification(operation.key, operation.gateway_reference))
    before = StoredEvent.objects.count()
    assert [each["answer"] for each in replayed(capsys, "--status", "completed")] == ["duplicate"]
    assert StoredEvent.objects.count() == before


def test_what_cannot_be_read_stays_parked_and_hinders_nobody(
    operation: GatewayOperation, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver(b"{")
    deliver(notification("f" * 32, "TST9"))
    answers = [each["answer"] for each in replayed(capsys, "--status", "parked")]
    assert answers[0].startswith("still not")
    assert answers[1] == "accepted"


@pytest.mark.parametrize("since", ["yesterday", "2026-01-01", "2026-13-01T00:00:00Z"])
def test_a_moment_without_sense_is_refused(db: None, since: str) -> None:
    with pytest.raises(CommandError, match="zone"):
        call_command("replay_webhook_events", "--since", since)
