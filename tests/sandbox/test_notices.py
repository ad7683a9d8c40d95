"""Callback and IPN: what they say, how they are signed, and how they go astray."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.sandbox.merchant import Heard, Merchant, Receiver, wait_until
from tests.sandbox.process import PROFILE_ID, SandboxProcess


def settled(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    """All notices, once none of them is on its way."""

    def all_ended() -> list[dict[str, Any]]:
        found = sandbox.notices()
        return [] if any(each["status"] == "waiting" for each in found) else found

    return wait_until(all_ended)


def approve_a_page(sandbox: SandboxProcess, merchant: Merchant, **changes: Any) -> str:
    ref: str = merchant.page(**changes)["tran_ref"]
    sandbox.act(ref, "approve")
    return ref


def test_an_ended_page_is_told_by_callback_and_by_ipn(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    ref = approve_a_page(sandbox, merchant, cart_id="order-5", cart_amount=100)
    settled(sandbox)
    callback, ipn = receiver.of(ref, "/callback")[0], receiver.of(ref, "/ipn")[0]
    assert len(receiver.of(ref)) == 2
    for heard in (callback, ipn):
        assert heard.is_authentic
        assert heard.headers["User-Agent"] == "Go-http-client/1.1"
        assert heard.headers["Content-Type"] == "application/json"
    assert callback.news["ipn_trace"] != ipn.news["ipn_trace"]
    assert callback.news | {"ipn_trace": ""} == ipn.news | {"ipn_trace": ""}
    assert callback.news["profile_id"] == PROFILE_ID
    assert callback.news["tran_ref"] == ref
    assert callback.news["tran_type"] == "Sale"
    assert callback.news["tran_class"] == "ECom"
    assert callback.news["cart_id"] == "order-5"
    assert callback.news["tran_total"] == callback.news["cart_amount"] == "100.00"
    assert callback.news["payment_result"]["response_status"] == "A"
    assert callback.news["paymentChannel"] == "Payment Page"
    assert callback.news["threeDSDetails"]["enrolled"] == "N"


def test_a_follow_up_is_told_by_ipn_only(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    ref = approve_a_page(sandbox, merchant)
    refund = merchant.follow_up("refund", ref, 10).json()["tran_ref"]
    settled(sandbox)
    news = [heard.news for heard in receiver.of(refund)]
    assert [each["tran_type"] for each in news] == ["Refund"]
    assert news[0]["previous_tran_ref"] == ref


def test_the_ipn_is_sent_until_it_is_heard(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    receiver.answers = lambda _: 200 if len(receiver.heard) > 4 else 503
    ref = approve_a_page(sandbox, merchant)
    tries = {each["channel"]: each for each in settled(sandbox)}
    assert (tries["callback"]["status"], tries["callback"]["attempts"]) == ("failed", 1)
    assert (tries["ipn"]["status"], tries["ipn"]["attempts"]) == ("delivered", 4)
    assert len({heard.body for heard in receiver.of(ref, "/ipn")}) == 1


def test_after_five_tries_it_is_given_up(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    receiver.answers = lambda _: 201
    ref = approve_a_page(sandbox, merchant, callback=None)
    (ipn,) = settled(sandbox)
    assert (ipn["status"], ipn["attempts"], ipn["last_answer"]) == ("failed", 5, "201")
    assert len(receiver.of(ref)) == 5


def test_a_redirect_is_not_followed_and_a_dead_address_stops_nobody(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    receiver.answers = lambda heard: 302 if heard.path == "/callback" else 200
    approve_a_page(sandbox, merchant, callback="http://127.0.0.1:1/")
    ref = approve_a_page(sandbox, merchant)
    settled(sandbox)
    assert len(receiver.of(ref, "/callback")) == 1
    assert len(receiver.of(ref, "/ipn")) == 1


def test_plain_http_beyond_this_machine_gets_an_empty_body(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    # An address that is not loopback by name, and yet leads here.
    approve_a_page(sandbox, merchant, callback=f"http://0.0.0.0:{receiver.port}/empty")
    settled(sandbox)
    (heard,) = [each for each in receiver.heard if each.path == "/empty"]
    assert heard.body == b""
    assert heard.is_authentic


def test_notices_that_are_off_are_never_sent(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    sandbox.put({"webhooks": {"enabled": False}})
    ref = approve_a_page(sandbox, merchant)
    sandbox.put({"webhooks": {"enabled": True}})
    later = approve_a_page(sandbox, merchant)
    assert [each["status"] for each in settled(sandbox)] == ["disabled"] * 2 + ["delivered"] * 2
    assert receiver.of(ref) == []
    assert len(receiver.of(later)) == 2


def test_copies_are_sent_as_often_as_wanted(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    sandbox.put({"webhooks": {"duplicates": 2}})
    ref = approve_a_page(sandbox, merchant)
    settled(sandbox)
    assert len(receiver.of(ref, "/callback")) == len(receiver.of(ref, "/ipn")) == 3
    assert len({heard.body for heard in receiver.of(ref)}) == 2


def test_a_dropped_notice_never_arrives(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    sandbox.put({"webhooks": {"drop_rate": 1}})
    ref = approve_a_page(sandbox, merchant)
    assert {each["status"] for each in settled(sandbox)} == {"dropped"}
    assert receiver.of(ref) == []


def test_a_forgery_comes_on_top_of_the_real_one(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    sandbox.put({"seed": 1, "webhooks": {"forge_rate": 1}})
    ref = approve_a_page(sandbox, merchant, cart_amount=100)
    settled(sandbox)
    real = [heard for heard in receiver.of(ref) if heard.is_authentic]
    forged = [heard for heard in receiver.of(ref) if not heard.is_authentic]
    assert len(real) == len(forged) == 2
    assert {heard.news["tran_total"] for heard in real} == {"100.00"}
    assert {heard.news["tran_total"] for heard in forged} == {"987654"}
    assert all(heard.headers["Signature"] for heard in forged)


def test_a_seed_repeats_what_goes_astray(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    def fate_of_six() -> list[tuple[str, bool]]:
        sandbox.reset()
        sandbox.put({"seed": 42, "webhooks": {"drop_rate": 0.5, "forge_rate": 0.5}})
        for _ in range(6):
            approve_a_page(sandbox, merchant)
        return [(each["status"] == "dropped", each["forged"]) for each in settled(sandbox)]

    first = fate_of_six()
    assert first == fate_of_six()
    assert len({dropped for dropped, _ in first}) == 2


def test_shuffled_notices_come_in_another_order(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    sandbox.put({"seed": 3, "webhooks": {"shuffle": True}})
    refs = [approve_a_page(sandbox, merchant) for _ in range(6)]
    settled(sandbox)
    heard = [each.news["tran_ref"] for each in receiver.heard if each.path == "/callback"]
    assert sorted(heard) == sorted(refs)
    assert heard != refs


def test_a_delayed_notice_waits_for_its_time(
    sandbox: SandboxProcess, merchant: Merchant, receiver: Receiver
) -> None:
    sandbox.put({"webhooks": {"delay_ms": 3_600_000}})
    ref = approve_a_page(sandbox, merchant)
    waiting = sandbox.notices()
    assert {each["status"] for each in waiting} == {"waiting"}
    due_at = datetime.fromisoformat(waiting[0]["due_at"])
    assert due_at - datetime.now(due_at.tzinfo) > timedelta(minutes=59)
    assert receiver.of(ref) == []


def test_a_notice_survives_the_death_of_its_sender(tmp_path: Path, receiver: Receiver) -> None:
    with SandboxProcess(tmp_path, ipn_url=f"{receiver.url}/ipn") as sandbox:
        sandbox.put({"webhooks": {"delay_ms": 1000}})
        merchant = Merchant(sandbox.provider_url("paytabs"), receiver.url)
        ref = approve_a_page(sandbox, merchant)
        sandbox.kill()
        assert receiver.of(ref) == []
        sandbox.start()
        heard: list[Heard] = wait_until(lambda: receiver.of(ref, "/ipn"))
        assert heard[0].is_authentic
        assert sandbox.truth()[0]["status"] == "captured"
