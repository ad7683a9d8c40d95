"""How the service is told of five companies that one sandbox plays."""

from datetime import timedelta
from typing import Any

from tests.sandbox.process import (
    FLUTTERWAVE_KEY,
    FLUTTERWAVE_SECRET,
    PAYPAL_ID,
    PAYPAL_SECRET,
    PAYPAL_WEBHOOK,
    PAYSTACK_KEY,
    ROOT,
    STRIPE_KEY,
    STRIPE_SECRET,
    SandboxProcess,
)

PATIENCE = timedelta(seconds=1.5)
PAYPAL_ROOT = ROOT / "sandbox/paypal/root.pem"


def webhook_addresses(public_url: str) -> dict[str, str]:
    """Where the sandbox's dashboards say that notices go."""
    hooks = f"{public_url}/webhooks/payments"
    names = ("stripe", "paypal", "flutterwave", "paystack")
    return {f"SANDBOX_{name.upper()}_WEBHOOK_URL": f"{hooks}/{name}" for name in names}


def settings_for(sandbox: SandboxProcess, paytabs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """PROVIDERS with all five, impatient so that tests are quick."""
    credentials: dict[str, dict[str, Any]] = {
        "paytabs": paytabs,
        "stripe": {
            "secret_key": STRIPE_KEY,
            "webhook_secrets": [STRIPE_SECRET],
            "tolerance": timedelta(seconds=300),
        },
        "paypal": {
            "client_id": PAYPAL_ID,
            "client_secret": PAYPAL_SECRET,
            "webhook_id": PAYPAL_WEBHOOK,
            "test_certificate_hosts": [f"127.0.0.1:{sandbox.provider_port('paypal')}"],
            "test_root": str(PAYPAL_ROOT),
        },
        "flutterwave": {
            "secret_key": FLUTTERWAVE_KEY,
            "webhook_secrets": [FLUTTERWAVE_SECRET],
        },
        "paystack": {
            "secret_key": PAYSTACK_KEY,
            "webhook_secrets": [PAYSTACK_KEY],
        },
    }
    return {name: own | _common(sandbox, name) for name, own in credentials.items()}


def _common(sandbox: SandboxProcess, name: str) -> dict[str, Any]:
    return {
        "api_base": sandbox.provider_url(name),
        "generic_webhook_secrets": [],
        "ip_whitelist": [],
        "timeout": PATIENCE,
        "settling_time": timedelta(seconds=20),
    }
