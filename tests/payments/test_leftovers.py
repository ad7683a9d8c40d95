"""What a capture of a part leaves at a gateway that holds it: released once, whatever happens."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from payments import tasks
from payments.gateways.wire import Lost, NotSent, WireResponse
from payments.models import GatewayOperation, Payment, StoredEvent
from payments.statuses import OperationKind
from tests.fakes import FakeTransport, answer, notification, page

START = datetime.fromisoformat("2026-06-01T12:00:00+00:00")
Reply = Callable[[dict[str, Any]], WireResponse]


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


class PayTabs:
    """Does what it is asked, but for a release, of which it says what it was told to say."""

    def __init__(self, provider: FakeTransport) -> None:
        self.provider = provider
        self.of_release: Reply = self.done
        self.carts: dict[str, Any] = {}
        provider.replies |= {"request": self.request, "query": self.query}

    def request(self, body: dict[str, Any]) -> WireResponse:
        if body["tran_type"] == "auth":
            self.done(body)  # its payer does not wait
            return page(body)
        return (self.of_release if body["tran_type"] == "release" else self.done)(body)

    def done(self, body: dict[str, Any], status: str = "A") -> WireResponse:
        entry = json.loads(told(body["cart_id"], body["tran_type"], body["cart_amount"], status))
        self.carts[body["cart_id"]] = entry
        return answer(entry)

    def refused(self, body: dict[str, Any]) -> WireResponse:
        return self.done(body, "D")

    def done_in_silence(self, body: dict[str, Any]) -> WireResponse:
        self.done(body)
        raise Lost("silence")

    def query(self, body: dict[str, Any]) -> WireResponse:
        return answer([self.carts[body["cart_id"]]] if body["cart_id"] in self.carts else [])

    def releases(self) -> list[tuple[str, float]]:
        asked = [each for path, each in self.provider.heard if path == "request"]
        return [
            (each["tran_ref"], each["cart_amount"])
            for each in asked
            if each["tran_type"] == "release"
        ]


def told(key: str, tran_type: str, amount: Any, status: str = "A") -> bytes:
    reference = f"TST{tran_type}{key[-6:]}"
    facts = {"tran_type": tran_type, "tran_total": f"{amount:.2f}"}
    return notification(key, reference, status, **facts)


@pytest.fixture
def paytabs(provider: FakeTransport) -> PayTabs:
    return PayTabs(provider)


@pytest.fixture
def captured(
    paytabs: PayTabs, api: Client, clock: time_machine.Traveller
) -> Callable[..., Payment]:
    """A payment of 125.50 of which a part was captured."""

    def make(amount: str = "100.25") -> Payment:
        wish = {"amount": "125.50", "currency": "AED", "capture": "manual"}
        pk = api.post("/payments/v2/create", wish, "application/json").json()["id"]
        api.post(f"/payments/v2/process/{pk}", {}, "application/json")
        clock.shift(timedelta(seconds=61))
        tasks.recover_open_operations.run()
        answer = api.post(f"/payments/v2/{pk}/capture", {"amount": amount}, "application/json")
        assert answer.status_code == 200, answer.content
        return Payment.objects.get(pk=pk)

    return make


def sweep(clock: time_machine.Traveller, **later: float) -> None:
    clock.shift(timedelta(**later))
    tasks.recover_open_operations.run()


def fails(error: Exception) -> Reply:
    def reply(body: dict[str, Any]) -> WireResponse:
        raise error

    return reply


def audits() -> list[str]:
    events = StoredEvent.objects.filter(type="payment.audit_log")
    return [event.data["details"]["action"] for event in events]


def test_the_rest_is_released_once_and_the_payment_stays_what_it_was(
    captured: Callable[..., Payment], paytabs: PayTabs, clock: time_machine.Traveller
) -> None:
    payment = captured()
    for _ in range(3):
        sweep(clock, minutes=10)
    reservation = payment.operations.get(kind=OperationKind.AUTHORIZE)
    assert paytabs.releases() == [(reservation.gateway_reference, 25.25)]
    payment.refresh_from_db()
    assert (payment.status, payment.amount_captured) == ("completed", 10025)
    assert audits() == ["rest_released"]
    assert not GatewayOperation.objects.filter(next_check_at__isnull=False).exists()


def test_a_whole_capture_leaves_nothing_to_release(
    captured: Callable[..., Payment], paytabs: PayTabs, clock: time_machine.Traveller
) -> None:
    captured("125.50")
    sweep(clock, minutes=10)
    assert paytabs.releases() == []


def test_a_capture_that_is_asked_for_again_is_answered_as_it_stands(
    captured: Callable[..., Payment], api: Client, clock: time_machine.Traveller
) -> None:
    payment = captured()
    sweep(clock, minutes=10)
    again = api.post(f"/payments/v2/{payment.pk}/capture", {"amount": "100.25"}, "application/json")
    assert (again.status_code, again.json()["amount_captured"]) == (200, "100.25")


@pytest.mark.parametrize("error", [NotSent("down"), Lost("silence")])
def test_a_release_that_did_not_get_through_is_tried_again_when_that_is_known(
    captured: Callable[..., Payment],
    paytabs: PayTabs,
    clock: time_machine.Traveller,
    error: Exception,
) -> None:
    paytabs.of_release = fails(error)
    payment = captured()
    sweep(clock, minutes=1)
    assert len(paytabs.releases()) == 1
    sweep(clock, minutes=61)
    paytabs.of_release = paytabs.done
    for _ in range(3):
        sweep(clock, days=1)
    ends = [each.outcome for each in payment.operations.filter(kind=OperationKind.VOID)]
    assert ends.count("succeeded") == 1
    assert {*ends} == {"not_sent", "succeeded"}
    assert audits().count("rest_released") == 1
    assert not GatewayOperation.objects.filter(next_check_at__isnull=False).exists()


def test_a_release_whose_answer_was_lost_is_asked_about_and_not_done_again(
    captured: Callable[..., Payment], paytabs: PayTabs, clock: time_machine.Traveller
) -> None:
    paytabs.of_release = paytabs.done_in_silence
    payment = captured()
    sweep(clock, minutes=1)
    assert payment.operations.get(kind=OperationKind.VOID).outcome == "unknown"
    for _ in range(3):
        sweep(clock, minutes=61)
    assert payment.operations.get(kind=OperationKind.VOID).outcome == "succeeded"
    assert len(paytabs.releases()) == 1
    assert audits() == ["rest_released"]


def test_a_release_that_is_refused_is_told_and_not_asked_for_again(
    captured: Callable[..., Payment], paytabs: PayTabs, clock: time_machine.Traveller
) -> None:
    paytabs.of_release = paytabs.refused
    captured()
    for _ in range(3):
        sweep(clock, minutes=61)
    assert len(paytabs.releases()) == 1
    assert audits() == ["rest_not_released"]
