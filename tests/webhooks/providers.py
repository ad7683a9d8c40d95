"""Every provider connected, and what each signs in its own way."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from pytest_django import Settings

from payments.crypto.signatures import hmac_hex
from payments.gateways import documents, transport
from payments.gateways.wire import WireRequest, WireResponse
from tests.contracts.cases.paypal import words as paypal_words

NOW = datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)
SECRET = "s3cr3t-of-nobody"


def body_of(provider: str, event: str) -> bytes:
    """The least that makes it an event of that type."""
    thing = {"id": "thing-1", "status": "whatever"}
    shapes: dict[str, dict[str, Any]] = {
        "paytabs": {"tran_ref": "T1", "tran_type": event, "cart_id": "c", "profile_id": 1},
        "stripe": {"id": "evt_1", "object": "event", "type": event, "data": {"object": thing}},
        "paypal": {"id": "WH-1", "event_type": event, "resource": thing},
    }
    return json.dumps(shapes.get(provider, {"event": event, "data": thing})).encode()


def signed(provider: str, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers of a true delivery, each provider's own way."""
    key, seconds = secret.encode(), int(NOW.timestamp())
    by_stripe = hmac_hex(key, f"{seconds}.".encode() + body)
    ways: dict[str, Callable[[], dict[str, str]]] = {
        "paytabs": lambda: {"Signature": hmac_hex(key, body)},
        "stripe": lambda: {"Stripe-Signature": f"t={seconds},v1={by_stripe}"},
        "paypal": lambda: dict(paypal_words.signed(body)),
        "flutterwave": lambda: {"verif-hash": secret},
        "paystack": lambda: {"x-paystack-signature": hmac_hex(key, body, "sha512")},
    }
    return ways[provider]()


@contextmanager
def all_connected(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Five providers that share a secret, at a moment at which PayPal's certificate is good."""
    root, chain = paypal_words.authority(), (paypal_words.leaf(), paypal_words.middle())
    (tmp_path / "root.pem").write_bytes(paypal_words.pem(root))
    usual = {
        "secret_key": SECRET,
        "server_key": SECRET,
        "webhook_secrets": [SECRET],
        "generic_webhook_secrets": [],
        "ip_whitelist": [],
        "timeout": timedelta(seconds=5),
        "settling_time": timedelta(seconds=60),
    }
    paypal = {
        "client_id": "c",
        "client_secret": SECRET,
        "webhook_id": paypal_words.WEBHOOK_ID,
        "test_root": str(tmp_path / "root.pem"),
        "test_certificate_hosts": ["api.sandbox.paypal.com"],
    }
    settings.PROVIDERS = {
        "paytabs": usual | {"profile_id": 1, "region": "ARE", "api_base": ""},
        "stripe": usual | {"tolerance": timedelta(minutes=5), "api_base": ""},
        "paypal": usual | paypal | {"api_base": ""},
        "flutterwave": usual | {"api_base": ""},
        "paystack": usual | {"api_base": ""},
    }

    def send(gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        assert request.url == paypal_words.CERT_URL, "nobody but the certificate's host is asked"
        return WireResponse(200, {}, paypal_words.pem(*chain))

    monkeypatch.setattr(transport, "send", send)
    with time_machine.travel(NOW, tick=False):
        yield
    documents.start_anew()
