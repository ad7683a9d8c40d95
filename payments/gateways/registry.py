"""Name → configured translator. A sixth provider is one file, and one line here."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

from payments.errors import UnknownProvider
from payments.gateways.contract import Gateway
from payments.gateways.flutterwave import Flutterwave
from payments.gateways.paypal import PayPal
from payments.gateways.paystack import Paystack
from payments.gateways.paytabs import PayTabs
from payments.gateways.stripe import Stripe

TRANSLATORS: dict[str, type[Gateway]] = {
    "paytabs": PayTabs,
    "stripe": Stripe,
    "paypal": PayPal,
    "flutterwave": Flutterwave,
    "paystack": Paystack,
}


def gateway_named(name: str) -> Gateway:
    """The translator of a configured provider. Raises UnknownProvider."""
    facts = settings.PROVIDERS.get(name)
    if facts is None or name not in TRANSLATORS:
        known = ", ".join(configured()) or "none"
        raise UnknownProvider(f"{name!r} is not connected here (connected: {known}).")
    return gateway_with(name, facts)


def gateway_with(name: str, facts: Mapping[str, Any]) -> Gateway:
    """The translator of this name with these settings."""
    return _made(name, tuple(sorted((k, _frozen(v)) for k, v in facts.items())))


@lru_cache(maxsize=32)
def _made(name: str, pairs: tuple[tuple[str, Any], ...]) -> Gateway:
    facts, translator = dict(pairs), TRANSLATORS[name]
    usual = {
        "base": (facts["api_base"] or translator.home).rstrip("/"),
        "timeout": facts["timeout"],
        "settling_time": facts["settling_time"],
    }
    return translator.made(facts, usual)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def configured() -> list[str]:
    """The providers connected here, in the configured order."""
    ranked = [name for name in settings.PROVIDER_ORDER if name in settings.PROVIDERS]
    return ranked + [name for name in settings.PROVIDERS if name not in ranked]
