"""A merchant who speaks Stripe's API to the sandbox, and what that merchant hears."""

import hmac
import itertools
import time
from typing import Any
from urllib.parse import urlencode

import requests

from tests.sandbox.merchant import Heard, Receiver, wait_until
from tests.sandbox.process import STRIPE_KEY, STRIPE_SECRET, SandboxProcess

_numbers = itertools.count(1)
FORM = "application/x-www-form-urlencoded"


class Caller:
    """A merchant who speaks Stripe's API."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.base = sandbox.provider_url("stripe")

    def post(
        self, path: str, fields: dict[str, Any], key: str = "", **headers: str
    ) -> requests.Response:
        sent = {"Authorization": f"Bearer {STRIPE_KEY}", "Content-Type": FORM} | headers
        sent |= {"Idempotency-Key": key} if key else {}
        body = urlencode({name: value for name, value in fields.items() if value is not None})
        return requests.post(self.base + path, data=body, headers=sent, timeout=10)

    def get(self, path: str, **query: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {STRIPE_KEY}"}
        return requests.get(self.base + path, params=query, headers=headers, timeout=10)

    def wishes(self, **changes: Any) -> dict[str, Any]:
        number = next(_numbers)
        price = "line_items[0][price_data]"
        return {
            "mode": "payment",
            "client_reference_id": f"order-{number}",
            "success_url": "https://shop.test/done?id={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.test/back",
            "line_items[0][quantity]": 1,
            f"{price}[currency]": "aed",
            f"{price}[unit_amount]": 10000,
            f"{price}[product_data][name]": f"Order {number}",
            "metadata[mine]": f"order-{number}",
            "payment_intent_data[metadata][mine]": f"order-{number}",
        } | changes

    def page(self, **changes: Any) -> dict[str, Any]:
        response = self.post("/v1/checkout/sessions", self.wishes(**changes))
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return page

    def held_page(self) -> dict[str, Any]:
        return self.page(**{"payment_intent_data[capture_method]": "manual"})

    def paid(self, *, held: bool = False) -> tuple[str, str]:
        """A page that was paid: its id and the intent's."""
        ref = (self.held_page() if held else self.page())["id"]
        self.act(ref, "approve")
        return ref, self.session(ref)["payment_intent"]["id"]

    def session(self, ref: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(
            f"/v1/checkout/sessions/{ref}", **{"expand[]": "payment_intent.latest_charge"}
        ).json()
        return found

    def act(self, ref: str, verb: str) -> dict[str, str]:
        return self.sandbox.act(ref, verb, "stripe")

    def truth(self, ref: str) -> dict[str, str]:
        return next(each for each in self.sandbox.truth("stripe") if each["transaction_ref"] == ref)


def refused(response: requests.Response, status: int, **facts: str) -> None:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["message"]
    assert {name: error.get(name) for name in facts} == facts


def names(receiver: Receiver) -> list[str]:
    return [each.news["type"] for each in receiver.heard if each.path == "/stripe"]


def heard(receiver: Receiver, name: str) -> Heard:
    def of_name() -> list[Heard]:
        ours = [each for each in receiver.heard if each.path == "/stripe"]
        return [each for each in ours if each.news["type"] == name]

    return wait_until(of_name)[0]


def thing(receiver: Receiver, name: str, wanted: str = "") -> dict[str, Any]:
    """The object of the first event of this name; about `wanted`, where that is said.

    A notice that was on its way when the sandbox forgot everything may still arrive.
    """

    def found() -> list[dict[str, Any]]:
        events = [each.news for each in receiver.heard if each.news.get("type") == name]
        told = [event["data"]["object"] for event in events]
        return [each for each in told if wanted in ("", each["id"])]

    return wait_until(found)[0]


def is_signed(each: Heard, secret: str = STRIPE_SECRET) -> bool:
    values = [part.split("=", 1) for part in each.headers["Stripe-Signature"].split(",")]
    at = next(value for name, value in values if name == "t")
    wanted = hmac.new(secret.encode(), f"{at}.".encode() + each.body, "sha256").hexdigest()
    return abs(time.time() - int(at)) < 60 and ["v1", wanted] in values
