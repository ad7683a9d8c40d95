"""Name → configured translator."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

from payments.errors import UnknownProvider
from payments.gateways.contract import Gateway
from payments.gateways.paytabs import REGIONS, PayTabs


def _paytabs(facts: Mapping[str, Any]) -> Gateway:
    return PayTabs(
        profile_id=facts["profile_id"],
        server_key=facts["server_key"],
        base=(facts["api_base"] or REGIONS[facts["region"]]).rstrip("/"),
        timeout=facts["timeout"],
        settling_time=facts["settling_time"],
    )


_MAKERS: dict[str, Callable[[Mapping[str, Any]], Gateway]] = {"paytabs": _paytabs}


def gateway_named(name: str) -> Gateway:
    """The translator of a configured provider. Raises UnknownProvider."""
    facts = settings.PROVIDERS.get(name)
    if facts is None or name not in _MAKERS:
        known = ", ".join(configured()) or "none"
        raise UnknownProvider(f"{name!r} is not connected here (connected: {known}).")
    return _made(name, tuple(sorted((k, _frozen(v)) for k, v in facts.items())))


@lru_cache(maxsize=32)
def _made(name: str, facts: tuple[tuple[str, Any], ...]) -> Gateway:
    return _MAKERS[name](dict(facts))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def configured() -> list[str]:
    """The providers connected here, in the configured order."""
    ranked = [name for name in settings.PROVIDER_ORDER if name in settings.PROVIDERS]
    return ranked + [name for name in settings.PROVIDERS if name not in ranked]
