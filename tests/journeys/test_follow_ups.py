"""After the first light: capture, cancel, refund, over real HTTP, agreeing with the provider."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from payments.models import Discrepancy, GatewayOperation, Payment
from tests.journeys.conftest import Merchant, eventually, sweep_after
from tests.sandbox.process import SandboxProcess


def paid(merchant: Merchant, sandbox: SandboxProcess, **facts: Any) -> str:
    payment, reference, _ = merchant.start(**facts)
    sandbox.act(reference, "approve")
    merchant.wait_for(payment, "completed", "authorized")
    return payment


def reserved(merchant: Merchant, sandbox: SandboxProcess, **facts: Any) -> str:
    return paid(merchant, sandbox, capture="manual", **facts)


def truth(sandbox: SandboxProcess) -> tuple[str, str, str]:
    page = sandbox.truth()[-1]
    return page["status"], page["captured"], page["refunded"]


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


def test_a_reservation_is_captured_in_full(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = reserved(merchant, sandbox)
    assert merchant.get(f"/{payment}")["status"] == "authorized"
    body = merchant.post(f"/{payment}/capture").json()
    assert (body["status"], body["amount_captured"]) == ("completed", "125.50")
    assert truth(sandbox) == ("captured", "125.50", "0.00")
    assert merchant.post(f"/{payment}/capture").json()["status"] == "completed"


@pytest.mark.parametrize(
    ("currency", "amount", "part"), [("AED", "125.50", "25.50"), ("KWD", "3.125", "1.005")]
)
def test_a_part_is_captured_to_the_minor_unit(
    merchant: Merchant, sandbox: SandboxProcess, currency: str, amount: str, part: str
) -> None:
    payment = reserved(merchant, sandbox, currency=currency, amount=amount)
    body = merchant.post(f"/{payment}/capture", {"amount": part}).json()
    assert (body["status"], body["amount_captured"]) == ("completed", part)
    assert sandbox.truth()[-1]["captured"] == part


def test_more_than_was_reserved_is_not_captured(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = reserved(merchant, sandbox)
    assert code(merchant.post(f"/{payment}/capture", {"amount": "125.51"})) == (
        400,
        "invalid_amount",
    )
    assert GatewayOperation.objects.count() == 1


def test_a_reservation_is_voided_by_cancelling(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = reserved(merchant, sandbox)
    assert merchant.post(f"/{payment}/cancel").json()["status"] == "cancelled"
    assert truth(sandbox)[0] == "cancelled"
    assert code(merchant.post(f"/{payment}/capture")) == (409, "invalid_transition")


def test_what_was_never_sent_is_cancelled_without_a_word_to_anybody(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = merchant.create()
    assert merchant.post(f"/{payment}/cancel").json()["status"] == "cancelled"
    assert code(merchant.process(payment)) == (409, "invalid_transition")
    assert sandbox.truth() == []


def test_a_page_that_can_still_be_paid_is_not_cancelled(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment, _, _ = merchant.start()
    assert code(merchant.post(f"/{payment}/cancel")) == (409, "invalid_transition")


def test_two_partial_refunds_and_one_too_many(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = paid(merchant, sandbox)
    first = merchant.post(f"/{payment}/refunds", {"amount": "25.50", "reason": "scratched"})
    assert first.status_code == 201
    assert {k: first.json()[k] for k in ("status", "amount", "currency", "reason")} == {
        "status": "succeeded", "amount": "25.50", "currency": "AED", "reason": "scratched",
    }  # fmt: skip
    assert merchant.get(f"/{payment}")["status"] == "partially_refunded"
    merchant.post(f"/{payment}/refunds", {"amount": "60.00"})
    asked = len(sandbox.notices())
    assert code(merchant.post(f"/{payment}/refunds", {"amount": "40.01"})) == (
        409, "invalid_transition",
    )  # fmt: skip
    assert len(sandbox.notices()) == asked
    last = merchant.post(f"/{payment}/refunds")
    assert last.json()["amount"] == "40.00"
    body = merchant.get(f"/{payment}")
    assert (body["status"], body["amount_refunded"]) == ("refunded", "125.50")
    assert truth(sandbox) == ("refunded", "125.50", "125.50")
    assert len(merchant.get(f"/{payment}/refunds")["results"]) == 3
    assert merchant.story(payment).count("refunded") == 2


def test_a_refund_repeated_under_its_key_is_one_refund(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = paid(merchant, sandbox)
    path, body, key = f"/{payment}/refunds", {"amount": "10.00"}, {"Idempotency-Key": "r1"}
    first, again = (merchant.post(path, body, **key) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert truth(sandbox)[2] == "10.00"


@pytest.mark.parametrize("fault", ["timeout_after_commit", "down"])
@pytest.mark.parametrize("deed", ["refunds", "capture", "cancel"])
def test_a_fault_at_any_follow_up_ends_in_the_truth(
    merchant: Merchant, sandbox: SandboxProcess, fault: str, deed: str
) -> None:
    payment = (paid if deed == "refunds" else reserved)(merchant, sandbox)
    before = merchant.get(f"/{payment}")["status"]
    sandbox.put({"mode": fault, "webhooks": {"enabled": False}})
    answer = merchant.post(f"/{payment}/{deed}")
    acted = fault == "timeout_after_commit"
    assert answer.status_code == (504 if acted else 503)
    assert merchant.get(f"/{payment}")["status"] == before
    sandbox.put({"mode": "up", "webhooks": {"enabled": False}})
    sweep_after(minutes=5)
    ends = {"refunds": "refunded", "capture": "completed", "cancel": "cancelled"}
    assert merchant.get(f"/{payment}")["status"] == (ends[deed] if acted else before)
    if not acted:
        assert merchant.post(f"/{payment}/{deed}").status_code in (200, 201)
        assert merchant.get(f"/{payment}")["status"] == ends[deed]
    assert Payment.objects.get(pk=payment).refund_pending == 0
    assert truth(sandbox)[2] == ("125.50" if deed == "refunds" else "0.00")


def test_a_refund_in_doubt_keeps_its_sum_reserved(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = paid(merchant, sandbox)
    sandbox.put({"mode": "timeout_after_commit", "webhooks": {"enabled": False}})
    assert merchant.post(f"/{payment}/refunds", {"amount": "100.00"}).status_code == 504
    assert merchant.get(f"/{payment}/refunds")["results"][0]["status"] == "pending"
    sandbox.put({"mode": "up"})
    assert code(merchant.post(f"/{payment}/refunds", {"amount": "25.51"})) == (
        409, "invalid_transition",
    )  # fmt: skip
    assert merchant.post(f"/{payment}/refunds", {"amount": "25.50"}).status_code == 201


def test_the_providers_own_notice_of_our_refund_is_no_contradiction(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings
) -> None:
    payment = paid(merchant, sandbox)
    merchant.post(f"/{payment}/refunds", {"amount": "5.00"})
    notice = eventually(
        lambda: [n for n in sandbox.notices() if '"Refund"' in n["body"]] or sandbox.dials()
    )
    assert notice is not None
    assert not Discrepancy.objects.exists()


def test_fifty_refunds_at_once_never_exceed_what_was_taken(
    merchant: Merchant, sandbox: SandboxProcess, settings: Settings
) -> None:
    settings.RATE_LIMITS_ENABLED = False
    payment = paid(merchant, sandbox, amount="100.00")

    def give_back(_: int) -> int:
        try:
            return merchant.post(f"/{payment}/refunds", {"amount": "7.00"}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(give_back, range(50)))
    given = statuses.count(201)
    assert set(statuses) <= {201, 409, 503, 504}
    sweep_after(minutes=5)
    row = Payment.objects.get(pk=payment)
    assert row.amount_refunded + row.refund_pending <= row.amount_captured
    assert row.amount_refunded >= given * 700
    assert truth(sandbox)[2] == f"{row.amount_refunded / 100:.2f}"
    assert row.refund_pending == 0


def test_scopes_guard_each_deed(merchant: Merchant, sandbox: SandboxProcess) -> None:
    payment = paid(merchant, sandbox)
    reader = Merchant(merchant.base.removesuffix("/payments/v2"), "payments:read")
    for path in ("refunds", "capture", "cancel"):
        assert reader.post(f"/{payment}/{path}").status_code == 403


@pytest.mark.parametrize("deed", ["refunds", "capture", "cancel"])
def test_what_was_not_done_is_done_by_repeating_it_under_the_same_key(
    merchant: Merchant, sandbox: SandboxProcess, deed: str
) -> None:
    payment = (paid if deed == "refunds" else reserved)(merchant, sandbox)
    key = {"Idempotency-Key": f"again-{deed}"}
    sandbox.put({"mode": "down"})
    assert merchant.post(f"/{payment}/{deed}", **key).status_code == 503
    sandbox.put({"mode": "up"})
    assert merchant.post(f"/{payment}/{deed}", **key).status_code in (200, 201)
    ends = {"refunds": "refunded", "capture": "completed", "cancel": "cancelled"}
    assert merchant.get(f"/{payment}")["status"] == ends[deed]


def test_a_cancel_is_not_promised_while_a_capture_is_in_doubt(
    merchant: Merchant, sandbox: SandboxProcess
) -> None:
    payment = reserved(merchant, sandbox)
    sandbox.put({"mode": "timeout_after_commit", "webhooks": {"enabled": False}})
    assert merchant.post(f"/{payment}/capture").status_code == 504
    sandbox.put({"mode": "up"})
    assert code(merchant.post(f"/{payment}/cancel")) == (409, "invalid_transition")
    assert merchant.post(f"/{payment}/capture").status_code == 200
    assert code(merchant.post(f"/{payment}/capture", {"amount": "1.00"})) == (
        409, "invalid_transition",
    )  # fmt: skip
    sweep_after(minutes=5)
    assert merchant.get(f"/{payment}")["amount_captured"] == "125.50"
