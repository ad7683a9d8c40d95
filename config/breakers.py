"""The settings of the circuit breakers: for all, for a provider's, for one.

`CIRCUIT_BREAKER_RESET_TIMEOUT` holds for all, `STRIPE_CIRCUIT_BREAKER_RESET_TIMEOUT` for
Stripe's and `STRIPE_CREATE_CIRCUIT_BREAKER_RESET_TIMEOUT` for that one alone; the nearest wins.
`STRIPE_TIMEOUT` ends every attempt at Stripe, so none of them may have a longer time.
"""

from collections.abc import Mapping
from typing import Any

from config import parsers
from config.environment import Environment
from payments.gateways.guarded import breaker_names
from payments.gateways.registry import gateway_with

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


def policies(env: Environment, providers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Whom they are for ("" is everybody, a provider, a breaker's name) → what is not usual."""
    found = {"": _read(env, "")}
    for prefix in env.prefixes_of("_" + _NAME):
        whom = prefix.lower().replace("_", "-")
        found[whom] = _read(env, f"{prefix}_")
        if problem := _problem_with(whom, found[whom], providers):
            env.refuse(f"{prefix}_{_NAME}*", problem)
    return found


def _problem_with(whom: str, told: Mapping[str, Any], providers: Mapping[str, Any]) -> str:
    provider = whom.partition("-")[0]
    if provider not in providers:
        return "begins with no provider that is connected here"
    names = [provider, *breaker_names(gateway_with(provider, providers[provider]))]
    if whom not in names:
        return "is for no breaker; it may begin with " + ", ".join(map(_variable, names))
    limit = providers[provider]["timeout"]
    if told.get("request_timeout", limit) > limit:
        return f"TIMEOUT is longer than {_variable(provider)}_TIMEOUT, which ends every attempt"
    return ""


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _read(env: Environment, prefix: str) -> dict[str, Any]:
    read = {
        field: env.read(f"{prefix}{_NAME}{variable}", parse, None)
        for variable, (field, parse) in _FIELDS.items()
    }
    return {field: value for field, value in read.items() if value is not None}
