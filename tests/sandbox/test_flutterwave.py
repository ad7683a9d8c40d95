"""Flutterwave as the sandbox plays it: pages, refunds, chargebacks, and its news."""

import itertools
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from tests.sandbox.merchant import Heard, Receiver, form_in, wait_until
from tests.sandbox.process import FLUTTERWAVE_KEY, FLUTTERWAVE_SECRET, SandboxProcess

_numbers = itertools.count(1)
BACK = "http://127.0.0.1:9/return?s=abc"


class Merchant:
    """Speaks Flutterwave's API; a page is known by its `tx_ref` until somebody pays."""

    def __init__(self, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self.base = sandbox.provider_url("flutterwave")

    def call(self, method: str, path: str, body: Any = None, key: str = FLUTTERWAVE_KEY) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return requests.request(
            method, f"{self.base}/v3{path}", json=body, headers=headers, timeout=30
        )

    def asked(self, **changes: Any) -> requests.Response:
        usual = {
            "tx_ref": f"order-{next(_numbers)}",
            "amount": 2500,
            "currency": "NGN",
            "redirect_url": BACK,
            "customer": {"email": "payer@example.test", "name": "Sample Payer"},
            "customizations": {"title": "Shoes"},
        }
        answer: requests.Response = self.call("POST", "/payments", usual | changes)
        return answer

    def page(self, **changes: Any) -> tuple[str, str]:
        changes.setdefault("tx_ref", f"order-{next(_numbers)}")
        response = self.asked(**changes)
        assert response.status_code == 200, response.text
        return changes["tx_ref"], response.json()["data"]["link"]

    def paid(self, **changes: Any) -> dict[str, Any]:
        tx_ref, _ = self.page(**changes)
        self.act(tx_ref, "approve")
        return self.found(tx_ref)[0]

    def act(self, tx_ref: str, verb: str) -> dict[str, str]:
        return self.sandbox.act(tx_ref, verb, "flutterwave")

    def choose(self, link: str, choice: str) -> requests.Response:
        return requests.post(link, data={"choice": choice}, timeout=30, allow_redirects=False)

    def found(self, tx_ref: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.call("GET", f"/transactions?tx_ref={tx_ref}").json()[
            "data"
        ]
        return listed

    def refund(self, number: Any, **facts: Any) -> requests.Response:
        answer: requests.Response = self.call("POST", f"/transactions/{number}/refund", facts)
        return answer

    def truth(self) -> dict[str, str]:
        return self.sandbox.truth("flutterwave")[-1]


@pytest.fixture
def shop(sandbox: SandboxProcess, receiver: Receiver) -> Merchant:
    return Merchant(sandbox)


def told(receiver: Receiver, reference: str, count: int) -> list[Heard]:
    return wait_until(lambda: (h := receiver.of(reference, "/flutterwave"))[count - 1 :] and h)


def header(heard: Heard, name: str) -> str | None:
    return {key.lower(): value for key, value in heard.headers.items()}.get(name)


def test_a_page_says_what_is_paid_and_offers_the_endings(shop: Merchant) -> None:
    html = requests.get(shop.page()[1], timeout=30).text
    assert "2500.00 NGN" in html
    assert "Shoes" in html
    assert form_in(html).buttons[0] == "approve"


@pytest.mark.parametrize("choice", ["approve", "3ds"])
def test_a_success_is_known_told_and_carried_back(
    shop: Merchant, receiver: Receiver, choice: str
) -> None:
    tx_ref, link = shop.page()
    assert shop.found(tx_ref) == []
    answer = shop.choose(link, choice)
    found = shop.found(tx_ref)[0]
    said = (found["status"], found["processor_response"])
    assert said == ("successful", "Approved by Financial Institution")
    assert shop.truth()["status"] == "captured"
    fields = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    known = {"tx_ref": tx_ref, "transaction_id": str(found["id"])}
    assert fields == {"s": "abc", "status": "successful", **known}
    news = told(receiver, tx_ref, 1)[0].news
    assert (news["event"], news["data"]) == ("charge.completed", found)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("decline", "Declined by Financial Institution"),
        ("insufficient_funds", "Insufficient Funds"),
        ("authentication_failed", "3DS authentication failed"),
    ],
)
def test_a_refusal_is_told_and_the_page_takes_another_card(
    shop: Merchant, receiver: Receiver, choice: str, said: str
) -> None:
    tx_ref, link = shop.page()
    assert said in shop.choose(link, choice).text
    found = shop.found(tx_ref)
    assert [(each["status"], each["processor_response"]) for each in found] == [("failed", said)]
    assert shop.truth()["status"] == "pending"
    news = told(receiver, tx_ref, 1)[0].news
    assert (news["event"], news["data"]) == ("charge.completed", found[0])
    shop.choose(link, "approve")
    assert [each["status"] for each in shop.found(tx_ref)] == ["successful", "failed"]
    assert shop.truth()["captured"] == "2500.00"


def test_one_who_cancels_goes_back_without_a_transaction_and_nothing_is_told(
    shop: Merchant, sandbox: SandboxProcess
) -> None:
    tx_ref, link = shop.page()
    fields = dict(parse_qsl(urlsplit(shop.choose(link, "cancel").headers["Location"]).query))
    assert fields == {"s": "abc", "status": "cancelled", "tx_ref": tx_ref}
    assert shop.found(tx_ref) == []
    assert shop.truth()["status"] == "cancelled"
    assert sandbox.notices("flutterwave") == []


def test_an_abandoned_page_can_still_be_paid(shop: Merchant) -> None:
    _, link = shop.page()
    assert "You left the page" in shop.choose(link, "abandon").text
    shop.choose(link, "approve")
    assert "already paid" in shop.choose(link, "decline").text
    assert shop.truth()["status"] == "captured"


def test_a_payer_bears_the_fee(shop: Merchant) -> None:
    found = shop.paid()
    assert (found["amount"], found["charged_amount"]) == (2500, 2535)


@pytest.mark.parametrize(
    ("currency", "amount", "told_as", "truth"),
    [("USD", 19.99, 19.99, "19.99"), ("UGX", "1500", 1500, "1500"), ("NGN", 7, 7, "7.00")],
)
def test_an_amount_is_in_major_units(
    shop: Merchant, currency: str, amount: Any, told_as: Any, truth: str
) -> None:
    assert shop.paid(currency=currency, amount=amount)["amount"] == told_as
    assert shop.truth()["captured"] == truth


@pytest.mark.parametrize(
    "changes",
    [
        {"tx_ref": ""},
        {"redirect_url": ""},
        {"redirect_url": "javascript:alert(1)"},
        {"customer": {}},
        {"customer": "x"},
        {"currency": "AED"},
        {"amount": 0},
        {"amount": "a lot"},
        {"amount": True},
        {"amount": None},
        {"amount": 10.555},
        {"amount": 10.5, "currency": "UGX"},
    ],
)
def test_what_cannot_be_charged_is_refused(shop: Merchant, changes: dict[str, Any]) -> None:
    response = shop.asked(**changes)
    assert response.status_code == 400
    assert response.json()["status"] == "error"


def test_a_stranger_and_an_unknown_transaction_are_refused(shop: Merchant) -> None:
    assert shop.call("GET", "/transactions", key="FLWSECK-other").status_code == 401
    for path in ("/transactions/7/verify", "/transactions/verify_by_reference?tx_ref=nobody"):
        unknown = shop.call("GET", path)
        assert unknown.status_code == 400
        assert unknown.json()["message"] == "No transaction was found for this id"


def test_a_transaction_is_found_by_number_by_reference_and_in_a_list(shop: Merchant) -> None:
    found = shop.paid()
    by_number = shop.call("GET", f"/transactions/{found['id']}/verify").json()
    named = f"/transactions/verify_by_reference?tx_ref={found['tx_ref']}"
    assert by_number["data"] == shop.call("GET", named).json()["data"] == found
    listed = shop.call("GET", "/transactions?status=successful").json()
    assert listed["meta"]["page_info"] == {"total": 1, "current_page": 1, "total_pages": 1}


def test_a_page_may_be_paid_twice_and_a_reference_used_twice(shop: Merchant) -> None:
    found = shop.paid()
    assert shop.act(found["tx_ref"], "pay_again")["captured"] == "5000.00"
    assert len(shop.found(found["tx_ref"])) == 2
    assert shop.asked(tx_ref=found["tx_ref"]).status_code == 200
    assert shop.truth()["transaction_ref"] == f"{found['tx_ref']}-2"


def test_refunds_may_be_several_and_never_more_than_was_paid(
    shop: Merchant, receiver: Receiver
) -> None:
    found = shop.paid()
    first = shop.refund(found["id"], amount=1000.5, comments="#r1").json()["data"]
    assert (first["status"], first["amount_refunded"]) == ("completed", 1000.5)
    assert shop.refund(found["id"], amount=1499.51).status_code == 400
    assert shop.truth()["status"] == "partially_refunded"
    assert shop.refund(found["id"]).json()["data"]["amount_refunded"] == 1499.5
    assert (shop.truth()["status"], shop.truth()["refunded"]) == ("refunded", "2500.00")
    assert shop.refund(found["id"], amount=1).status_code == 400
    assert shop.call("GET", f"/refunds/{first['id']}").json()["data"] == first
    listed = shop.call("GET", "/refunds").json()["data"]
    assert [each["comments"] for each in listed] == ["", "#r1"]
    heard = wait_until(lambda: receiver.of("refund.completed", "/flutterwave")[1:])
    assert heard


def test_only_what_was_paid_is_refunded_and_by_its_number_only(shop: Merchant) -> None:
    tx_ref, link = shop.page()
    shop.choose(link, "decline")
    assert shop.refund(shop.found(tx_ref)[0]["id"]).status_code == 400
    assert shop.refund(1).status_code == 400
    assert shop.refund(shop.paid()["tx_ref"]).status_code == 404


@pytest.mark.parametrize(("verb", "word"), [("dispute_won", "won"), ("dispute_lost", "lost")])
def test_a_chargeback_is_told_by_its_own_reference_and_listed_in_full(
    shop: Merchant, receiver: Receiver, verb: str, word: str
) -> None:
    found = shop.paid()
    shop.act(found["tx_ref"], "dispute")
    shop.act(found["tx_ref"], verb)
    heard = wait_until(lambda: receiver.of("chargeback.", "/flutterwave")[1:])
    assert heard
    for each in receiver.of("chargeback.", "/flutterwave"):
        assert header(each, "verif-hash") == FLUTTERWAVE_SECRET
        assert each.news["data"]["flw_ref"] == found["flw_ref"]
        assert "tx_ref" not in each.news["data"]
    events = {each.news["event"] for each in receiver.of("chargeback.", "/flutterwave")}
    assert events == {"chargeback.initiated", f"chargeback.{word}"}
    (listed,) = shop.call("GET", f"/chargebacks?flw_ref={found['flw_ref']}").json()["data"]
    told_of = (listed["status"], listed["tx_ref"], listed["transaction_id"])
    assert told_of == (word, found["tx_ref"], found["id"])
    assert shop.call("GET", "/chargebacks?flw_ref=FLW-OTHER").json()["data"] == []


def test_what_cannot_be_done_is_refused_at_the_control_panel(shop: Merchant) -> None:
    tx_ref, _ = shop.page()
    for verb in ("dispute", "dispute_won", "pay_again"):
        with pytest.raises(AssertionError, match="409"):
            shop.act(tx_ref, verb)


def test_news_bears_the_word_and_is_told_again_a_few_times(
    shop: Merchant, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    receiver.answers = lambda _: 500
    heard = told(receiver, shop.paid()["tx_ref"], 3)
    assert {header(each, "verif-hash") for each in heard} == {FLUTTERWAVE_SECRET}
    wait_until(lambda: sandbox.notices("flutterwave")[0]["status"] == "failed")
    assert sandbox.notices("flutterwave")[0]["attempts"] == 3


def test_a_forgery_is_recognisable(
    shop: Merchant, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.put({"webhooks": {"forge_rate": 1}}, "flutterwave")
    heard = told(receiver, shop.paid()["tx_ref"], 2)
    assert sorted(header(each, "verif-hash") == FLUTTERWAVE_SECRET for each in heard) == [
        False,
        True,
    ]


def test_the_faults_reach_the_api_and_leave_the_page_alone(
    shop: Merchant, sandbox: SandboxProcess
) -> None:
    _, link = shop.page()
    sandbox.put({"mode": "error"}, "flutterwave")
    for path in ("/transactions", "/refunds/7", "/transactions/7/verify"):
        assert shop.call("GET", path).status_code == 500
    assert requests.get(link, timeout=30).ok
