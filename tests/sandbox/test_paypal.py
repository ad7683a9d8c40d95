"""PayPal as it is played: orders, payments, its page, its notifications, and our own translator."""

import json
import sqlite3
import uuid
import zlib
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from requests.structures import CaseInsensitiveDict

from payments.gateways.contract import Evidence, SignatureInvalid
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
from payments.gateways.paypal import PayPal
from payments.gateways.wire import WireRequest, WireResponse
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.sandbox.merchant import Heard, Receiver, form_in, wait_until
from tests.sandbox.process import PAYPAL_ID, PAYPAL_SECRET, PAYPAL_WEBHOOK, ROOT, SandboxProcess

RETURN = "http://127.0.0.1:9/return?payment=p1"
CANCEL = "http://127.0.0.1:9/cancel?payment=p1"


class Shop:
    """Speaks PayPal's API in plain HTTP."""

    def __init__(self, base: str) -> None:
        self.base = base
        answer = requests.post(
            f"{base}/v1/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(PAYPAL_ID, PAYPAL_SECRET),
            timeout=30,
        )
        self.token = answer.json()["access_token"]

    def get(self, path: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.get(self.base + path, headers=headers, timeout=30)

    def post(self, path: str, body: Any = None, name: str = "", **more: str) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Prefer": "return=representation",
            "PayPal-Request-Id": name or uuid.uuid4().hex,
        } | more
        text = body if isinstance(body, str) else json.dumps(body or {})
        return requests.post(self.base + path, data=text, headers=headers, timeout=30)

    def wish(self, value: str = "25.00", currency: str = "USD", **changes: Any) -> dict[str, Any]:
        amount = {"currency_code": currency, "value": value}
        page = {"return_url": RETURN, "cancel_url": CANCEL}
        return {
            "intent": "CAPTURE",
            "purchase_units": [{"custom_id": "k1", "description": "Shoes", "amount": amount}],
            "payment_source": {"paypal": {"experience_context": page}},
        } | changes

    def order(self, *args: str, **changes: Any) -> dict[str, Any]:
        answer = self.post("/v2/checkout/orders", self.wish(*args, **changes))
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()
        return order

    def step(self, ref: str, step: str = "capture", **more: str) -> requests.Response:
        return self.post(f"/v2/checkout/orders/{ref}/{step}", **more)


@pytest.fixture
def shop(sandbox: SandboxProcess, receiver: Receiver) -> Shop:
    return Shop(sandbox.provider_url("paypal"))


def act(sandbox: SandboxProcess, ref: str, verb: str) -> dict[str, str]:
    return sandbox.act(ref, verb, "paypal")


def page_of(order: dict[str, Any]) -> str:
    return str(next(link["href"] for link in order["links"] if link["rel"] == "payer-action"))


def captured(sandbox: SandboxProcess, shop: Shop, *args: str) -> tuple[str, str]:
    """The names of an order and of its capture."""
    ref = shop.order(*args)["id"]
    act(sandbox, ref, "approve")
    payments = shop.step(ref).json()["purchase_units"][0]["payments"]
    return ref, payments["captures"][0]["id"]


def reserved(sandbox: SandboxProcess, shop: Shop) -> tuple[str, str]:
    ref = shop.order(intent="AUTHORIZE")["id"]
    act(sandbox, ref, "approve")
    payments = shop.step(ref, "authorize").json()["purchase_units"][0]["payments"]
    return ref, payments["authorizations"][0]["id"]


def amount(value: str, currency: str = "USD") -> dict[str, Any]:
    return {"amount": {"currency_code": currency, "value": value}}


def truth(sandbox: SandboxProcess) -> dict[str, str]:
    (only,) = sandbox.truth("paypal")
    return only


def assert_refused(answer: requests.Response, status: int, issue: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["details"][0]["issue"] == issue


def heard(receiver: Receiver, event_type: str) -> Heard:
    """The notification of that type, once it has come."""

    def those() -> list[Heard]:
        ours = [found for found in receiver.heard if found.path == "/paypal"]
        return [found for found in ours if found.news["event_type"] == event_type]

    return wait_until(those)[0]


# --- who calls


@pytest.mark.parametrize("pair", [(PAYPAL_ID, "wrong"), ("wrong", PAYPAL_SECRET), ("", "")])
def test_a_stranger_gets_no_token(shop: Shop, pair: tuple[str, str]) -> None:
    answer = requests.post(f"{shop.base}/v1/oauth2/token", auth=pair, timeout=30)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize("header", ["", "Bearer x", "Basic x", "Bearer A21AA9999999999-00"])
def test_a_token_that_is_not_theirs_opens_nothing(shop: Shop, header: str) -> None:
    answer = shop.post("/v2/checkout/orders", shop.wish(), Authorization=header)
    assert answer.status_code == 401
    assert answer.json()["name"] == "AUTHENTICATION_FAILURE"


# --- orders


def test_an_order_is_a_page_that_waits(sandbox: SandboxProcess, shop: Shop) -> None:
    order = shop.order()
    assert order["status"] == "PAYER_ACTION_REQUIRED"
    assert page_of(order).startswith(f"{shop.base}/checkoutnow?token={order['id']}")
    assert shop.get(f"/v2/checkout/orders/{order['id']}").json() == order
    assert truth(sandbox) == {
        "transaction_ref": order["id"],
        "reference": "k1",
        "amount": "25.00",
        "currency": "USD",
        "status": "pending",
        "captured": "0.00",
        "released": "0.00",
        "refunded": "0.00",
    }


def test_the_same_request_is_answered_with_the_same_order(
    sandbox: SandboxProcess, shop: Shop
) -> None:
    first = shop.post("/v2/checkout/orders", shop.wish(), name="n1")
    again = shop.post("/v2/checkout/orders", shop.wish(), name="n1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"] == truth(sandbox)["transaction_ref"]


def test_the_short_answer_has_no_amounts(shop: Shop) -> None:
    answer = shop.post("/v2/checkout/orders", shop.wish(), Prefer="return=minimal").json()
    assert sorted(answer) == ["id", "links", "status"]


@pytest.mark.parametrize(
    ("wish", "status", "issue"),
    [
        (("25.00", "AED"), 422, "CURRENCY_NOT_SUPPORTED"),
        (("25.001", "USD"), 422, "DECIMAL_PRECISION"),
        (("25.00", "JPY"), 422, "DECIMALS_NOT_SUPPORTED"),
        (("25.00", "HUF"), 422, "DECIMALS_NOT_SUPPORTED"),
        (("0.00", "USD"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (("-1.00", "USD"), 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (("lots", "USD"), 400, "INVALID_PARAMETER_SYNTAX"),
    ],
)
def test_an_amount_that_cannot_be_charged_is_refused(
    sandbox: SandboxProcess, shop: Shop, wish: tuple[str, str], status: int, issue: str
) -> None:
    assert_refused(shop.post("/v2/checkout/orders", shop.wish(*wish)), status, issue)
    assert sandbox.truth("paypal") == []


@pytest.mark.parametrize(
    "body", ["{", "[]", {"intent": "SALE"}, {"purchase_units": []}, {"payment_source": {}}]
)
def test_a_request_that_cannot_be_read_is_refused(shop: Shop, body: Any) -> None:
    wish = body if isinstance(body, str) else shop.wish(**body)
    assert shop.post("/v2/checkout/orders", wish).json()["name"] == "INVALID_REQUEST"


def test_a_request_needs_a_name(shop: Shop) -> None:
    answer = shop.post("/v2/checkout/orders", shop.wish(), **{"PayPal-Request-Id": ""})
    assert_refused(answer, 400, "PAYPAL_REQUEST_ID_REQUIRED")


@pytest.mark.parametrize(
    ("currency", "value"), [("JPY", "1200"), ("HUF", "1200"), ("TWD", "50"), ("EUR", "0.01")]
)
def test_amounts_come_back_as_they_went(
    sandbox: SandboxProcess, shop: Shop, currency: str, value: str
) -> None:
    ref, capture = captured(sandbox, shop, value, currency)
    found = shop.get(f"/v2/payments/captures/{capture}").json()
    assert found["amount"] == {"currency_code": currency, "value": value}
    assert found["supplementary_data"]["related_ids"] == {"order_id": ref}


# --- the page


def test_the_page_says_what_is_paid_and_asks_nothing_from_outside(shop: Shop) -> None:
    html = requests.get(page_of(shop.order()), timeout=30).text
    assert "Shoes" in html
    assert "25.00 USD" in html
    assert "PayPal" in html
    choices = ["approve", "challenge", "decline", "insufficient_funds", "cancel", "abandon"]
    assert form_in(html).buttons == choices
    assert "url(" not in html


def choose(order: dict[str, Any], choice: str) -> requests.Response:
    data = {"choice": choice}
    return requests.post(page_of(order), data=data, timeout=30, allow_redirects=False)


@pytest.mark.parametrize("choice", ["approve", "3ds", "decline", "insufficient_funds"])
def test_a_payer_who_approves_comes_back_and_nothing_is_taken_yet(
    sandbox: SandboxProcess, shop: Shop, choice: str
) -> None:
    order = shop.order()
    target = urlsplit(choose(order, choice).headers["Location"])
    assert target.path == "/return"
    query = parse_qs(target.query)
    assert (query["payment"], query["token"]) == (["p1"], [order["id"]])
    assert "PayerID" in query
    assert shop.get(f"/v2/checkout/orders/{order['id']}").json()["status"] == "APPROVED"
    assert truth(sandbox)["status"] == "pending"
    assert "approved already" in requests.get(page_of(order), timeout=30).text


def test_a_payer_who_cancels_comes_back_elsewhere_and_may_still_pay(shop: Shop) -> None:
    order = shop.order()
    assert urlsplit(choose(order, "cancel").headers["Location"]).path == "/cancel"
    assert "You left the page" in choose(order, "abandon").text
    assert form_in(choose(order, "challenge").text).buttons == ["3ds", "authentication_failed"]
    assert choose(order, "dispute").status_code == 400
    assert choose(order, "approve").status_code == 302


def test_an_order_that_expired_is_not_found_any_more(sandbox: SandboxProcess, shop: Shop) -> None:
    ref = shop.order()["id"]
    assert act(sandbox, ref, "expire")["status"] == "cancelled"
    answer = shop.get(f"/v2/checkout/orders/{ref}")
    assert_refused(answer, 404, "INVALID_RESOURCE_ID")
    assert_refused(shop.step(ref), 404, "INVALID_RESOURCE_ID")


# --- capture


def test_nothing_is_taken_that_was_not_approved(sandbox: SandboxProcess, shop: Shop) -> None:
    ref = shop.order()["id"]
    assert_refused(shop.step(ref), 422, "ORDER_NOT_APPROVED")
    act(sandbox, ref, "approve")
    assert_refused(shop.step(ref, "authorize"), 422, "ACTION_DOES_NOT_MATCH_INTENT")


LONG_AGO = "2026-01-01T00:00:00Z"


def age(sandbox: SandboxProcess) -> None:
    """Let all that was done have been done long ago: another process's clock cannot be moved."""
    with sqlite3.connect(sandbox.data / "sandbox.sqlite3", timeout=10) as database:
        database.execute("UPDATE sandbox_transaction SET created_at = ?", (LONG_AGO,))


def test_an_order_is_captured_once_whatever_the_request_is_called(
    sandbox: SandboxProcess, shop: Shop
) -> None:
    ref = shop.order()["id"]
    act(sandbox, ref, "approve")
    first, again = shop.step(ref, name="n1"), shop.step(ref, name="n1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["purchase_units"] == again.json()["purchase_units"]
    assert_refused(shop.step(ref, name="n2"), 422, "ORDER_ALREADY_CAPTURED")
    age(sandbox)
    told_again = shop.get(f"/v2/checkout/orders/{ref}").json()
    (told,) = told_again["purchase_units"][0]["payments"]["captures"]
    assert told["create_time"] == told["update_time"] == LONG_AGO
    assert (truth(sandbox)["status"], truth(sandbox)["captured"]) == ("captured", "25.00")


@pytest.mark.parametrize(
    ("verb", "status", "after"),
    [
        ("decline", "DECLINED", "failed"),
        ("insufficient_funds", "DECLINED", "failed"),
        ("pending", "PENDING", "pending"),
    ],
)
def test_an_order_can_be_completed_without_any_money(
    sandbox: SandboxProcess, shop: Shop, receiver: Receiver, verb: str, status: str, after: str
) -> None:
    ref = shop.order()["id"]
    act(sandbox, ref, verb)
    order = shop.step(ref).json()
    assert order["status"] == "COMPLETED"
    assert order["purchase_units"][0]["payments"]["captures"][0]["status"] == status
    assert (truth(sandbox)["status"], truth(sandbox)["captured"]) == (after, "0.00")
    news = heard(receiver, f"PAYMENT.CAPTURE.{status}").news
    assert news["resource"]["status"] == status


@pytest.mark.parametrize(
    ("verb", "event", "after"),
    [
        ("pending_completes", "PAYMENT.CAPTURE.COMPLETED", "captured"),
        ("pending_fails", "PAYMENT.CAPTURE.DENIED", "failed"),
    ],
)
def test_what_is_pending_is_decided_later(
    sandbox: SandboxProcess, shop: Shop, receiver: Receiver, verb: str, event: str, after: str
) -> None:
    ref = shop.order()["id"]
    act(sandbox, ref, "pending")
    shop.step(ref)
    assert act(sandbox, ref, verb)["status"] == after
    assert heard(receiver, event).news["resource"]["supplementary_data"]


@pytest.mark.parametrize(
    ("verb", "issue"),
    [
        ("authentication_failed", "PAYER_ACTION_REQUIRED"),
        ("instrument_declined", "INSTRUMENT_DECLINED"),
    ],
)
def test_a_card_that_is_refused_opens_the_page_again(
    sandbox: SandboxProcess, shop: Shop, verb: str, issue: str
) -> None:
    order = shop.order()
    act(sandbox, order["id"], verb)
    answer = shop.step(order["id"], name="n1")
    assert_refused(answer, 422, issue)
    assert page_of(answer.json()) == page_of(order)
    choose(order, "approve")
    assert shop.step(order["id"], name="n1").status_code == 201
    assert truth(sandbox)["status"] == "captured"


# --- reservations


def test_a_reservation_is_captured_in_part_and_the_rest_released(
    sandbox: SandboxProcess, shop: Shop
) -> None:
    _, ref = reserved(sandbox, shop)
    path = f"/v2/payments/authorizations/{ref}"
    assert truth(sandbox)["status"] == "authorized"
    assert_refused(
        shop.post(f"{path}/capture", amount("25.01")), 422, "MAX_CAPTURE_AMOUNT_EXCEEDED"
    )
    final = amount("20.00") | {"final_capture": True, "invoice_id": "k2"}
    capture = shop.post(f"{path}/capture", final, name="n1").json()
    assert (capture["status"], capture["invoice_id"], capture["custom_id"]) == (
        "COMPLETED",
        "k2",
        "k1",
    )
    assert shop.post(f"{path}/capture", final, name="n1").json()["id"] == capture["id"]
    assert_refused(shop.post(f"{path}/capture", final), 422, "AUTHORIZATION_ALREADY_CAPTURED")
    assert_refused(shop.post(f"{path}/void"), 422, "PREVIOUSLY_CAPTURED")
    assert truth(sandbox)["captured"] == "20.00"


def test_a_reservation_is_captured_in_several_parts(sandbox: SandboxProcess, shop: Shop) -> None:
    _, ref = reserved(sandbox, shop)
    path = f"/v2/payments/authorizations/{ref}"
    for value in ("10.00", "10.00", "5.00"):
        assert shop.post(f"{path}/capture", amount(value)).status_code == 201
    assert shop.get(path).json()["status"] == "CAPTURED"
    assert truth(sandbox)["captured"] == "25.00"


@pytest.mark.parametrize(
    ("prefer", "status"), [("return=minimal", 204), ("return=representation", 200)]
)
def test_a_reservation_is_voided_once(
    sandbox: SandboxProcess, shop: Shop, prefer: str, status: int
) -> None:
    _, ref = reserved(sandbox, shop)
    path = f"/v2/payments/authorizations/{ref}"
    for _ in range(2):
        answer = shop.post(f"{path}/void", name="n1", Prefer=prefer)
        assert answer.status_code == status
    assert_refused(shop.post(f"{path}/void", name="n2"), 422, "PREVIOUSLY_VOIDED")
    assert_refused(shop.post(f"{path}/capture", amount("1.00")), 422, "AUTHORIZATION_VOIDED")
    assert truth(sandbox)["status"] == "cancelled"


# --- refunds


def test_a_refund_in_parts_gives_back_no_more_than_was_taken(
    sandbox: SandboxProcess, shop: Shop, receiver: Receiver
) -> None:
    _, capture = captured(sandbox, shop)
    path = f"/v2/payments/captures/{capture}/refund"
    first = shop.post(path, amount("10.00") | {"custom_id": "k4"}, name="n1")
    assert first.status_code == 201
    assert first.json()["custom_id"] == "k4"
    assert any(link["rel"] == "up" and capture in link["href"] for link in first.json()["links"])
    assert shop.post(path, amount("10.00"), name="n1").json()["id"] == first.json()["id"]
    assert truth(sandbox)["status"] == "partially_refunded"
    assert_refused(shop.post(path, amount("15.01")), 422, "REFUND_AMOUNT_EXCEEDED")
    assert_refused(shop.post(path, amount("1.00", "EUR")), 422, "CURRENCY_MISMATCH")
    assert shop.post(path).json()["amount"]["value"] == "15.00"
    assert_refused(shop.post(path), 422, "CAPTURE_FULLY_REFUNDED")
    assert (truth(sandbox)["status"], truth(sandbox)["refunded"]) == ("refunded", "25.00")
    assert heard(receiver, "PAYMENT.CAPTURE.REFUNDED").news["resource"]["id"] == first.json()["id"]


def test_what_was_not_taken_is_not_given_back(sandbox: SandboxProcess, shop: Shop) -> None:
    ref = shop.order()["id"]
    act(sandbox, ref, "pending")
    capture = shop.step(ref).json()["purchase_units"][0]["payments"]["captures"][0]["id"]
    assert_refused(shop.post(f"/v2/payments/captures/{capture}/refund"), 422, "PENDING_CAPTURE")
    assert shop.post("/v2/payments/captures/NONE/refund").status_code == 404


# --- notifications


def signed_by_paypal(found: Heard, webhook: str = PAYPAL_WEBHOOK) -> None:
    headers = CaseInsensitiveDict(found.headers)
    pem = requests.get(headers["PAYPAL-CERT-URL"], timeout=30).content
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, RSAPublicKey)
    names = ("PAYPAL-TRANSMISSION-ID", "PAYPAL-TRANSMISSION-TIME")
    parts = [*(headers[name] for name in names), webhook, str(zlib.crc32(found.body))]
    signature = b64decode(headers["PAYPAL-TRANSMISSION-SIG"])
    key.verify(signature, "|".join(parts).encode(), PKCS1v15(), SHA256())


def test_every_notification_is_signed_the_way_paypal_signs(
    sandbox: SandboxProcess, shop: Shop, receiver: Receiver
) -> None:
    ref, capture = captured(sandbox, shop)
    approved = heard(receiver, "CHECKOUT.ORDER.APPROVED")
    taken = heard(receiver, "PAYMENT.CAPTURE.COMPLETED")
    for found in (approved, taken):
        signed_by_paypal(found)
    assert approved.news["resource"]["id"] == ref
    assert taken.news["resource"]["id"] == capture
    assert approved.news["id"] != taken.news["id"]
    assert taken.news["id"].startswith("WH-")


def test_a_notification_is_sent_until_it_is_heard(
    sandbox: SandboxProcess, shop: Shop, receiver: Receiver
) -> None:
    receiver.answers = lambda _: 204 if len(receiver.heard) > 2 else 500
    act(sandbox, shop.order()["id"], "approve")
    (notice,) = wait_until(
        lambda: [n for n in sandbox.notices("paypal") if n["status"] == "delivered"]
    )
    assert notice["attempts"] == 3
    assert len({found.news["id"] for found in receiver.heard}) == 1


def test_the_same_bytes_sent_back_are_vouched_for_and_no_others(
    sandbox: SandboxProcess, shop: Shop, receiver: Receiver
) -> None:
    act(sandbox, shop.order()["id"], "approve")
    found = heard(receiver, "CHECKOUT.ORDER.APPROVED")
    names = {"transmission_id", "transmission_time", "transmission_sig", "auth_algo", "cert_url"}
    headers = CaseInsensitiveDict(found.headers)
    facts = {name: headers[f"paypal-{name}".replace("_", "-")] for name in names}
    facts["webhook_id"] = PAYPAL_WEBHOOK

    def judged(event: str, **changes: str) -> str:
        head = json.dumps(facts | changes)
        body = f'{head[:-1]}, "webhook_event": {event}}}'
        answer = shop.post("/v1/notifications/verify-webhook-signature", body)
        return str(answer.json()["verification_status"])

    assert judged(found.body.decode()) == "SUCCESS"
    assert judged(json.dumps(found.news)) == "FAILURE"
    assert judged(found.body.decode(), webhook_id="WHOTHER") == "FAILURE"
    assert judged(found.body.decode(), transmission_id="other") == "FAILURE"


# --- our own translator, on it


class Till:
    """The translator with a real wire."""

    def __init__(self, base: str) -> None:
        host = urlsplit(base).netloc
        self.gateway = PayPal(
            client_id=PAYPAL_ID,
            client_secret=PAYPAL_SECRET,
            webhook_id=PAYPAL_WEBHOOK,
            base=base,
            timeout=timedelta(seconds=30),
            settling_time=timedelta(seconds=60),
            certificate_hosts=frozenset({host}),
            trusted_roots=((ROOT / "sandbox/paypal/root.pem").read_bytes(),),
        )
        token = self.gateway.token_of(self.send(self.gateway.token_request()))
        assert token is not None
        self.token = token.text

    def send(self, request: WireRequest) -> WireResponse:
        answer = requests.request(
            request.method,
            request.url,
            data=request.body,
            headers=dict(request.headers),
            timeout=30,
        )
        return WireResponse(answer.status_code, dict(answer.headers), answer.content)

    def ask(self, order: Order) -> GatewayResult:
        return self.gateway.result_of(order, self.send(self.gateway.request_for(order, self.token)))

    def page(self, kind: OperationKind = OperationKind.CHARGE, key: str = "k1") -> Handle:
        money = Money(2500, "USD")
        result = self.ask(Charge(key, kind, money, "Shoes", RETURN, "http://127.0.0.1:9/hook"))
        assert result.outcome is Outcome.ACTION_REQUIRED
        assert result.redirect_url.startswith(self.gateway.base)
        return Handle(result.reference, result.ids)

    def look(self, handle: Handle, kind: OperationKind = OperationKind.CHARGE) -> GatewayResult:
        return self.ask(Lookup("k1", kind, handle))

    def opened(self, found: Heard) -> GatewayEvent:
        headers = tuple(found.headers.items())
        now = datetime.now(UTC)
        document = self.send(self.gateway.evidence_request(headers, now)).body
        self.gateway.verify(headers, found.body, Evidence(now, document))
        (event,) = self.gateway.events_in(found.body)
        return event


@pytest.fixture
def till(sandbox: SandboxProcess, receiver: Receiver) -> Till:
    return Till(sandbox.provider_url("paypal"))


def merged(handle: Handle, result: GatewayResult) -> Handle:
    return Handle(handle.reference, {**handle.ids, **result.ids})


USD25 = Money(2500, "USD")


def test_a_charge_from_page_to_refund(
    sandbox: SandboxProcess, till: Till, receiver: Receiver
) -> None:
    handle = till.page()
    assert till.look(handle).outcome is Outcome.ACTION_REQUIRED
    act(sandbox, handle.reference, "approve")
    news = till.opened(heard(receiver, "CHECKOUT.ORDER.APPROVED"))
    assert news.key == "k1"
    assert news.result is not None
    assert news.result.ids["needs"] == till.look(handle).ids["needs"] == "capture"
    handle = merged(handle, news.result)
    taken = till.ask(Capture("k1", USD25, handle))
    assert (taken.outcome, taken.money) == (Outcome.SUCCEEDED, USD25)
    assert till.ask(Capture("k1", USD25, handle)).ids == taken.ids
    found, told = till.look(handle), till.opened(heard(receiver, "PAYMENT.CAPTURE.COMPLETED"))
    assert told.result is not None
    for result in (found, told.result):
        assert (result.outcome, result.kind) == (Outcome.SUCCEEDED, OperationKind.CHARGE)
        assert (result.reference, result.money) == (handle.reference, USD25)
        assert result.ids == taken.ids
    refund = Refund("k4", Money(1000, "USD"), merged(handle, taken))
    back, again = till.ask(refund), till.ask(refund)
    assert (back.outcome, back.money) == (Outcome.SUCCEEDED, Money(1000, "USD"))
    assert back.reference == again.reference
    assert truth(sandbox)["refunded"] == "10.00"
    by_key = till.ask(Lookup("k4", OperationKind.REFUND, parent=merged(handle, taken)))
    by_name = till.ask(Lookup("k4", OperationKind.REFUND, Handle(back.reference), handle))
    assert by_key.reference == by_name.reference == back.reference
    event = till.opened(heard(receiver, "PAYMENT.CAPTURE.REFUNDED"))
    assert (event.key, event.references[0]) == ("k4", back.reference)
    assert till.look(handle).outcome is Outcome.SUCCEEDED
    unsent = till.ask(Lookup("k5", OperationKind.REFUND, parent=merged(handle, taken)))
    assert unsent.outcome is Outcome.NOT_SENT


def test_a_reservation_from_page_to_partial_capture(
    sandbox: SandboxProcess, till: Till, receiver: Receiver
) -> None:
    handle = till.page(OperationKind.AUTHORIZE)
    act(sandbox, handle.reference, "3ds")
    handle = merged(handle, till.look(handle, OperationKind.AUTHORIZE))
    assert (handle.ids["needs"], handle.ids["intent"]) == ("capture", "authorize")
    held = till.ask(Capture("k1", USD25, handle))
    assert (held.outcome, held.money) == (Outcome.SUCCEEDED, USD25)
    event = till.opened(heard(receiver, "PAYMENT.AUTHORIZATION.CREATED"))
    assert event.result is not None
    assert (event.key, event.result.kind) == ("k1", OperationKind.AUTHORIZE)
    handle = merged(handle, held)
    taken = till.ask(Capture("k2", Money(2000, "USD"), handle))
    assert (taken.outcome, taken.kind) == (Outcome.SUCCEEDED, OperationKind.CAPTURE)
    event = till.opened(heard(receiver, "PAYMENT.CAPTURE.COMPLETED"))
    assert event.result is not None
    assert (event.key, event.result.reference) == ("k2", taken.reference)
    lost = till.ask(Lookup("k2", OperationKind.CAPTURE, parent=handle))
    assert (lost.outcome, lost.reference) == (Outcome.SUCCEEDED, taken.reference)
    assert till.look(handle, OperationKind.AUTHORIZE).outcome is Outcome.SUCCEEDED
    back = till.ask(Refund("k4", Money(500, "USD"), Handle(taken.reference, taken.ids)))
    assert back.outcome is Outcome.SUCCEEDED
    assert (truth(sandbox)["captured"], truth(sandbox)["refunded"]) == ("20.00", "5.00")


def test_a_reservation_that_is_released(
    sandbox: SandboxProcess, till: Till, receiver: Receiver
) -> None:
    handle = till.page(OperationKind.AUTHORIZE)
    act(sandbox, handle.reference, "approve")
    handle = merged(handle, till.look(handle, OperationKind.AUTHORIZE))
    handle = merged(handle, till.ask(Capture("k1", USD25, handle)))
    lookup = Lookup("k3", OperationKind.VOID, parent=handle)
    assert till.ask(lookup).outcome is Outcome.NOT_SENT
    assert till.ask(Void("k3", USD25, handle)).outcome is Outcome.SUCCEEDED
    assert till.ask(Void("k3", USD25, handle)).outcome is Outcome.SUCCEEDED
    assert till.ask(lookup).outcome is Outcome.SUCCEEDED
    event = till.opened(heard(receiver, "PAYMENT.AUTHORIZATION.VOIDED"))
    assert event.result is not None
    assert event.result.takes_back
    assert truth(sandbox)["status"] == "cancelled"


@pytest.mark.parametrize(
    ("verb", "outcome", "code"),
    [
        ("decline", Outcome.DECLINED, FailureCode.CARD_DECLINED),
        ("insufficient_funds", Outcome.DECLINED, FailureCode.INSUFFICIENT_FUNDS),
        ("pending", Outcome.PENDING, None),
    ],
)
def test_every_ending_is_told_apart(
    sandbox: SandboxProcess, till: Till, verb: str, outcome: Outcome, code: FailureCode | None
) -> None:
    handle = till.page()
    act(sandbox, handle.reference, verb)
    result = till.ask(Capture("k1", USD25, handle))
    assert result.outcome is outcome
    assert (result.failure.code if result.failure else None) is code
    assert till.look(handle).outcome is outcome


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        ("authentication_failed", FailureCode.AUTHENTICATION_FAILED),
        ("instrument_declined", FailureCode.CARD_DECLINED),
    ],
)
def test_a_refused_card_opens_the_page_again(
    sandbox: SandboxProcess, till: Till, verb: str, code: FailureCode
) -> None:
    handle = till.page()
    act(sandbox, handle.reference, verb)
    result = till.ask(Capture("k1", USD25, handle))
    assert result.outcome is Outcome.PENDING
    assert result.failure is not None
    assert result.failure.code is code
    assert till.look(handle).outcome is Outcome.ACTION_REQUIRED


def test_what_never_reached_paypal_is_not_found(sandbox: SandboxProcess, till: Till) -> None:
    assert till.look(Handle()).outcome is Outcome.NOT_SENT
    handle = till.page()
    act(sandbox, handle.reference, "expire")
    assert till.look(handle).outcome is Outcome.NOT_SENT


@pytest.mark.parametrize(
    ("verb", "standing"),
    [("dispute_won", DisputeStatus.WON), ("dispute_lost", DisputeStatus.LOST)],
)
def test_a_dispute_is_opened_and_ruled(
    sandbox: SandboxProcess,
    shop: Shop,
    till: Till,
    receiver: Receiver,
    verb: str,
    standing: DisputeStatus,
) -> None:
    ref, capture = captured(sandbox, shop)
    act(sandbox, ref, "dispute")
    opened = till.opened(heard(receiver, "CUSTOMER.DISPUTE.CREATED"))
    assert (opened.key, opened.references) == ("k1", (capture,))
    assert opened.dispute is not None
    assert (opened.dispute.status, opened.dispute.money) == (DisputeStatus.OPEN, USD25)
    refusal = shop.post(f"/v2/payments/captures/{capture}/refund")
    assert_refused(refusal, 422, "TRANSACTION_DISPUTED")
    act(sandbox, ref, verb)
    ruled = till.opened(heard(receiver, "CUSTOMER.DISPUTE.RESOLVED"))
    assert ruled.dispute is not None
    assert ruled.dispute.status is standing
    assert ruled.dispute.reference == opened.dispute.reference
    order = DisputeLookup(ruled.dispute.reference, "k1", Handle(), USD25)
    question = till.gateway.dispute_request(order, till.token)
    assert question is not None
    assert till.gateway.dispute_of(order, till.send(question)) == ruled.dispute
    assert shop.get("/v1/customer/disputes/PP-D-NOBODY").status_code == 404


def test_a_refund_made_by_hand_bears_the_charges_key(
    sandbox: SandboxProcess, shop: Shop, till: Till, receiver: Receiver
) -> None:
    ref, capture = captured(sandbox, shop)
    assert act(sandbox, ref, "refund")["refunded"] == "25.00"
    event = till.opened(heard(receiver, "PAYMENT.CAPTURE.REFUNDED"))
    assert event.result is not None
    assert (event.key, event.result.parent_reference) == ("k1", capture)


@pytest.mark.parametrize("seed", range(4))
def test_no_forgery_is_believed(
    sandbox: SandboxProcess, till: Till, receiver: Receiver, seed: int
) -> None:
    sandbox.put({"seed": seed, "webhooks": {"forge_rate": 1}}, "paypal")
    act(sandbox, till.page().reference, "approve")
    wait_until(lambda: len(receiver.heard) >= 2)
    bodies = {n["body"]: n["forged"] for n in sandbox.notices("paypal")}
    for found in receiver.heard:
        if bodies[found.body.decode()]:
            with pytest.raises(SignatureInvalid):
                till.opened(found)
        else:
            assert till.opened(found).key == "k1"


def test_faults_spoil_the_api_but_neither_log_in_nor_page(
    sandbox: SandboxProcess, till: Till, shop: Shop
) -> None:
    handle = till.page()
    sandbox.put({"mode": "error"}, "paypal")
    assert till.look(handle).outcome is Outcome.UNKNOWN
    assert Shop(till.gateway.base).token
    page = f"{till.gateway.base}/checkoutnow?token={handle.reference}"
    assert requests.get(page, timeout=30).status_code == 200


def test_what_was_done_without_an_answer_is_found_by_the_same_request(
    sandbox: SandboxProcess, till: Till
) -> None:
    handle = till.page()
    act(sandbox, handle.reference, "approve")
    sandbox.put({"mode": "timeout_after_commit"}, "paypal")
    request = till.gateway.request_for(Capture("k1", USD25, handle), till.token)
    with pytest.raises(requests.RequestException):
        requests.post(request.url, data=request.body, headers=dict(request.headers), timeout=0.5)
    sandbox.put({"mode": "up"}, "paypal")
    wait_until(lambda: truth(sandbox)["status"] == "captured")
    assert till.ask(Capture("k1", USD25, handle)).outcome is Outcome.SUCCEEDED
    assert truth(sandbox)["captured"] == "25.00"
