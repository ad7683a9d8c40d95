"""The control API and the panel: dials, truth, acting in the payer's place, forgetting."""

import json
from typing import Any

import pytest
import requests

from tests.sandbox.merchant import Merchant
from tests.sandbox.process import SandboxProcess

DEFAULTS = {
    "mode": "up",
    "latency_ms": 2000,
    "error_rate": 0.5,
    "seed": None,
    "webhooks": {
        "enabled": True,
        "delay_ms": 0,
        "duplicates": 0,
        "shuffle": False,
        "drop_rate": 0.0,
        "forge_rate": 0.0,
    },
}


def test_dials_start_harmless_and_can_be_put_back_as_they_were_read(
    sandbox: SandboxProcess,
) -> None:
    assert sandbox.dials() == DEFAULTS
    assert sandbox.put(sandbox.dials()) == DEFAULTS


def test_only_the_dials_that_are_named_are_turned(sandbox: SandboxProcess) -> None:
    sandbox.put({"mode": "slow", "latency_ms": 0, "webhooks": {"duplicates": 3}})
    turned = sandbox.put({"seed": 5, "webhooks": {"shuffle": True}})
    assert (turned["mode"], turned["latency_ms"], turned["seed"]) == ("slow", 0, 5)
    assert turned["webhooks"]["duplicates"] == 3
    assert turned["webhooks"]["shuffle"] is True
    assert sandbox.dials() == turned


@pytest.mark.parametrize(
    "wishes",
    [
        {"mode": "sideways"},
        {"mode": None},
        {"mode": ["up"]},
        {"latency_ms": -1},
        {"latency_ms": 1.5},
        {"latency_ms": True},
        {"latency_ms": 10**9},
        {"error_rate": 1.1},
        {"error_rate": "0.5"},
        {"error_rate": float("nan")},
        {"seed": "x"},
        {"volume": 11},
        {"webhooks": []},
        {"webhooks": {"enabled": "yes"}},
        {"webhooks": {"delay_ms": -1}},
        {"webhooks": {"duplicates": 1000}},
        {"webhooks": {"loudness": 1}},
        {"mode": "down", "latency_ms": -1},
        [],
        "up",
    ],
)
def test_a_dial_that_cannot_be_set_is_refused_and_none_is_turned(
    sandbox: SandboxProcess, wishes: Any
) -> None:
    url = f"{sandbox.control_url}/control/paytabs"
    # Python's own encoder writes NaN, which `requests` would not.
    response = requests.put(url, data=json.dumps(wishes), timeout=30)
    assert response.status_code == 400
    assert response.json()["error"]
    assert sandbox.dials() == DEFAULTS


def test_what_is_no_json_is_refused(sandbox: SandboxProcess) -> None:
    url = f"{sandbox.control_url}/control/paytabs"
    response = requests.put(url, data=b"{", timeout=30)
    assert (response.status_code, response.json()) == (400, {"error": "the body is not JSON"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/control/nobody"),
        ("PUT", "/control/nobody"),
        ("GET", "/control/nobody/payments"),
        ("POST", "/control/paytabs/payments/TST1/approve"),
        ("GET", "/nowhere"),
    ],
)
def test_what_is_not_there_is_a_404_that_says_so(
    sandbox: SandboxProcess, method: str, path: str
) -> None:
    response = requests.request(method, sandbox.control_url + path, json={}, timeout=30)
    assert response.status_code == 404
    assert response.json()["error"]


@pytest.mark.parametrize(
    ("verb", "status", "captured"),
    [
        ("approve", "captured", "100.00"),
        ("3ds", "captured", "100.00"),
        ("decline", "failed", "0.00"),
        ("insufficient_funds", "failed", "0.00"),
        ("authentication_failed", "failed", "0.00"),
        ("cancel", "cancelled", "0.00"),
        ("abandon", "pending", "0.00"),
    ],
)
def test_a_verb_does_what_the_payer_would_do(
    sandbox: SandboxProcess, merchant: Merchant, verb: str, status: str, captured: str
) -> None:
    after = sandbox.act(merchant.page()["tran_ref"], verb)
    assert (after["status"], after["captured"]) == (status, captured)
    assert sandbox.truth() == [after]


@pytest.mark.parametrize(
    ("verb", "status", "says"),
    [
        ("approve", 409, "the payment is captured already"),
        ("dispute", 409, "PayTabs has no dispute notifications"),
        ("explode", 404, "explode is not one of"),
    ],
)
def test_what_cannot_be_done_is_refused(
    sandbox: SandboxProcess, merchant: Merchant, verb: str, status: int, says: str
) -> None:
    ref = merchant.page()["tran_ref"]
    before = sandbox.act(ref, "approve")
    url = f"{sandbox.control_url}/control/paytabs/payments/{ref}/{verb}"
    response = requests.post(url, timeout=30)
    assert response.status_code == status
    assert says in response.json()["error"]
    assert sandbox.truth() == [before]


def test_reset_forgets_everything(sandbox: SandboxProcess, merchant: Merchant) -> None:
    asked = merchant.page_request()
    ref = merchant.post("/payment/request", asked).json()["tran_ref"]
    sandbox.act(ref, "approve")
    sandbox.put({"mode": "down", "seed": 4, "webhooks": {"enabled": False}})
    sandbox.reset()
    assert sandbox.truth() == sandbox.notices() == []
    assert sandbox.dials() == DEFAULTS
    again = merchant.post("/payment/request", asked)
    assert again.ok
    assert again.json()["tran_ref"] != ref


def test_the_panel_shows_dials_and_payments_and_asks_nothing_from_outside(
    sandbox: SandboxProcess, merchant: Merchant
) -> None:
    page = merchant.page(cart_description="Shoes & <socks>")
    html = requests.get(f"{sandbox.control_url}/", timeout=30).text
    assert "Shoes &amp; &lt;socks&gt;" in html
    assert f"/control/paytabs/payments/{page['tran_ref']}/approve" in html
    assert 'data-mode="timeout_after_commit"' in html
    assert "src=" not in html
    assert "https://" not in html


def test_a_name_that_is_not_loopback_is_turned_away(sandbox: SandboxProcess) -> None:
    response = requests.get(
        f"{sandbox.control_url}/", headers={"Host": "evil.example.test"}, timeout=30
    )
    assert response.status_code == 400
