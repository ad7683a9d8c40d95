"""What surrounds every call: one deadline for all its steps, and certificates fetched sparingly."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from payments.gateways import client, documents, transport
from payments.gateways.contract import CannotJudge, SignatureInvalid
from payments.gateways.messages import Handle, Lookup
from payments.gateways.paypal import PayPal
from payments.gateways.wire import Lost, NotSent, WireRequest, WireResponse
from payments.statuses import OperationKind, Outcome

LIMIT = timedelta(seconds=3)
LOOKUP = Lookup("k1", OperationKind.CHARGE, Handle("O1"))
TOKEN = WireResponse(200, {}, json.dumps({"access_token": "t", "expires_in": 3600}).encode())
REFUSED = WireResponse(401, {}, b"{}")
ORDER = WireResponse(200, {}, json.dumps({"id": "O1", "status": "APPROVED"}).encode())
CERTIFICATE = WireResponse(200, {}, b"-----BEGIN CERTIFICATE-----")
Answer = WireResponse | Exception
Send = Callable[[str, WireRequest, timedelta], WireResponse]


@pytest.fixture
def paypal() -> Iterator[PayPal]:
    """One that has not logged in yet."""
    yield PayPal("c", "s", "WH", "https://paypal.test", LIMIT, LIMIT)
    client._tokens.clear()
    documents.start_anew()


@pytest.fixture
def sending(monkeypatch: pytest.MonkeyPatch) -> Callable[[Send], None]:
    return lambda send: monkeypatch.setattr(transport, "send", send)


def answers(*each: Answer, takes: float = 0.0) -> tuple[Send, list[tuple[str, timedelta]]]:
    """A transport that answers in turn, and what it was asked within which time."""
    left, asked = list(each), []

    def send(gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        asked.append((request.url.rsplit("/", 1)[-1], timeout))
        time.sleep(takes)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return send, asked


def test_a_log_in_an_order_and_a_log_in_anew_share_one_deadline(
    paypal: PayPal, sending: Callable[[Send], None]
) -> None:
    send, asked = answers(TOKEN, REFUSED, TOKEN, ORDER, takes=0.02)
    sending(send)
    assert client.execute(paypal, LOOKUP).outcome is Outcome.PENDING
    steps = [step for step, _ in asked]
    assert steps == ["token", "O1", "token", "O1"]
    for done, (_, limit) in enumerate(asked):
        assert timedelta(0) < limit <= LIMIT - done * timedelta(seconds=0.02)


def test_what_a_log_in_used_up_is_not_there_for_the_order(
    paypal: PayPal, sending: Callable[[Send], None]
) -> None:
    send, asked = answers(TOKEN, ORDER, takes=0.02)
    sending(send)
    with pytest.raises(NotSent, match="over before"):
        client.execute(paypal, LOOKUP, timedelta(seconds=0.01))
    assert [step for step, _ in asked] == ["token"]


HEADERS = (
    ("Paypal-Transmission-Id", "T-1"),
    ("Paypal-Transmission-Time", "2026-01-01T00:00:00Z"),
    ("Paypal-Transmission-Sig", "c2lnbmVk"),
    ("Paypal-Cert-Url", "https://api.paypal.com/v1/notifications/certs/CERT-1"),
    ("Paypal-Auth-Algo", "SHA256withRSA"),
)
SENT_AT = datetime(2026, 1, 1, tzinfo=UTC)


def opened_at(gateway: PayPal, now: datetime, **changes: str) -> Any:
    names = {f"Paypal-{name}".replace("_", "-"): value for name, value in changes.items()}
    headers = tuple((name, names.get(name, value)) for name, value in HEADERS)
    with time_machine.travel(now, tick=False):
        client.verify_notification(gateway, headers, b"{}")


@pytest.mark.parametrize(
    ("now", "changes"),
    [
        (SENT_AT + timedelta(days=5), {}),
        (SENT_AT - timedelta(hours=1), {}),
        (SENT_AT, {"Transmission_Time": "yesterday"}),
        (SENT_AT, {"Cert_Url": "https://evil.test/v1/notifications/certs/CERT-1"}),
    ],
)
def test_a_strangers_delivery_fetches_nothing(
    paypal: PayPal, sending: Callable[[Send], None], now: datetime, changes: dict[str, str]
) -> None:
    send, asked = answers()
    sending(send)
    with pytest.raises(SignatureInvalid):
        opened_at(paypal, now, **changes)
    assert asked == []


@pytest.mark.parametrize("failure", [Lost("silence"), NotSent("down"), WireResponse(500)])
def test_a_fetch_that_failed_is_not_tried_again_for_some_seconds(
    paypal: PayPal, sending: Callable[[Send], None], failure: Answer
) -> None:
    send, asked = answers(failure, CERTIFICATE)
    sending(send)
    for later in (0, 1, 4.9):
        with pytest.raises(CannotJudge):
            opened_at(paypal, SENT_AT + timedelta(seconds=later))
    assert len(asked) == 1
    with pytest.raises(SignatureInvalid):
        opened_at(paypal, SENT_AT + timedelta(seconds=5))
    assert len(asked) == 2


def test_a_certificate_is_fetched_once_a_day(
    paypal: PayPal, sending: Callable[[Send], None]
) -> None:
    send, asked = answers(CERTIFICATE, CERTIFICATE)
    sending(send)
    for hours in (0, 1, 23, 25, 26):
        with pytest.raises(SignatureInvalid, match="no_certificate"):
            opened_at(paypal, SENT_AT + timedelta(hours=hours))
    assert len(asked) == 2
    assert sum(url.endswith("/CERT-1") for url in documents._known) == 1


def test_a_burst_of_deliveries_is_one_fetch_and_another_address_does_not_wait(
    paypal: PayPal, sending: Callable[[Send], None]
) -> None:
    may_answer, asked = threading.Event(), []

    def send(gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        asked.append(request.url)
        if request.url.endswith("slow"):
            assert may_answer.wait(10)
        return CERTIFICATE

    sending(send)
    slow = [threading.Thread(target=fetch, args=("https://p.test/slow",)) for _ in range(20)]
    for thread in slow:
        thread.start()
    fetch("https://p.test/quick")
    may_answer.set()
    for thread in slow:
        thread.join(10)
    assert sorted(asked) == ["https://p.test/quick", "https://p.test/slow"]


def test_no_more_than_two_certificates_are_fetched_at_once(
    paypal: PayPal, sending: Callable[[Send], None]
) -> None:
    may_answer, asked = threading.Event(), threading.Barrier(3)

    def send(gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        asked.wait(10)
        assert may_answer.wait(10)
        return CERTIFICATE

    sending(send)
    two = [threading.Thread(target=fetch, args=(f"https://p.test/{n}",)) for n in range(2)]
    for thread in two:
        thread.start()
    asked.wait(10)
    with pytest.raises(CannotJudge, match="Enough"):
        fetch("https://p.test/third")
    may_answer.set()
    for thread in two:
        thread.join(10)


def test_strangers_have_few_certificates_fetched_in_a_minute_and_known_ones_are_always(
    paypal: PayPal, sending: Callable[[Send], None]
) -> None:
    asked: list[str] = []

    def send(gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        asked.append(request.url)
        return CERTIFICATE if request.url.endswith("own") else WireResponse(404)

    sending(send)
    with time_machine.travel(SENT_AT, tick=False) as clock:
        fetch("https://p.test/own")
        clock.shift(timedelta(days=2))
        for number in range(20):
            with pytest.raises((CannotJudge, SignatureInvalid)):
                fetch(f"https://p.test/{number}")
        assert len(asked) == 7
        fetch("https://p.test/own")
        clock.shift(timedelta(minutes=1))
        with pytest.raises(SignatureInvalid, match="no_such_certificate"):
            fetch("https://p.test/later")


def fetch(url: str) -> None:
    assert documents.fetched("paypal", WireRequest("GET", url)) == CERTIFICATE.body
