"""What happens at a provider without us, done by its own API and its dashboard."""

from typing import Any
from uuid import uuid4

import requests

from tests.sandbox.process import (
    FLUTTERWAVE_KEY,
    PAYPAL_ID,
    PAYPAL_SECRET,
    PAYSTACK_KEY,
    PROFILE_ID,
    SERVER_KEY,
    STRIPE_KEY,
    SandboxProcess,
)

BACK = "http://127.0.0.1:9/back"


def charge(sandbox: SandboxProcess, provider: str, name: str = "") -> None:
    """10.00 is charged by another program on the same account; under a name of ours, if given."""
    _CHARGES[provider](sandbox.provider_url(provider), name or f"other-{uuid4().hex[:12]}")
    ref = sandbox.truth(provider)[-1]["transaction_ref"]
    sandbox.act(ref, "approve", provider)
    if provider == "paypal":
        base = sandbox.provider_url("paypal")
        _paypal(base, f"/v2/checkout/orders/{ref}/capture", {})


def charge_at_stripe(sandbox: SandboxProcess, currency: str, minor: int) -> None:
    """Another sum than the usual, in Stripe's own units."""
    _stripe(sandbox.provider_url("stripe"), f"other-{uuid4().hex[:12]}", currency, minor)
    sandbox.act(sandbox.truth("stripe")[-1]["transaction_ref"], "approve", "stripe")


def _paytabs(base: str, name: str) -> None:
    body = {"profile_id": PROFILE_ID, "tran_type": "sale", "tran_class": "ecom"}
    body |= {"cart_id": name, "cart_description": "a shop", "cart_currency": "AED"}
    asked = requests.post(
        f"{base}/payment/request",
        json=body | {"cart_amount": 10, "return": BACK},
        headers={"Authorization": SERVER_KEY},
        timeout=30,
    )
    assert asked.ok, asked.text


def _stripe(base: str, name: str, currency: str = "usd", minor: int = 1000) -> None:
    item = "line_items[0]"
    fields = {
        "mode": "payment",
        "client_reference_id": name,
        "payment_intent_data[metadata][ballast_operation]": name,
        "success_url": BACK,
        "cancel_url": BACK,
        f"{item}[quantity]": "1",
        f"{item}[price_data][currency]": currency,
        f"{item}[price_data][unit_amount]": str(minor),
        f"{item}[price_data][product_data][name]": "a shop",
    }
    headers = {"Authorization": f"Bearer {STRIPE_KEY}"}
    asked = requests.post(f"{base}/v1/checkout/sessions", fields, headers=headers, timeout=30)
    assert asked.ok, asked.text


def _paypal(base: str, path: str, body: Any) -> None:
    pair = (PAYPAL_ID, PAYPAL_SECRET)
    form = {"grant_type": "client_credentials"}
    token = requests.post(f"{base}/v1/oauth2/token", form, auth=pair, timeout=30).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    headers["PayPal-Request-Id"] = uuid4().hex
    asked = requests.post(base + path, json=body, headers=headers, timeout=30)
    assert asked.ok, asked.text


def _paypal_order(base: str, name: str) -> None:
    amount = {"currency_code": "USD", "value": "10.00"}
    page = {"return_url": BACK, "cancel_url": BACK}
    body = {
        "intent": "CAPTURE",
        "purchase_units": [{"custom_id": name, "amount": amount}],
        "payment_source": {"paypal": {"experience_context": page}},
    }
    _paypal(base, "/v2/checkout/orders", body)


def _flutterwave(base: str, name: str) -> None:
    customer = {"email": "payer@example.test"}
    body = {"tx_ref": name, "currency": "NGN", "redirect_url": BACK, "customer": customer}
    headers = {"Authorization": f"Bearer {FLUTTERWAVE_KEY}"}
    asked = requests.post(
        f"{base}/v3/payments", json=body | {"amount": 10}, headers=headers, timeout=30
    )
    assert asked.ok, asked.text


def _paystack(base: str, name: str) -> None:
    body = {"email": "payer@example.test", "amount": 1000, "currency": "ZAR", "reference": name}
    headers = {"Authorization": f"Bearer {PAYSTACK_KEY}"}
    asked = requests.post(f"{base}/transaction/initialize", json=body, headers=headers, timeout=30)
    assert asked.ok, asked.text


_CHARGES = {
    "paytabs": _paytabs,
    "stripe": _stripe,
    "paypal": _paypal_order,
    "flutterwave": _flutterwave,
    "paystack": _paystack,
}
