"""What only PayPal has: a log-in, and a second call for what its payer has approved."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from payments.gateways.wire import WireResponse
from tests.contracts.cases.paypal.news import delivery
from tests.contracts.cases.paypal.told import TABLES
from tests.contracts.cases.paypal.words import SECRET, paypal
from tests.contracts.vectors import written


def test_the_token_is_asked_for_with_the_applications_own_name_and_secret() -> None:
    request = paypal().token_request()
    assert request.url == "https://api-m.sandbox.paypal.com/v1/oauth2/token"
    assert request.body == b"grant_type=client_credentials"
    name = request.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(name).decode() == f"AtheClient:{SECRET}"


@pytest.mark.parametrize(
    ("status", "answer", "text"),
    [
        (200, {"access_token": "A21.x", "expires_in": 28800}, "A21.x"),
        (200, {"access_token": "A21.x", "expires_in": 10**30}, "A21.x"),
        (200, {"access_token": "A21.x", "expires_in": 0}, None),
        (200, {"access_token": "A21.x", "expires_in": True}, None),
        (200, {"access_token": "A21.x", "expires_in": "28800"}, None),
        (200, {"access_token": "A21.x"}, None),
        (200, {"access_token": "", "expires_in": 28800}, None),
        (200, {"access_token": "A\r\nX: y", "expires_in": 28800}, None),
        (200, {"access_token": ["A"], "expires_in": 28800}, None),
        (200, ["A"], None),
        (200, b"<html>", None),
        (401, {"error": "invalid_client", "access_token": "A", "expires_in": 9}, None),
    ],
)
def test_a_token_is_a_text_that_lasts(status: int, answer: Any, text: str | None) -> None:
    token = paypal().token_of(WireResponse(status, {}, written(answer)))
    assert (token.text if token else None) == text


def test_no_repr_shows_the_log_in() -> None:
    shown = repr(paypal().token_request())
    for secret in (SECRET, base64.b64encode(f"AtheClient:{SECRET}".encode()).decode()):
        assert secret not in shown


def test_it_remembers_our_keys_for_six_hours() -> None:
    assert paypal().key_memory == timedelta(hours=6)


@pytest.mark.parametrize(("table", "tried"), TABLES)
def test_every_word_of_the_tables_is_among_the_cases(table: Any, tried: Any) -> None:
    assert tried == table


def test_two_endless_names_are_two() -> None:
    ids = [
        paypal().events_in(json.dumps(delivery("X", {"id": "1"}, id="W" * length)).encode())[0].id
        for length in (5000, 5001)
    ]
    assert ids[0] != ids[1]
