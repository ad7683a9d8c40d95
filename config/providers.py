"""The settings of each payment company; one that has no credentials is not there at all."""

from typing import Any

from config import parsers
from config.environment import Environment

_PAYTABS_REGIONS = ("ARE", "SAU", "EGY", "OMN", "JOR", "KWT", "IRQ", "QAT", "MAR", "GLOBAL")
_PAYTABS_WHITE_LABELS = ("MADFOAT", "CUZDAN")


def configured(env: Environment) -> dict[str, dict[str, Any]]:
    """Name → settings of every company that we hold credentials of."""
    readers = {
        "paytabs": _paytabs,
        "stripe": _stripe,
        "paypal": _paypal,
        "flutterwave": _flutterwave,
        "paystack": _paystack,
    }
    found = {name: read(env) | _common(env, name.upper()) for name, read in readers.items()}
    return {name: settings for name, settings in found.items() if settings["is_connected"]}


def _common(env: Environment, prefix: str) -> dict[str, Any]:
    """What every company has: where it is, how long it may take, who may speak for it."""
    # PayTabs signs with its server key, so its plain name was free for the generic webhook.
    usual = env.milliseconds("CIRCUIT_BREAKER_TIMEOUT", 30_000)
    generic = (
        "PAYTABS_WEBHOOK_SECRET" if prefix == "PAYTABS" else f"{prefix}_GENERIC_WEBHOOK_SECRET"
    )
    return {
        "api_base": env.read(f"{prefix}_API_BASE", parsers.web_address, "") or None,
        "generic_webhook_secrets": env.items(generic, str),
        "ip_whitelist": env.items(f"{prefix}_IP_WHITELIST", parsers.network),
        "timeout": env.read(f"{prefix}_TIMEOUT", parsers.milliseconds, usual),
        "retry_attempts": env.integer(f"{prefix}_RETRY_ATTEMPTS", 3, 1, 10),
        "retry_delay": env.milliseconds(f"{prefix}_RETRY_DELAY", 500),
        "settling_time": env.milliseconds(f"{prefix}_SETTLING_TIME", 120_000),
    }


def _paytabs(env: Environment) -> dict[str, Any]:
    return {
        "profile_id": env.integer("PAYTABS_PROFILE_ID", 0, minimum=1),
        "server_key": env.text("PAYTABS_SERVER_KEY"),
        "region": env.read(
            "PAYTABS_REGION", parsers.one_of(*_PAYTABS_REGIONS, *_PAYTABS_WHITE_LABELS), "ARE"
        ),
        "is_connected": _all_or_none(env, "PAYTABS_PROFILE_ID", "PAYTABS_SERVER_KEY"),
    }


def _stripe(env: Environment) -> dict[str, Any]:
    return {
        "secret_key": env.text("STRIPE_SECRET_KEY"),
        "webhook_secrets": env.items("STRIPE_WEBHOOK_SECRET", str),
        "tolerance": env.read("STRIPE_WEBHOOK_TOLERANCE", parsers.seconds, parsers.seconds("300")),
        "is_connected": _all_or_none(env, "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"),
    }


def _paypal(env: Environment) -> dict[str, Any]:
    credentials = ("PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID")
    return {
        "client_id": env.text("PAYPAL_CLIENT_ID"),
        "client_secret": env.text("PAYPAL_CLIENT_SECRET"),
        "webhook_id": env.text("PAYPAL_WEBHOOK_ID"),
        # For sandboxes only; the deploy check refuses both.
        "test_certificate_hosts": env.items("PAYPAL_TEST_CERTIFICATE_HOST", str),
        "test_root": env.text("PAYPAL_TEST_ROOT"),
        "is_connected": _all_or_none(env, *credentials),
    }


def _flutterwave(env: Environment) -> dict[str, Any]:
    return {
        "secret_key": env.text("FLUTTERWAVE_SECRET_KEY"),
        "webhook_secrets": env.items("FLUTTERWAVE_WEBHOOK_SECRET", str),
        "is_connected": _all_or_none(env, "FLUTTERWAVE_SECRET_KEY", "FLUTTERWAVE_WEBHOOK_SECRET"),
    }


def _paystack(env: Environment) -> dict[str, Any]:
    key = env.text("PAYSTACK_SECRET_KEY")
    return {
        "secret_key": key,
        "webhook_secrets": env.items("PAYSTACK_WEBHOOK_SECRET", str) or [key],
        "is_connected": bool(key),
    }


def _all_or_none(env: Environment, *names: str) -> bool:
    """Whether all credentials are there; some without the others are a mistake, not a choice."""
    there = [name for name in names if env.is_set(name)]
    for name in names:
        if there and name not in there:
            env.refuse(name, f"is not set although {there[0]} is; set all of them, or none")
    return len(there) == len(names)
