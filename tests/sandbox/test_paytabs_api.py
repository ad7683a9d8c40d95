"""PayTabs' API as the sandbox plays it: pages, queries, refusals."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.merchant import Merchant, assert_refused, paid
from tests.sandbox.process import PROFILE_ID, SERVER_KEY, SandboxProcess


def test_a_page_is_opened_and_echoes_what_was_asked(merchant: Merchant) -> None:
    answer = merchant.page(cart_id="order-2001", cart_amount=12.3)
    assert answer["tran_ref"].startswith("TST")
    assert answer["redirect_url"].startswith(merchant.base)
    assert answer["tran_type"] == "Sale"
    assert answer["cart_id"] == "order-2001"
    assert answer["cart_amount"] == answer["tran_total"] == "12.30"
    assert answer["callback"] == f"{merchant.hears_at}/callback"
    assert answer["profileId"] == PROFILE_ID
    assert answer["trace"]
    assert "payment_result" not in answer
    assert "code" not in answer


@pytest.mark.parametrize(
    ("currency", "asked", "answered"),
    [("AED", 100, "100.00"), ("KWD", 3.125, "3.125"), ("JPY", 1200, "1200"), ("OMR", 1, "1.000")],
)
def test_amounts_are_numbers_in_and_texts_out(
    merchant: Merchant, currency: str, asked: float, answered: str
) -> None:
    page = merchant.page(cart_currency=currency, cart_amount=asked)
    assert page["cart_amount"] == answered


def test_a_page_in_the_control_list_is_pending(sandbox: SandboxProcess, merchant: Merchant) -> None:
    page = merchant.page(cart_id="order-7")
    assert sandbox.truth() == [
        {
            "transaction_ref": page["tran_ref"],
            "reference": "order-7",
            "amount": "100.00",
            "currency": "AED",
            "status": "pending",
            "captured": "0.00",
            "released": "0.00",
            "refunded": "0.00",
        }
    ]


@pytest.mark.parametrize("key", ["", "wrong", f"Bearer {SERVER_KEY}", SERVER_KEY.lower()])
def test_a_wrong_key_is_not_let_in(merchant: Merchant, key: str) -> None:
    body = merchant.page_request()
    assert_refused(merchant.post("/payment/request", body, Authorization=key), 401, 1)


def test_a_wrong_profile_is_not_let_in(merchant: Merchant) -> None:
    assert_refused(merchant.request(profile_id=PROFILE_ID + 1), 401, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"profile_id": str(PROFILE_ID)},
        {"profile_id": None},
        {"tran_type": "payout"},
        {"tran_type": None},
        {"tran_type": ["sale"]},
        {"tran_class": "shop"},
        {"cart_id": ""},
        {"cart_id": "x" * 65},
        {"cart_id": 7},
        {"cart_description": None},
        {"cart_description": "x" * 129},
        {"cart_amount": "100.00"},
        {"cart_amount": True},
        {"cart_amount": None},
        {"cart_amount": 0},
        {"cart_amount": -5},
        {"cart_amount": 0.005},
        {"cart_amount": 1.005},
        {"cart_amount": 12.5, "cart_currency": "JPY"},
        {"cart_amount": 10**30},
        {"callback": "ftp://example.test/"},
        {"return": "javascript:alert(1)"},
    ],
)
def test_an_invalid_request_is_refused_and_leaves_nothing(
    sandbox: SandboxProcess, merchant: Merchant, changes: dict[str, Any]
) -> None:
    assert_refused(merchant.request(**changes), 400, 2)
    assert sandbox.truth() == []


@pytest.mark.parametrize("currency", ["ZZZ", "aed", "", None, 784])
def test_a_currency_that_is_none_has_its_own_code(merchant: Merchant, currency: Any) -> None:
    assert_refused(merchant.request(cart_currency=currency), 400, 206)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"cart_amount": NaN}', b"\xff", b"[" * 9999])
def test_what_is_no_json_object_is_refused(merchant: Merchant, body: bytes) -> None:
    url, key = f"{merchant.base}/payment/request", {"Authorization": SERVER_KEY}
    assert_refused(requests.post(url, data=body, headers=key, timeout=30), 400, 2)


def test_only_post_is_understood(merchant: Merchant) -> None:
    response = requests.get(f"{merchant.base}/payment/query", timeout=30)
    assert_refused(response, 405, 2)


def test_an_identical_request_is_refused_and_opens_no_second_page(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    asked = merchant.page_request()
    assert merchant.post("/payment/request", asked).status_code == 200
    repeated = merchant.post("/payment/request", asked | {"cart_description": "Another text"})
    assert_refused(repeated, 409, 4)
    assert repeated.json()["message"] == "Duplicate Request"
    assert len(sandbox.truth()) == 1


@pytest.mark.parametrize(
    "change", [{"cart_id": "other"}, {"cart_amount": 101}, {"cart_currency": "USD"}]
)
def test_a_request_that_differs_is_no_duplicate(merchant: Merchant, change: dict[str, Any]) -> None:
    asked = merchant.page_request()
    merchant.post("/payment/request", asked)
    assert merchant.post("/payment/request", asked | change).status_code == 200


def test_a_refused_request_may_be_repeated(merchant: Merchant) -> None:
    asked = merchant.page_request(cart_description="")
    merchant.post("/payment/request", asked)
    assert merchant.post("/payment/request", asked | {"cart_description": "Now"}).ok


def test_of_identical_requests_at_once_one_gets_through(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    asked = merchant.page_request()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: merchant.post("/payment/request", asked), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert len(sandbox.truth()) == 1


def test_after_the_window_the_same_request_is_a_new_page(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path, SANDBOX_DUPLICATE_WINDOW="0") as sandbox:
        merchant = Merchant(sandbox.provider_url("paytabs"))
        asked = merchant.page_request()
        refs = {merchant.post("/payment/request", asked).json()["tran_ref"] for _ in range(2)}
        assert len(refs) == 2
        found = merchant.query(cart_id=asked["cart_id"]).json()
        assert {entry["tran_ref"] for entry in found} == refs


def test_a_query_by_reference_answers_an_object(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    ref = paid(sandbox, merchant, cart_amount=100)
    answer = merchant.query(tran_ref=ref).json()
    assert answer["tran_ref"] == ref
    assert answer["tran_type"] == "Sale"
    assert answer["tran_class"] == "ECom"
    assert answer["tran_total"] == "100.00"
    assert answer["payment_result"]["response_status"] == "A"
    assert answer["payment_result"]["response_code"].startswith("G")
    assert answer["payment_result"]["transaction_time"].endswith("Z")
    assert answer["payment_info"]["card_scheme"] == "Visa"


def test_a_query_by_cart_answers_an_array_with_follow_ups(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    ref = paid(sandbox, merchant, cart_id="order-9")
    merchant.follow_up("refund", ref, 10, cart_id="order-9")
    entries = merchant.query(cart_id="order-9").json()
    assert [entry["tran_type"] for entry in entries] == ["Sale", "Refund"]
    assert entries[1]["previous_tran_ref"] == entries[0]["tran_ref"] == ref


def test_a_page_not_yet_paid_has_no_result(merchant: Merchant) -> None:
    page = merchant.page()
    assert "payment_result" not in merchant.query(tran_ref=page["tran_ref"]).json()
    assert "payment_result" not in merchant.query(cart_id=page["cart_id"]).json()[0]


def test_a_query_wants_exactly_one_of_both(merchant: Merchant) -> None:
    assert_refused(merchant.query(tran_ref="TST1", cart_id="order-1"), 400, 2)
    assert_refused(merchant.query(), 400, 2)


def test_what_was_never_heard_of_is_not_found(merchant: Merchant) -> None:
    assert_refused(merchant.query(tran_ref="TST0000000000000"), 404, 2)
    assert merchant.query(cart_id="nobody").json() == []
