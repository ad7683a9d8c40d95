"""Captures, voids, releases and refunds at PayTabs, and what the state forbids."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.merchant import Merchant, assert_refused, paid
from tests.sandbox.process import SandboxProcess


def truth_of(sandbox: SandboxProcess, ref: str) -> dict[str, str]:
    return next(each for each in sandbox.truth() if each["transaction_ref"] == ref)


def test_a_refund_in_parts_gives_back_no_more_than_was_paid(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    ref = paid(sandbox, merchant, cart_amount=100)
    first = merchant.follow_up("refund", ref, 30.5).json()
    assert first["tran_type"] == "Refund"
    assert first["tran_ref"] != ref
    assert first["previous_tran_ref"] == ref
    assert first["tran_total"] == "30.50"
    assert first["payment_result"]["response_status"] == "A"
    assert truth_of(sandbox, ref)["status"] == "partially_refunded"
    assert_refused(merchant.follow_up("refund", ref, 69.51), 400, 2)
    assert merchant.follow_up("refund", ref, 69.5).ok
    assert truth_of(sandbox, ref)["refunded"] == "100.00"
    assert truth_of(sandbox, ref)["status"] == "refunded"


def test_refunds_at_once_never_exceed_what_was_paid(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    ref = paid(sandbox, merchant, cart_amount=100)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: merchant.follow_up("refund", ref, 30), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [400] * 5
    assert truth_of(sandbox, ref)["refunded"] == "90.00"


def test_an_auth_is_captured_in_parts_and_the_rest_released(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    ref = paid(sandbox, merchant, tran_type="auth", cart_amount=100)
    assert truth_of(sandbox, ref)["status"] == "authorized"
    capture = merchant.follow_up("capture", ref, 60).json()
    assert capture["tran_type"] == "Capture"
    assert capture["previous_tran_ref"] == ref
    assert_refused(merchant.follow_up("capture", ref, 50), 400, 2)
    assert merchant.follow_up("release", ref, 40).json()["tran_type"] == "Release"
    assert_refused(merchant.follow_up("capture", ref, 1), 400, 2)
    assert truth_of(sandbox, ref)["captured"] == "60.00"
    assert truth_of(sandbox, ref)["status"] == "captured"


def test_an_auth_is_voided(sandbox: SandboxProcess, merchant: Merchant) -> None:
    ref = paid(sandbox, merchant, tran_type="auth", cart_amount=100)
    assert merchant.follow_up("void", ref, 100).json()["tran_type"] == "Void"
    assert truth_of(sandbox, ref)["status"] == "cancelled"


def test_a_capture_is_refunded_by_its_own_reference(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    ref = paid(sandbox, merchant, tran_type="auth", cart_amount=100)
    capture = merchant.follow_up("capture", ref, 100).json()["tran_ref"]
    assert_refused(merchant.follow_up("refund", ref, 10), 400, 2)
    refund = merchant.follow_up("refund", capture, 10).json()["tran_ref"]
    assert_refused(merchant.follow_up("refund", refund, 5), 400, 2)
    assert truth_of(sandbox, ref)["refunded"] == "10.00"


@pytest.mark.parametrize("kind", ["capture", "void", "release"])
def test_a_sale_holds_nothing_to_take_or_free(
    sandbox: SandboxProcess, merchant: Merchant, kind: str
) -> None:
    assert_refused(merchant.follow_up(kind, paid(sandbox, merchant), 10), 400, 2)


@pytest.mark.parametrize("verb", ["decline", "cancel", None])
@pytest.mark.parametrize(("tran_type", "kind"), [("sale", "refund"), ("auth", "capture")])
def test_what_was_not_paid_has_no_follow_up(
    sandbox: SandboxProcess, merchant: Merchant, verb: str | None, tran_type: str, kind: str
) -> None:
    ref = merchant.page(tran_type=tran_type)["tran_ref"]
    if verb:
        sandbox.act(ref, verb)
    assert_refused(merchant.follow_up(kind, ref, 10), 400, 2)


def test_a_follow_up_keeps_the_currency(sandbox: SandboxProcess, merchant: Merchant) -> None:
    ref = paid(sandbox, merchant, cart_currency="AED")
    assert_refused(merchant.follow_up("refund", ref, 10, cart_currency="USD"), 400, 206)


def test_a_follow_up_of_nothing_is_not_found(merchant: Merchant) -> None:
    assert_refused(merchant.follow_up("refund", "TST0000000000000", 10), 404, 2)


def test_a_repeated_refund_is_refused_as_a_duplicate(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    ref = paid(sandbox, merchant)
    assert merchant.follow_up("refund", ref, 10, cart_id="refund-1").ok
    assert_refused(merchant.follow_up("refund", ref, 10, cart_id="refund-1"), 409, 4)
    assert truth_of(sandbox, ref)["refunded"] == "10.00"
