"""The settings of the circuit breakers: for all, for a provider's, for one.

`CIRCUIT_BREAKER_RESET_TIMEOUT` holds for all, `STRIPE_CIRCUIT_BREAKER_RESET_TIMEOUT` for
Stripe's and `STRIPE_CREATE_CIRCUIT_BREAKER_RESET_TIMEOUT` for that one alone; the nearest wins.
"""

from collections.abc import Iterable
from typing import Any

from config import parsers
from config.environment import Environment

_percent = parsers.integer(1, 100)
_FIELDS: dict[str, tuple[str, parsers.Parser[Any]]] = {
    "TIMEOUT": ("request_timeout", parsers.milliseconds),
    "ERROR_THRESHOLD": ("error_rate", _percent),
    "RESET_TIMEOUT": ("reset_timeout", parsers.milliseconds),
    "LONGEST_RESET_TIMEOUT": ("longest_reset_timeout", parsers.milliseconds),
    "ROLLING_TIMEOUT": ("window", parsers.milliseconds),
    "ROLLING_BUCKETS": ("buckets", parsers.integer(1, 1000)),
    "MINIMUM_REQUESTS": ("minimum_requests", parsers.integer(1, 1_000_000)),
    "VOLUME_THRESHOLD": ("volume_threshold", parsers.integer(1, 1_000_000)),
    "MAX_CONCURRENT": ("half_open_max", parsers.integer(1, 1000)),
    "SUCCESSES_TO_CLOSE": ("half_open_successes", parsers.integer(1, 1000)),
    "SLOW_CALL_THRESHOLD": ("slow_call", parsers.milliseconds),
    # Over 100 switches the rule off.
    "SLOW_CALL_RATE_THRESHOLD": ("slow_rate", parsers.integer(1, 101)),
    "SAMPLES": ("samples", parsers.integer(1, 10_000)),
}
_NAME = "CIRCUIT_BREAKER_"


def policies(env: Environment, providers: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Whom they are for ("" is everybody, a provider, a breaker's name) → what is not usual."""
    found = {"": _read(env, "")}
    for prefix in env.prefixes_of("_" + _NAME):
        name = prefix.lower().replace("_", "-")
        if name.split("-")[0] not in providers:
            env.refuse(f"{prefix}_{_NAME}*", "begins with no provider that is connected here")
        found[name] = _read(env, f"{prefix}_")
    return found


def _read(env: Environment, prefix: str) -> dict[str, Any]:
    read = {
        field: env.read(f"{prefix}{_NAME}{variable}", parse, None)
        for variable, (field, parse) in _FIELDS.items()
    }
    return {field: value for field, value in read.items() if value is not None}
