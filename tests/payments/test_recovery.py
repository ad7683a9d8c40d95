"""Recovery: what is due is asked about, believed only when it can be, and settled once."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from payments import operations, tasks
from payments.gateways.messages import GatewayResult
from payments.gateways.registry import gateway_named
from payments.gateways.wire import Lost, NotSent
from payments.models import (
    Discrepancy,
    GatewayOperation,
    IdempotencyKey,
    Payment,
    StoredEvent,
)
from payments.resilience import registry
from payments.services import payments as payments_service
from payments.services import recovery
from payments.services.charges import charge_for
from payments.statuses import Outcome
from tests.fakes import FakeTransport, answer, notification

START = datetime.fromisoformat("2026-06-01T12:00:00+00:00")
BODY = {"amount": "125.50", "currency": "AED"}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def started(api: Client) -> str:
    payment = api.post("/payments/v2/create", BODY, "application/json").json()["id"]
    api.post(f"/payments/v2/process/{payment}", {}, "application/json")
    return str(payment)


def found(*statuses: str) -> Any:
    """What a query by cart answers: one transaction a status, or unpaid pages."""

    def reply(body: dict[str, Any]) -> Any:
        entries = [json.loads(notification(body["cart_id"], f"TST{s}", s)) for s in statuses]
        for entry in entries:
            if entry["payment_result"]["response_status"] == "":
                del entry["payment_result"]
        return answer(entries)

    return reply


def sweep() -> int:
    return int(tasks.recover_open_operations.run())


def state(payment: str) -> tuple[str, str]:
    row = Payment.objects.select_related("current_operation").get(pk=payment)
    return row.status, row.outcome


def test_nothing_is_asked_before_it_is_due(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    started(api)
    clock.shift(timedelta(seconds=59))
    assert sweep() == 0
    clock.shift(timedelta(seconds=2))
    assert sweep() == 1
    assert provider.count("query") == 1


def test_a_payment_that_was_paid_while_its_callback_got_lost_is_found(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    payment = started(api)
    provider.replies["query"] = found("A")
    clock.shift(timedelta(seconds=61))
    sweep()
    assert state(payment) == ("completed", "succeeded")
    assert sweep() == 0


def test_a_lost_answer_becomes_not_sent_only_after_the_settling_time(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = Lost("silence")
    payment = started(api)
    clock.shift(timedelta(seconds=100))
    sweep()
    assert state(payment) == ("processing", "unknown")
    clock.shift(timedelta(seconds=301))
    sweep()
    assert state(payment) == ("created", "not_sent")
    provider.replies = FakeTransport().replies
    again = api.post(f"/payments/v2/process/{payment}", {}, "application/json").json()
    assert (again["status"], again["provider"]) == ("requires_action", "paytabs")


def test_what_is_looked_for_in_a_list_was_made_between_its_begin_and_the_end_of_its_page(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    started(api)
    charge, gateway = GatewayOperation.objects.get(), gateway_named("paytabs")
    asked = recovery.question_about(charge, gateway)
    assert (asked.began_at, asked.over_at) == (START, START + timedelta(minutes=30))
    # Without a page, until no request can be on its way any more.
    charge.expires_at = None
    arrived_by = charge.deadline_at + gateway.settling_time
    assert recovery.question_about(charge, gateway).over_at == arrived_by
    charge.expires_at = START
    assert recovery.question_about(charge, gateway).over_at == arrived_by


@pytest.mark.parametrize(
    ("kind", "began"),
    [("capture", START), ("void", START), ("refund", START + timedelta(days=2))],
)
def test_a_capture_and_a_void_are_looked_for_among_what_their_reservation_made(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller, kind: str, began: datetime
) -> None:
    started(api)
    reservation, gateway = GatewayOperation.objects.get(), gateway_named("paytabs")
    clock.shift(timedelta(days=2))
    later = GatewayOperation(
        kind=kind,
        parent=reservation,
        amount=100,
        currency="AED",
        deadline_at=timezone.now(),
        expires_at=timezone.now() + timedelta(minutes=30),
    )
    asked = recovery.question_about(later, gateway)
    assert (asked.began_at, asked.over_at) == (began, began + timedelta(minutes=30))


def test_a_page_whose_address_was_lost_is_looked_at_once_more_at_its_end(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = Lost("silence")
    payment = started(api)
    provider.replies["query"] = found("")
    clock.shift(timedelta(minutes=10))
    sweep()
    assert state(payment) == ("created", "not_sent")
    lost = GatewayOperation.objects.get()
    assert lost.next_check_at == START + timedelta(minutes=30)
    provider.replies["query"] = found("A")
    clock.shift(timedelta(minutes=21))
    sweep()
    assert state(payment) == ("completed", "succeeded")


@pytest.mark.parametrize("is_lost", [True, False])
def test_money_that_the_provider_holds_never_ends_by_our_clock(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller, is_lost: bool
) -> None:
    if is_lost:
        provider.replies["request"] = Lost("silence")
    payment = started(api)
    provider.replies["query"] = found("H")
    for _ in range(4):
        clock.shift(timedelta(hours=1))
        sweep()
    assert state(payment) == ("processing", "pending")
    assert api.get(f"/payments/v2/{payment}").json()["redirect_url"] is None
    provider.replies["query"] = found("A")
    clock.shift(timedelta(days=1))
    sweep()
    assert state(payment) == ("completed", "succeeded")


@pytest.mark.parametrize("later", [timedelta(hours=1), timedelta(days=1)])
def test_an_expired_page_that_is_paid_all_the_same_is_found_without_a_callback(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller, later: timedelta
) -> None:
    payment = started(api)
    provider.replies["query"] = found("")
    clock.shift(timedelta(minutes=30))
    sweep()
    assert state(payment)[0] == "expired"
    clock.shift(later - timedelta(seconds=1))
    sweep()
    provider.replies["query"] = found("A")
    clock.shift(timedelta(seconds=2))
    sweep()
    assert state(payment)[0] == "completed"
    assert GatewayOperation.objects.get().next_check_at is None


def test_a_process_that_slept_past_its_deadline_sends_nothing_any_more(
    api: Client,
    provider: FakeTransport,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sleep_then_charge(*args: Any) -> Any:
        clock.shift(timedelta(minutes=5))
        sweep()
        return charge_for(*args)

    monkeypatch.setattr(payments_service, "charge_for", sleep_then_charge)
    payment = api.post("/payments/v2/create", BODY, "application/json").json()["id"]
    answer = api.post(f"/payments/v2/process/{payment}", {}, "application/json")
    assert answer.status_code == 503
    assert provider.count("request") == 0
    assert state(payment) == ("created", "not_sent")


def test_after_the_last_look_nobody_asks_any_more(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = Lost("silence")
    started(api)
    clock.shift(timedelta(minutes=10))
    sweep()
    provider.replies["query"] = NotSent("down")
    clock.shift(timedelta(minutes=21))
    sweep()
    assert GatewayOperation.objects.get().next_check_at is not None
    provider.replies["query"] = answer([])
    clock.shift(timedelta(hours=2))
    sweep()
    assert GatewayOperation.objects.get().next_check_at is not None
    clock.shift(timedelta(days=2))
    sweep()
    assert GatewayOperation.objects.get().next_check_at is None


def test_an_abandoned_page_ends_expired_when_its_life_is_over(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    payment = started(api)
    provider.replies["query"] = found("")
    clock.shift(timedelta(minutes=29, seconds=59))
    sweep()
    assert state(payment) == ("requires_action", "action_required")
    clock.shift(timedelta(minutes=1))
    sweep()
    assert state(payment) == ("expired", "declined")
    body = api.get(f"/payments/v2/{payment}").json()
    assert body["failure"]["code"] == "expired"
    assert body["redirect_url"] is None


def test_a_page_does_not_expire_while_the_provider_cannot_be_asked(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    payment = started(api)
    provider.replies["query"] = NotSent("down")
    clock.shift(timedelta(hours=1))
    sweep()
    assert state(payment)[0] == "requires_action"


@pytest.mark.parametrize(
    "trouble", [NotSent("x"), Lost("x"), answer({}, 500), answer({"code": 1}, 401)]
)
def test_a_provider_that_cannot_answer_changes_nothing_and_is_asked_later(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller, trouble: Any
) -> None:
    provider.replies["request"] = Lost("silence")
    payment = started(api)
    provider.replies["query"] = trouble
    for _ in range(4):
        clock.shift(timedelta(hours=2))
        sweep()
    assert state(payment) == ("processing", "unknown")
    assert GatewayOperation.objects.get().next_check_at is not None


def test_checks_widen_to_once_a_day(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = Lost("silence")
    started(api)
    provider.replies["query"] = Lost("silence")
    gaps = []
    for _ in range(5):
        operation = GatewayOperation.objects.get()
        assert operation.next_check_at is not None
        clock.move_to(operation.next_check_at)
        sweep()
        operation.refresh_from_db()
        gaps.append(operation.next_check_at - timezone.now())
    assert [gap.total_seconds() for gap in gaps[:2]] == [60, 300]
    assert [gap.total_seconds() for gap in gaps[-2:]] == [86400, 86400]


def test_an_interrupted_operation_is_asked_about_by_our_own_key(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = KeyboardInterrupt()
    payment = api.post("/payments/v2/create", BODY, "application/json").json()["id"]
    with pytest.raises(KeyboardInterrupt):
        api.post(f"/payments/v2/process/{payment}", {}, "application/json")
    operation = GatewayOperation.objects.get()
    assert operation.outcome is None
    clock.shift(timedelta(minutes=1))
    assert api.get(f"/payments/v2/{payment}").json()["outcome"] == "unknown"
    provider.replies["query"] = found("A")
    sweep()
    assert provider.heard[-1][1]["cart_id"] == operation.key
    assert state(payment) == ("completed", "succeeded")


def test_two_sweeps_at_once_ask_each_question_once(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    started(api)
    clock.shift(timedelta(minutes=2))
    due = list(recovery.due(None))
    assert recovery._take(due[0]) is True
    assert recovery._take(due[0]) is False


def test_one_providers_trouble_does_not_keep_the_others_waiting(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    first, second = started(api), started(api)
    GatewayOperation.objects.filter(payment_id=first).update(provider="disconnected")
    provider.replies["query"] = found("A")
    clock.shift(timedelta(minutes=2))
    assert sweep() == 2
    assert state(second)[0] == "completed"


def test_the_end_of_a_tasks_time_ends_the_sweep_and_leaves_the_rest_due(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    first, second = started(api), started(api)
    provider.replies["query"] = SoftTimeLimitExceeded()
    clock.shift(timedelta(minutes=2))
    with pytest.raises(SoftTimeLimitExceeded):
        sweep()
    assert provider.count("query") == 1
    totals = registry.get("paytabs-verify").statistics().totals
    assert (totals.timeouts, totals.failures, totals.in_flight) == (1, 1, 0)
    provider.replies["query"] = found("A")
    assert sweep() == 1
    assert [state(payment)[0] for payment in (first, second)] == ["requires_action", "completed"]
    clock.shift(timedelta(minutes=5))
    assert sweep() == 1
    assert state(first)[0] == "completed"


def test_the_command_shows_before_it_asks_and_tells_what_it_learned(
    api: Client,
    provider: FakeTransport,
    clock: time_machine.Traveller,
    capsys: pytest.CaptureFixture[str],
) -> None:
    payment = started(api)
    provider.replies["query"] = found("A")
    clock.shift(timedelta(minutes=20))
    call_command("recover_stuck_payments", "--older-than", "15m", "--dry-run")
    assert "1 operations would be asked about" in capsys.readouterr().out
    assert provider.count("query") == 0
    call_command("recover_stuck_payments", "--older-than", "15m", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["payment"], told["after"]) == (payment, "succeeded")


@pytest.mark.parametrize("text", ["", "15", "m", "-1m", "1w"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        call_command("recover_stuck_payments", "--older-than", text)


def test_kept_answers_are_forgotten_after_their_time(
    api: Client, clock: time_machine.Traveller
) -> None:
    key = {"Idempotency-Key": "k1"}
    first = api.post("/payments/v2/create", BODY, "application/json", headers=key).json()["id"]
    clock.shift(timedelta(hours=23))
    assert tasks.prune_idempotency_keys.run() == 0
    clock.shift(timedelta(hours=2))
    again = api.post("/payments/v2/create", BODY, "application/json", headers=key).json()["id"]
    assert again != first
    clock.shift(timedelta(hours=25))
    assert tasks.prune_idempotency_keys.run() == 1
    assert not IdempotencyKey.objects.exists()


def test_a_page_whose_address_was_lost_is_found_again_where_its_provider_tells_it(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = Lost("silence")
    payment = started(api)
    operation = GatewayOperation.objects.get()
    page = GatewayResult(
        Outcome.ACTION_REQUIRED, reference="TST1", redirect_url="https://pay.test/TST1"
    )
    gateway = gateway_named("paytabs")
    told = recovery.believed(operation, page, gateway, timezone.now())
    assert told is page
    operations.settle(operation, page, heard_from="lookup")
    body = api.get(f"/payments/v2/{payment}").json()
    assert (body["status"], body["redirect_url"]) == ("requires_action", "https://pay.test/TST1")
    clock.shift(timedelta(hours=1))
    operation.redirect_url = ""
    told = recovery.believed(operation, page, gateway, timezone.now())
    assert told is not None
    assert told.outcome is Outcome.NOT_SENT


def test_who_reads_a_payment_in_doubt_learns_the_truth_at_once(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = Lost("silence")
    payment = started(api)
    provider.replies["query"] = found("A")
    assert api.get(f"/payments/v2/{payment}").json()["status"] == "completed"
    assert provider.count("query") == 1
    api.get(f"/payments/v2/{payment}")
    assert provider.count("query") == 1


def test_readers_ask_no_more_often_than_every_ten_seconds_and_are_always_answered(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies["request"] = provider.replies["query"] = Lost("silence")
    payment = started(api)
    for _ in range(3):
        body = api.get(f"/payments/v2/{payment}").json()
        assert (body["status"], body["outcome"]) == ("processing", "unknown")
    assert provider.count("query") == 1
    clock.shift(timedelta(seconds=11))
    api.get(f"/payments/v2/{payment}")
    assert provider.count("query") == 2


def test_to_read_a_payment_costs_one_question_more_while_its_end_is_not_known(
    api: Client,
    provider: FakeTransport,
    clock: time_machine.Traveller,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    payment = started(api)
    api.get(f"/payments/v2/{payment}")
    with django_assert_num_queries(4):  # the key, may they see it, the payment, what is awaited
        api.get(f"/payments/v2/{payment}")
    clock.shift(timedelta(minutes=1))
    provider.replies["query"] = found("A")
    assert api.get(f"/payments/v2/{payment}").json()["status"] == "completed"
    with django_assert_num_queries(3):
        api.get(f"/payments/v2/{payment}")


def test_what_nobody_can_answer_is_handed_to_a_person_once(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    provider.replies |= {"request": Lost("silence"), "query": Lost("silence")}
    payment = started(api)
    told = []
    for _ in range(7):
        clock.shift(timedelta(days=2))
        sweep()
        told.append(Discrepancy.objects.count())
    assert told == [0, 0, 0, 0, 1, 1, 1]
    assert state(payment) == ("processing", "unknown")
    only = Discrepancy.objects.get()
    assert (only.kind, only.source) == ("unexpected_news", "lookup")
    assert only.operation == GatewayOperation.objects.get()
    events = StoredEvent.objects.filter(type="payment.contradicted")
    assert [str(event.aggregate_id) for event in events] == [payment]


def test_a_page_that_waits_for_its_payer_is_no_riddle(
    api: Client, provider: FakeTransport, clock: time_machine.Traveller
) -> None:
    started(api)
    GatewayOperation.objects.update(checks=99)
    clock.shift(timedelta(seconds=61))
    assert sweep() == 1
    assert not Discrepancy.objects.exists()
