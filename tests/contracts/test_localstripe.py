"""Stripe as strangers understood it: the real gateway and transport against localstripe.

localstripe is a process of its own, behind a doorman who leaves out the fields that it has never
heard of. It forgets idempotency keys and tells no `amount_received`, so what moved is read from
its own records.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from payments.gateways import client
from payments.gateways.messages import Capture, Charge, GatewayResult, Handle, Lookup, Refund, Void
from payments.gateways.stripe import Stripe
from payments.money import Money
from payments.statuses import OperationKind, Outcome
from tests.sandbox.process import free_ports

KEY = "sk_test_TESTONLY"
MONEY = Money(12550, "USD")
# Its own command listens on every address, and keeps its records in a file of all users.
START = """
import sys
from aiohttp import web
from localstripe import resources, server
resources.Store.dump_to_disk = lambda self: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""
UNHEARD_OF = ("return_url", "description", "automatic_payment_methods", "cancellation_reason")


def ask(method: str, url: str, fields: dict[str, Any] | None = None) -> Any:
    headers = {"Authorization": f"Bearer {KEY}"}
    response = requests.request(method, url, data=fields, headers=headers, timeout=10)
    assert response.ok, response.text
    return response.json()


class Doorman(BaseHTTPRequestHandler):
    """Passes requests on without what localstripe does not understand."""

    behind = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._pass_on({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        fields = dict(parse_qsl(body))
        if self.path.endswith("/capture"):
            # A capture takes no notes there: they are made on the intent first.
            notes = {name: fields.pop(name) for name in [*fields] if name.startswith("metadata")}
            ask("POST", self.behind + self.path.removesuffix("/capture"), notes)
        self._pass_on({n: v for n, v in fields.items() if not n.startswith(UNHEARD_OF)})

    def _pass_on(self, fields: dict[str, str]) -> None:
        headers = {"Authorization": self.headers["Authorization"]}
        url = self.behind + self.path
        answer = requests.request(self.command, url, data=fields, headers=headers, timeout=10)
        self.send_response(answer.status_code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def localstripe() -> Iterator[str]:
    (port,) = free_ports(1)
    process = subprocess.Popen([sys.executable, "-c", START, str(port)], stderr=subprocess.PIPE)
    try:
        yield _ready(process, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _ready(process: subprocess.Popen[bytes], url: str) -> str:
    gives_up_at = time.monotonic() + 30
    while time.monotonic() < gives_up_at:
        try:
            ask("GET", f"{url}/v1/payment_intents")
        except requests.ConnectionError:
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.05)
        else:
            return url
    raise TimeoutError("localstripe did not come up")


@pytest.fixture(scope="module")
def gateway(localstripe: str) -> Iterator[Stripe]:
    Doorman.behind = localstripe
    with ThreadingHTTPServer(("127.0.0.1", 0), Doorman) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        yield Stripe(KEY, ("whsec_x",), base, timedelta(seconds=10), timedelta(seconds=1))
        server.shutdown()


def card(localstripe: str, number: str) -> str:
    """What Stripe's own library would have made of a card."""
    fields = {"type": "card", "card[number]": number, "card[cvc]": "123"}
    fields |= {"card[exp_month]": "12", "card[exp_year]": "2040"}
    method = ask("POST", f"{localstripe}/v1/payment_methods", fields)["id"]
    customer = ask("POST", f"{localstripe}/v1/customers", {"email": "payer@example.test"})["id"]
    ask("POST", f"{localstripe}/v1/payment_methods/{method}/attach", {"customer": customer})
    return str(method)


@pytest.fixture
def good(localstripe: str) -> str:
    return card(localstripe, "4242424242424242")


def charge(token: str, kind: OperationKind = OperationKind.CHARGE, key: str = "k1") -> Charge:
    back = "https://us.test/return"
    return Charge(key, kind, MONEY, "Order 1", back, back, payment_token=token)


def handle(result: GatewayResult) -> Handle:
    return Handle(result.reference, result.ids)


def record(localstripe: str, result: GatewayResult) -> tuple[str, bool, int]:
    """What localstripe holds of it: the intent's status, whether it is taken, what went back."""
    url = f"{localstripe}/v1/payment_intents/{result.reference}?expand[]=latest_charge"
    intent = ask("GET", url)
    taken = intent["latest_charge"]
    return intent["status"], taken["captured"], taken["amount_refunded"]


def test_a_token_pays_and_is_refunded_in_part(gateway: Stripe, localstripe: str, good: str) -> None:
    paid = client.execute(gateway, charge(good))
    assert (paid.outcome, paid.kind) == (Outcome.SUCCEEDED, OperationKind.CHARGE)
    assert record(localstripe, paid) == ("succeeded", True, 0)
    back = client.execute(gateway, Refund("r1", Money(2550, "USD"), handle(paid)))
    assert (back.outcome, back.money) == (Outcome.SUCCEEDED, Money(2550, "USD"))
    assert back.parent_reference == paid.reference
    assert record(localstripe, paid) == ("succeeded", True, 2550)
    found = client.execute(gateway, Lookup("r1", OperationKind.REFUND, handle(back), handle(paid)))
    assert (found.outcome, found.reference) == (Outcome.SUCCEEDED, back.reference)
    listed = client.execute(gateway, Lookup("r1", OperationKind.REFUND, parent=handle(paid)))
    assert listed.reference == back.reference


def test_a_token_reserves_and_the_money_is_captured(
    gateway: Stripe, localstripe: str, good: str
) -> None:
    reserved = client.execute(gateway, charge(good, OperationKind.AUTHORIZE, "k2"))
    assert (reserved.outcome, reserved.kind) == (Outcome.SUCCEEDED, OperationKind.AUTHORIZE)
    assert record(localstripe, reserved) == ("requires_capture", False, 0)
    taken = client.execute(gateway, Capture("c2", MONEY, handle(reserved)))
    assert (taken.outcome, taken.reference) == (Outcome.SUCCEEDED, reserved.reference)
    assert record(localstripe, reserved) == ("succeeded", True, 0)
    asked = Lookup("c2", OperationKind.CAPTURE, parent=handle(reserved))
    assert client.execute(gateway, asked).outcome is Outcome.SUCCEEDED


def test_what_is_reserved_is_released(gateway: Stripe, good: str) -> None:
    reserved = client.execute(gateway, charge(good, OperationKind.AUTHORIZE, "k3"))
    freed = client.execute(gateway, Void("v3", MONEY, handle(reserved)))
    assert (freed.outcome, freed.money) == (Outcome.SUCCEEDED, MONEY)


def test_a_charge_is_found_by_its_intent(gateway: Stripe, good: str) -> None:
    paid = client.execute(gateway, charge(good, key="k4"))
    found = client.execute(gateway, Lookup("k4", OperationKind.CHARGE, handle(paid)))
    assert (found.outcome, found.reference) == (Outcome.SUCCEEDED, paid.reference)
    other = client.execute(gateway, Lookup("k5", OperationKind.CHARGE, handle(paid)))
    assert other.outcome is Outcome.UNKNOWN


def test_a_card_that_cannot_be_charged_is_declined(gateway: Stripe, localstripe: str) -> None:
    declined = client.execute(gateway, charge(card(localstripe, "4000000000000341"), key="k6"))
    assert declined.outcome is Outcome.DECLINED
    unknown = client.execute(gateway, charge("pm_nobody", key="k7"))
    assert unknown.outcome is Outcome.DECLINED


def test_a_bank_that_asks_without_an_address_is_unknown(gateway: Stripe, localstripe: str) -> None:
    # It leaves the question to Stripe's library in the browser, wherever it was asked from.
    asked = client.execute(gateway, charge(card(localstripe, "4000002760003184"), key="k8"))
    assert asked.outcome is Outcome.UNKNOWN
