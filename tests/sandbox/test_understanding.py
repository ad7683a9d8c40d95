"""The service's translators and the sandbox's players, each made from the same documents alone.

Every order of Paystack's and Flutterwave's goes over real HTTP to the player, and each answer
and each notification comes back to the translator: the two must understand each other.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from payments.gateways.contract import Evidence, Gateway
from payments.gateways.flutterwave import Flutterwave
from payments.gateways.messages import (
    Capture,
    Charge,
    DisputeLookup,
    DisputeStatus,
    GatewayEvent,
    GatewayResult,
    Handle,
    Lookup,
    Order,
    Refund,
    Void,
)
from payments.gateways.paystack import Paystack
from payments.gateways.wire import WireResponse
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.sandbox.merchant import Receiver, wait_until
from tests.sandbox.process import (
    FLUTTERWAVE_KEY,
    FLUTTERWAVE_SECRET,
    PAYSTACK_KEY,
    SandboxProcess,
)

PROVIDERS = ["paystack", "flutterwave"]
PRICE = Money(10000, "ZAR")
SOME = Money(2550, "ZAR")


def gateway_of(sandbox: SandboxProcess, name: str) -> Gateway:
    usual = (sandbox.provider_url(name), timedelta(seconds=10), timedelta(seconds=1))
    if name == "paystack":
        return Paystack(PAYSTACK_KEY, (PAYSTACK_KEY,), *usual)
    return Flutterwave(FLUTTERWAVE_KEY, (FLUTTERWAVE_SECRET,), *usual)


def ask(gateway: Gateway, order: Order) -> GatewayResult:
    asked = gateway.request_for(order)
    answer = requests.request(
        asked.method, asked.url, data=asked.body, headers=dict(asked.headers), timeout=10
    )
    return gateway.result_of(order, WireResponse(answer.status_code, {}, answer.content))


def charge(key: str, kind: OperationKind = OperationKind.CHARGE, money: Money = PRICE) -> Charge:
    page, hook = "http://127.0.0.1:9/return", "http://127.0.0.1:9/hook"
    payer = {"email": "payer@example.test", "name": "Sample Payer"}
    return Charge(key, kind, money, "Order", page, hook, customer=payer)


def news(gateway: Gateway, receiver: Receiver, start: str, count: int = 1) -> list[GatewayEvent]:
    """What was heard that begins so, once it is that much; each verified and translated."""

    def heard() -> list[GatewayEvent]:
        found: list[GatewayEvent] = []
        for each in [each for each in receiver.heard if each.path == f"/{gateway.name}"]:
            headers = tuple(each.headers.items())
            gateway.verify(headers, each.body, Evidence(datetime.now(UTC)))
            found += [e for e in gateway.events_in(each.body) if e.type.startswith(start)]
        return found if len(found) >= count else []

    return wait_until(heard)


def told(event: GatewayEvent) -> Any:
    assert event.result is not None
    return event.result.outcome, event.result.kind, event.result.money


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize(
    ("verb", "outcome", "code"),
    [
        ("approve", Outcome.SUCCEEDED, None),
        ("decline", Outcome.PENDING, FailureCode.CARD_DECLINED),
        ("insufficient_funds", Outcome.PENDING, FailureCode.INSUFFICIENT_FUNDS),
        ("authentication_failed", Outcome.PENDING, FailureCode.AUTHENTICATION_FAILED),
    ],
)
def test_how_a_page_ended_is_understood(
    sandbox: SandboxProcess, name: str, verb: str, outcome: Outcome, code: FailureCode | None
) -> None:
    gateway = gateway_of(sandbox, name)
    lookup = Lookup("k1", OperationKind.CHARGE)
    assert ask(gateway, lookup).outcome is Outcome.NOT_SENT
    page = ask(gateway, charge("k1"))
    assert (page.outcome, page.reference) == (Outcome.ACTION_REQUIRED, "k1")
    assert requests.get(page.redirect_url, timeout=10).ok
    assert ask(gateway, lookup).outcome in (Outcome.ACTION_REQUIRED, Outcome.NOT_SENT)
    sandbox.act(page.reference, verb, name)
    found = ask(gateway, lookup)
    assert (found.outcome, found.money, found.reference) == (outcome, PRICE, "k1")
    assert (found.failure.code if found.failure else None) is code
    assert found.unlisted_word == ""


@pytest.mark.parametrize("name", PROVIDERS)
def test_charge_refund_and_dispute_are_understood(
    sandbox: SandboxProcess, receiver: Receiver, name: str
) -> None:
    gateway = gateway_of(sandbox, name)
    ask(gateway, charge("k1"))
    sandbox.act("k1", "approve", name)
    heard = news(gateway, receiver, "charge.")[0]
    assert heard.key == "k1"
    assert told(heard) == (Outcome.SUCCEEDED, OperationKind.CHARGE, PRICE)
    paid = ask(gateway, Lookup("k1", OperationKind.CHARGE))
    parent = Handle(paid.reference, paid.ids)
    lookup = Lookup("r1", OperationKind.REFUND, parent=parent, money=SOME)
    assert ask(gateway, lookup).outcome is Outcome.NOT_SENT
    asked = ask(gateway, Refund("r1", SOME, parent))
    assert asked.outcome in (Outcome.PENDING, Outcome.SUCCEEDED)
    by_id = Lookup("r1", OperationKind.REFUND, Handle(asked.reference), parent, SOME)
    for found in (ask(gateway, lookup), ask(gateway, by_id)):
        assert (found.outcome, found.money) == (Outcome.SUCCEEDED, SOME)
        assert found.reference == asked.reference
    assert news(gateway, receiver, "refund.")
    too_much = ask(gateway, Refund("r2", PRICE, parent))
    assert too_much.outcome is Outcome.DECLINED
    sandbox.act("k1", "dispute", name)
    sandbox.act("k1", "dispute_lost", name)
    start = "charge.dispute." if name == "paystack" else "chargeback."
    disputes = [each.dispute for each in news(gateway, receiver, start, 2)]
    assert {each.status for each in disputes if each} == {DisputeStatus.OPEN, DisputeStatus.LOST}
    if name == "paystack":
        assert {each.money for each in disputes if each} == {PRICE - SOME}
    else:
        reference = next(each.reference for each in disputes if each)
        assert asked_of_dispute(gateway, reference, parent) == PRICE - SOME


def asked_of_dispute(gateway: Gateway, reference: str, charge: Handle) -> Money | None:
    order = DisputeLookup(reference, "k1", charge, PRICE)
    asked = gateway.dispute_request(order)
    assert asked is not None
    answer = requests.get(asked.url, headers=dict(asked.headers), timeout=10)
    told = gateway.dispute_of(order, WireResponse(answer.status_code, {}, answer.content))
    assert told is not None
    assert told.status is DisputeStatus.LOST
    return told.money


def test_a_reservation_is_taken_in_part_or_given_back(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    gateway = gateway_of(sandbox, "paystack")
    for key in ("a1", "a2"):
        assert ask(gateway, charge(key, OperationKind.AUTHORIZE)).reference == key
        sandbox.act(key, "approve", "paystack")
        found = ask(gateway, Lookup(key, OperationKind.AUTHORIZE))
        assert (found.outcome, found.money) == (Outcome.SUCCEEDED, PRICE)
    first, second = Handle("a1"), Handle("a2")
    lookup = Lookup("c1", OperationKind.CAPTURE, parent=first)
    assert ask(gateway, lookup).outcome is Outcome.NOT_SENT
    taken = ask(gateway, Capture("c1", SOME, first))
    assert (taken.outcome, taken.money) == (Outcome.SUCCEEDED, SOME)
    again = ask(gateway, lookup)
    assert (again.outcome, again.money, again.reference) == (taken.outcome, SOME, taken.reference)
    assert ask(gateway, Capture("c2", SOME, first)).outcome is Outcome.DECLINED
    assert ask(gateway, Void("v1", PRICE, first)).outcome is Outcome.DECLINED
    freed = ask(gateway, Void("v2", PRICE, second))
    assert (freed.outcome, freed.money) == (Outcome.SUCCEEDED, PRICE)
    assert ask(gateway, Lookup("v2", OperationKind.VOID, parent=second)).outcome is freed.outcome
    given_back = ask(gateway, Refund("r1", SOME, Handle(taken.reference, taken.ids)))
    assert given_back.outcome is Outcome.PENDING
    capture = news(gateway, receiver, "preauthorization.capture.")[0]
    assert told(capture) == (Outcome.SUCCEEDED, OperationKind.CAPTURE, SOME)
    assert capture.references == (taken.reference,)


def test_a_page_that_was_paid_twice_is_noticed(sandbox: SandboxProcess) -> None:
    gateway = gateway_of(sandbox, "flutterwave")
    ask(gateway, charge("k1"))
    sandbox.act("k1", "approve", "flutterwave")
    first = ask(gateway, Lookup("k1", OperationKind.CHARGE))
    sandbox.act("k1", "pay_again", "flutterwave")
    again = ask(gateway, Lookup("k1", OperationKind.CHARGE))
    assert (again.reference, again.ids) == (first.reference, first.ids)
    assert len(again.also_taken) == 1


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_second_use_of_a_key_and_a_wrong_key_are_understood(
    sandbox: SandboxProcess, name: str
) -> None:
    gateway = gateway_of(sandbox, name)
    ask(gateway, charge("k1"))
    second = ask(gateway, charge("k1")).outcome
    assert second is (Outcome.UNKNOWN if name == "paystack" else Outcome.ACTION_REQUIRED)
    usual = (("secret",), sandbox.provider_url(name), timedelta(1), timedelta(1))
    stranger = (Paystack if name == "paystack" else Flutterwave)("another key", *usual)
    assert ask(stranger, charge("k2")).outcome is Outcome.NOT_SENT


def test_money_without_decimals_is_understood(sandbox: SandboxProcess) -> None:
    price = Money(1500, "XOF")
    for name in PROVIDERS:
        gateway = gateway_of(sandbox, name)
        ask(gateway, charge("k9", money=price))
        assert sandbox.act("k9", "approve", name)["captured"] == "1500"
        assert ask(gateway, Lookup("k9", OperationKind.CHARGE)).money == price
