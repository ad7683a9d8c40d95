"""Name → configured translator. A sixth provider is one file, and one line here."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import certifi
from django.conf import settings

from payments.errors import UnknownProvider
from payments.gateways import flutterwave, paystack, stripe
from payments.gateways.contract import Gateway
from payments.gateways.flutterwave import Flutterwave
from payments.gateways.paypal import PayPal
from payments.gateways.paypal.words import BASES, CERTIFICATE_HOSTS
from payments.gateways.paystack import Paystack
from payments.gateways.paytabs import REGIONS, PayTabs
from payments.gateways.stripe import Stripe

Facts = Mapping[str, Any]


def _paytabs(facts: Facts, usual: Facts) -> Gateway:
    base = facts["api_base"] or REGIONS[facts["region"]]
    return PayTabs(
        profile_id=facts["profile_id"],
        server_key=facts["server_key"],
        **{**usual, "base": base.rstrip("/")},
    )


def _stripe(facts: Facts, usual: Facts) -> Gateway:
    secrets = facts["webhook_secrets"]
    return Stripe(facts["secret_key"], secrets, tolerance=facts["tolerance"], **usual)


def _paypal(facts: Facts, usual: Facts) -> Gateway:
    mode = "sandbox" if usual["base"] == BASES["sandbox"] else "live"
    root = Path(facts["test_root"] or certifi.where())
    return PayPal(
        facts["client_id"],
        facts["client_secret"],
        facts["webhook_id"],
        certificate_hosts=CERTIFICATE_HOSTS[mode] | set(facts["test_certificate_hosts"]),
        trusted_roots=(root.read_bytes(),),
        **usual,
    )


def _flutterwave(facts: Facts, usual: Facts) -> Gateway:
    return Flutterwave(facts["secret_key"], facts["webhook_secrets"], **usual)


def _paystack(facts: Facts, usual: Facts) -> Gateway:
    return Paystack(facts["secret_key"], facts["webhook_secrets"], **usual)


_MAKERS: dict[str, tuple[str, Callable[[Facts, Facts], Gateway]]] = {
    "paytabs": ("", _paytabs),
    "stripe": (stripe.BASE, _stripe),
    "paypal": (BASES["live"], _paypal),
    "flutterwave": (flutterwave.API, _flutterwave),
    "paystack": (paystack.API, _paystack),
}


def gateway_named(name: str) -> Gateway:
    """The translator of a configured provider. Raises UnknownProvider."""
    facts = settings.PROVIDERS.get(name)
    if facts is None or name not in _MAKERS:
        known = ", ".join(configured()) or "none"
        raise UnknownProvider(f"{name!r} is not connected here (connected: {known}).")
    return _made(name, tuple(sorted((k, _frozen(v)) for k, v in facts.items())))


@lru_cache(maxsize=32)
def _made(name: str, pairs: tuple[tuple[str, Any], ...]) -> Gateway:
    facts = dict(pairs)
    base, make = _MAKERS[name]
    usual = {
        "base": (facts["api_base"] or base).rstrip("/"),
        "timeout": facts["timeout"],
        "settling_time": facts["settling_time"],
    }
    return make(facts, usual)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def configured() -> list[str]:
    """The providers connected here, in the configured order."""
    ranked = [name for name in settings.PROVIDER_ORDER if name in settings.PROVIDERS]
    return ranked + [name for name in settings.PROVIDERS if name not in ranked]
