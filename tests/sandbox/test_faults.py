"""The six modes, and what each does to callers, pages and money."""

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.sandbox.merchant import Merchant
from tests.sandbox.process import SERVER_KEY, SandboxProcess


def refuses_connections(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_down_refuses_connections_and_up_accepts_them_again(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    page = merchant.page()
    for _ in range(5):
        sandbox.put({"mode": "down"})
        with pytest.raises(requests.ConnectionError, match="refused"):
            merchant.page()
        with pytest.raises(requests.ConnectionError, match="refused"):
            requests.get(page["redirect_url"], timeout=5)
        sandbox.put({"mode": "up"})
        assert requests.get(page["redirect_url"], timeout=5).ok


def test_down_cuts_pooled_connections_too(sandbox: SandboxProcess, merchant: Merchant) -> None:
    with requests.Session() as session:
        url = merchant.page()["redirect_url"]
        assert session.get(url, timeout=5).ok
        sandbox.put({"mode": "down"})
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=5)
        sandbox.put({"mode": "up"})
        assert session.get(url, timeout=5).ok


@pytest.mark.parametrize("wants_to_share", [0, 1])
def test_nobody_else_gets_a_port_that_is_down(sandbox: SandboxProcess, wants_to_share: int) -> None:
    sandbox.put({"mode": "down"})
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, wants_to_share)
        with pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", sandbox.provider_port("paytabs")))
    assert refuses_connections(sandbox.provider_port("paytabs"))


def test_a_sandbox_that_was_down_comes_back_down(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path) as sandbox:
        sandbox.put({"mode": "down"})
        sandbox.stop()
        sandbox.start()
        assert refuses_connections(sandbox.provider_port("paytabs"))
        sandbox.reset()
        assert not refuses_connections(sandbox.provider_port("paytabs"))


def test_error_answers_500_and_may_or_may_not_have_acted(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    sandbox.put({"mode": "error", "seed": 1})
    answers = [merchant.request() for _ in range(12)]
    assert {answer.status_code for answer in answers} == {500}
    assert 0 < len(sandbox.truth()) < 12


def test_error_spares_the_payment_page(sandbox: SandboxProcess, merchant: Merchant) -> None:
    page = merchant.page()
    sandbox.put({"mode": "error"})
    assert merchant.choose(page, "approve").ok
    assert sandbox.truth()[0]["status"] == "captured"


def test_flaky_fails_its_share_and_a_seed_repeats_it(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    def twenty_calls() -> list[int]:
        sandbox.put({"mode": "flaky", "error_rate": 0.5, "seed": 7})
        return [merchant.query(cart_id="none").status_code for _ in range(20)]

    first = twenty_calls()
    assert set(first) == {200, 500}
    assert first == twenty_calls()


@pytest.mark.parametrize(("error_rate", "status"), [(0, 200), (1, 500)])
def test_flaky_goes_from_never_to_always(
    sandbox: SandboxProcess, merchant: Merchant, error_rate: float, status: int
) -> None:
    sandbox.put({"mode": "flaky", "error_rate": error_rate})
    assert {merchant.query(cart_id="none").status_code for _ in range(5)} == {status}


def test_slow_answers_late_but_has_acted(sandbox: SandboxProcess, merchant: Merchant) -> None:
    sandbox.put({"mode": "slow", "latency_ms": 400})
    started = time.monotonic()
    assert merchant.request().ok
    assert time.monotonic() - started >= 0.4
    with pytest.raises(requests.ReadTimeout):
        merchant.request(timeout=0.2)
    assert len(sandbox.truth()) == 2


def test_timeout_after_commit_acts_and_never_answers(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    sandbox.put({"mode": "timeout_after_commit"})
    with pytest.raises(requests.ReadTimeout):
        merchant.request(timeout=0.5, cart_id="order-3")
    sandbox.put({"mode": "up"})
    assert [entry["reference"] for entry in sandbox.truth()] == ["order-3"]
    assert merchant.query(cart_id="order-3").json()[0]["cart_id"] == "order-3"


def test_callers_on_hold_do_not_keep_the_sandbox_from_stopping(tmp_path: Path) -> None:
    with SandboxProcess(tmp_path) as sandbox, ThreadPoolExecutor(4) as pool:
        merchant = Merchant(sandbox.provider_url("paytabs"))
        sandbox.put({"mode": "timeout_after_commit"})
        calls = [pool.submit(merchant.request) for _ in range(4)]
        while len(sandbox.truth()) < 4:
            time.sleep(0.02)
        started = time.monotonic()
        assert sandbox.stop() == 0
        assert time.monotonic() - started < 2
        assert all(isinstance(call.exception(), requests.ConnectionError) for call in calls)


def test_a_connection_is_kept_for_the_next_call(merchant: Merchant) -> None:
    port = int(merchant.base.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    local_ports = set()
    for _ in range(3):
        connection.request("POST", "/payment/query", b"{}", {"Authorization": SERVER_KEY})
        assert connection.getresponse().read()
        assert connection.sock is not None
        local_ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert len(local_ports) == 1


def test_fifty_callers_at_once_are_all_served(sandbox: SandboxProcess, merchant: Merchant) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: merchant.request().status_code, range(50)))
    assert answers == [200] * 50
    refs = [entry["transaction_ref"] for entry in sandbox.truth()]
    assert len(set(refs)) == 50
