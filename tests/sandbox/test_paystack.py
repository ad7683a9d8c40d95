"""Paystack as the sandbox plays it: pages, reservations, refunds, disputes, and its news."""

import hmac
import itertools
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tests.sandbox.merchant import Heard, Receiver, form_in, wait_until
from tests.sandbox.process import PAYSTACK_KEY, SandboxProcess

_numbers = itertools.count(1)
BACK = "http://127.0.0.1:9/return?s=abc"


class Merchant:
    """Speaks Paystack's API."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.base = sandbox.provider_url("paystack")

    def call(self, method: str, path: str, body: Any = None, key: str = PAYSTACK_KEY) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return requests.request(method, self.base + path, json=body, headers=headers, timeout=30)

    def asked(self, kind: str = "transaction", **changes: Any) -> requests.Response:
        usual = {
            "email": "payer@example.test",
            "amount": 10000,
            "currency": "ZAR",
            "reference": f"order-{next(_numbers)}",
            "callback_url": BACK,
            "metadata": {"description": "Shoes", "cancel_action": "http://127.0.0.1:9/cancelled"},
        }
        answer: requests.Response = self.call("POST", f"/{kind}/initialize", usual | changes)
        return answer

    def page(self, kind: str = "transaction", **changes: Any) -> dict[str, Any]:
        response = self.asked(kind, **changes)
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    def paid(self, kind: str = "transaction", **changes: Any) -> str:
        reference: str = self.page(kind, **changes)["reference"]
        self.act(reference, "approve")
        return reference

    def act(self, reference: str, verb: str) -> dict[str, str]:
        return self.sandbox.act(reference, verb, "paystack")

    def choose(self, page: dict[str, Any], choice: str) -> requests.Response:
        url = page["authorization_url"]
        return requests.post(url, data={"choice": choice}, timeout=30, allow_redirects=False)

    def verify(self, reference: str) -> dict[str, Any]:
        data: dict[str, Any] = self.call("GET", f"/transaction/verify/{reference}").json()["data"]
        return data

    def truth(self) -> dict[str, str]:
        return self.sandbox.truth("paystack")[-1]


@pytest.fixture
def shop(sandbox: SandboxProcess, receiver: Receiver) -> Merchant:
    return Merchant(sandbox)


def told(receiver: Receiver, reference: str, count: int) -> list[Heard]:
    return wait_until(lambda: (h := receiver.of(reference, "/paystack"))[count - 1 :] and h)


def is_authentic(heard: Heard) -> bool:
    wanted = hmac.new(PAYSTACK_KEY.encode(), heard.body, "sha512").hexdigest()
    headers = {name.lower(): value for name, value in heard.headers.items()}
    return headers["x-paystack-signature"] == wanted


def test_a_page_says_what_is_paid_and_offers_the_endings(shop: Merchant) -> None:
    html = requests.get(shop.page()["authorization_url"], timeout=30).text
    assert "100.00 ZAR" in html
    assert "Shoes" in html
    assert form_in(html).buttons[0] == "approve"


@pytest.mark.parametrize(
    ("choice", "status", "said", "truth"),
    [
        ("approve", "success", "Approved", "captured"),
        ("3ds", "success", "Approved", "captured"),
        ("cancel", "abandoned", "The transaction was not completed", "cancelled"),
    ],
)
def test_every_ending_is_known(
    shop: Merchant, choice: str, status: str, said: str, truth: str
) -> None:
    page = shop.page()
    answer = shop.choose(page, choice)
    assert answer.status_code == 302
    found = shop.verify(page["reference"])
    assert (found["status"], found["gateway_response"]) == (status, said)
    assert shop.truth()["status"] == truth
    target = urlsplit(answer.headers["Location"])
    if choice == "cancel":
        assert target.path == "/cancelled"
    else:
        fields = dict(parse_qsl(target.query))
        assert fields == {"s": "abc", "trxref": page["reference"], "reference": page["reference"]}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("decline", "Declined"),
        ("insufficient_funds", "Insufficient Funds"),
        ("authentication_failed", "3D Secure authentication failed"),
    ],
)
def test_a_refusal_is_known_and_the_page_takes_another_card(
    shop: Merchant, choice: str, said: str
) -> None:
    page = shop.page()
    assert said in shop.choose(page, choice).text
    found = shop.verify(page["reference"])
    assert (found["status"], found["gateway_response"]) == ("failed", said)
    assert shop.truth()["status"] == "pending"
    shop.choose(page, "approve")
    assert shop.verify(page["reference"])["status"] == "success"
    assert shop.truth()["captured"] == "100.00"


def test_only_a_success_is_told_and_signed(
    shop: Merchant, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    failed = shop.page()["reference"]
    shop.act(failed, "decline")
    assert sandbox.notices("paystack") == []
    reference = shop.paid()
    heard = told(receiver, reference, 1)[0]
    assert is_authentic(heard)
    assert heard.news["event"] == "charge.success"
    assert heard.news["data"] == shop.verify(reference)


def test_an_abandoned_page_can_still_be_paid(shop: Merchant) -> None:
    page = shop.page()
    assert "You left the page" in shop.choose(page, "abandon").text
    assert shop.verify(page["reference"])["status"] == "abandoned"
    shop.choose(page, "approve")
    assert "already paid" in shop.choose(page, "decline").text
    assert shop.truth()["status"] == "captured"


def test_a_payer_who_bears_the_fee_pays_more_than_was_asked(shop: Merchant) -> None:
    reference = shop.page()["reference"]
    shop.act(reference, "approve_with_fee")
    found = shop.verify(reference)
    assert (found["requested_amount"], found["amount"]) == (10000, 10150)


@pytest.mark.parametrize(
    ("currency", "amount", "truth"), [("XOF", 100000, "1000"), ("NGN", "10050", "100.50")]
)
def test_an_amount_is_in_hundredths_whatever_the_currency(
    shop: Merchant, currency: str, amount: Any, truth: str
) -> None:
    reference = shop.paid(currency=currency, amount=amount)
    assert shop.truth()["captured"] == truth
    assert shop.verify(reference)["amount"] == int(amount)


@pytest.mark.parametrize(
    "changes",
    [
        {"email": ""},
        {"amount": 0},
        {"amount": 10.5},
        {"amount": True},
        {"amount": None},
        {"amount": 10050, "currency": "XOF"},
        {"currency": "AED"},
        {"reference": "not this/one"},
        {"reference": 7},
        {"callback_url": "javascript:alert(1)"},
    ],
)
def test_what_cannot_be_charged_is_refused(shop: Merchant, changes: dict[str, Any]) -> None:
    response = shop.asked(**changes)
    assert response.status_code == 400
    assert response.json()["status"] is False
    assert response.json()["type"] == "validation_error"


def test_a_reference_is_taken_once(shop: Merchant) -> None:
    response = shop.asked(reference=shop.page()["reference"])
    assert response.status_code == 400
    assert response.json()["message"] == "Duplicate Transaction Reference"


def test_a_stranger_and_an_unknown_reference_are_refused(shop: Merchant) -> None:
    assert shop.call("GET", "/transaction/verify/x", key="sk_test_other").status_code == 401
    unknown = shop.call("GET", "/transaction/verify/nobody")
    assert (unknown.status_code, unknown.json()["code"]) == (400, "transaction_not_found")
    assert shop.call("GET", "/preauthorization/nobody").json()["code"] == "not_found"
    assert shop.call("DELETE", "/refund").status_code == 405


def test_a_reservation_is_captured_once_in_part_and_the_rest_is_released(
    shop: Merchant, receiver: Receiver
) -> None:
    reference = shop.paid("preauthorization")
    assert shop.truth()["status"] == "authorized"
    assert shop.call("GET", f"/preauthorization/{reference}").json()["data"]["status"] == (
        "authorized"
    )
    body = {"reference": reference, "currency": "ZAR", "amount": 10001}
    assert shop.call("POST", "/preauthorization/capture", body).status_code == 400
    answer = shop.call("POST", "/preauthorization/capture", body | {"amount": "4000"}).json()
    assert (answer["data"]["status"], answer["data"]["channel"]) == ("success", "preauth")
    assert shop.call("POST", "/preauthorization/capture", body | {"amount": 1}).status_code == 400
    found = shop.call("GET", f"/preauthorization/{reference}").json()["data"]
    assert (found["status"], found["captured_amount"]) == ("captured", "4000")
    assert found["transaction_id"] == str(answer["data"]["id"])
    assert (shop.truth()["captured"], shop.truth()["status"]) == ("40.00", "captured")
    events = {heard.news["event"] for heard in told(receiver, reference, 2)}
    assert events == {"preauthorization.reserve.success", "preauthorization.capture.success"}


def test_a_reservation_is_released(shop: Merchant, receiver: Receiver) -> None:
    reference = shop.paid("preauthorization")
    released = shop.call("POST", "/preauthorization/release", {"reference": reference}).json()
    assert released["data"]["status"] == "released"
    assert shop.truth()["status"] == "cancelled"
    assert shop.call("POST", "/preauthorization/release", {"reference": reference}).status_code == (
        400
    )
    events = {heard.news["event"] for heard in told(receiver, reference, 2)}
    assert "preauthorization.release.success" in events


def test_money_is_reserved_in_rand_only(shop: Merchant) -> None:
    assert shop.asked("preauthorization", currency="NGN").status_code == 400


def refunded(shop: Merchant, transaction: Any, **facts: Any) -> requests.Response:
    body = {"transaction": transaction} | facts
    answer: requests.Response = shop.call("POST", "/refund", body)
    return answer


def test_refunds_may_be_several_and_never_more_than_was_paid(
    shop: Merchant, receiver: Receiver
) -> None:
    reference = shop.paid()
    number = shop.verify(reference)["id"]
    first = refunded(shop, number, amount=3000, merchant_note="#r1 returned").json()["data"]
    assert (first["status"], first["amount"]) == ("pending", 3000)
    assert refunded(shop, reference, amount=7001).status_code == 400
    assert shop.truth()["status"] == "partially_refunded"
    assert shop.verify(reference)["status"] == "success"
    assert refunded(shop, reference).json()["data"]["amount"] == 7000
    assert (shop.truth()["status"], shop.truth()["refunded"]) == ("refunded", "100.00")
    assert shop.verify(reference)["status"] == "reversed"
    assert refunded(shop, reference).status_code == 400
    again = shop.call("GET", f"/refund/{first['id']}").json()["data"]
    assert (again["status"], again["merchant_note"]) == ("processed", "#r1 returned")
    listed = shop.call("GET", f"/refund?transaction={number}").json()["data"]
    assert [each["amount"] for each in listed] == [7000, 3000]
    heard = told(receiver, reference, 5)
    refunds = [each.news for each in heard if each.news["event"].startswith("refund.")]
    assert all("id" not in news["data"] for news in refunds)
    assert {news["data"]["amount"] for news in refunds} == {"3000", "7000"}


def test_a_captured_reservation_is_refunded_by_its_transaction(shop: Merchant) -> None:
    reference = shop.paid("preauthorization")
    body = {"reference": reference, "currency": "ZAR", "amount": 4000}
    number = shop.call("POST", "/preauthorization/capture", body).json()["data"]["id"]
    assert refunded(shop, str(number), amount=4001).status_code == 400
    assert refunded(shop, str(number), amount=1000).status_code == 200
    assert shop.truth()["refunded"] == "10.00"


def test_what_was_not_paid_is_not_refunded(shop: Merchant) -> None:
    for named in (shop.page()["reference"], "nobody", 1, None, "9" * 99):
        assert refunded(shop, named).status_code == 404


def test_a_refund_may_come_back(shop: Merchant, receiver: Receiver) -> None:
    reference = shop.paid()
    refunded(shop, reference, amount=3000)
    assert shop.act(reference, "refund_failed")["refunded"] == "0.00"
    assert shop.truth()["status"] == "captured"
    events = [heard.news["event"] for heard in told(receiver, reference, 4)]
    assert "refund.failed" in events


@pytest.mark.parametrize(
    ("verb", "resolution", "status"),
    [("dispute_won", "declined", "success"), ("dispute_lost", "merchant-accepted", "reversed")],
)
def test_a_dispute_is_opened_and_resolved(
    shop: Merchant, receiver: Receiver, verb: str, resolution: str, status: str
) -> None:
    reference = shop.paid()
    shop.act(reference, "dispute")
    shop.act(reference, verb)
    heard = {each.news["event"]: each.news["data"] for each in told(receiver, reference, 3)}
    opened, resolved = heard["charge.dispute.create"], heard["charge.dispute.resolve"]
    assert (opened["refund_amount"], opened["status"]) == (10000, "awaiting-merchant-feedback")
    assert opened["id"] == resolved["id"]
    assert (resolved["status"], resolved["resolution"]) == ("resolved", resolution)
    assert shop.verify(reference)["status"] == status


def test_what_cannot_be_done_is_refused_at_the_control_panel(shop: Merchant) -> None:
    reference = shop.page()["reference"]
    for verb in ("dispute", "dispute_won", "refund_failed"):
        with pytest.raises(AssertionError, match="409"):
            shop.act(reference, verb)


def test_news_is_told_again_until_it_is_heard(shop: Merchant, receiver: Receiver) -> None:
    receiver.answers = lambda _: 500 if len(receiver.heard) < 3 else 200
    heard = told(receiver, shop.paid(), 3)
    assert len({each.body for each in heard}) == 1
    assert all(is_authentic(each) for each in heard)


def test_a_forgery_is_recognisable(
    shop: Merchant, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.put({"webhooks": {"forge_rate": 1}}, "paystack")
    heard = told(receiver, shop.paid(), 2)
    assert sorted(is_authentic(each) for each in heard) == [False, True]


def test_the_faults_reach_the_api_and_leave_the_page_alone(
    shop: Merchant, sandbox: SandboxProcess
) -> None:
    page = shop.page()
    sandbox.put({"mode": "error"}, "paystack")
    for path in (f"/transaction/verify/{page['reference']}", "/refund", "/preauthorization/x"):
        assert shop.call("GET", path).status_code == 500
    assert requests.get(page["authorization_url"], timeout=30).ok
