"""The settings of each payment company; one that has no credentials is not there at all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from config import parsers
from config.environment import Environment
from config.parsers import Parser
from payments.gateways.contract import GENERIC, Form, Gateway, Setting
from payments.gateways.registry import TRANSLATORS

# How a setting's text is read, and what makes the value of one that is not set.
_FORMS: dict[Form, tuple[Parser[Any], Callable[[], Any]]] = {
    Form.TEXT: (str, str),
    Form.ITEMS: (parsers.items(str), list),
    Form.NUMBER: (parsers.integer(1, 10**9), int),
    Form.SECONDS: (parsers.seconds, timedelta),
}


def configured(env: Environment) -> dict[str, dict[str, Any]]:
    """Name → settings of every company that we hold credentials of."""
    found = {
        name: _common(env, name.upper()) | _own(env, name.upper(), translator)
        for name, translator in TRANSLATORS.items()
    }
    return {name: settings for name, settings in found.items() if settings["is_connected"]}


def _common(env: Environment, prefix: str) -> dict[str, Any]:
    """What every company has: where it is, how long it may take, who may speak for it."""
    usual = env.milliseconds("CIRCUIT_BREAKER_TIMEOUT", 30_000)
    return {
        "api_base": env.read(f"{prefix}_API_BASE", parsers.web_address, "") or None,
        "ip_whitelist": env.items(f"{prefix}_IP_WHITELIST", parsers.network),
        "timeout": env.read(f"{prefix}_TIMEOUT", parsers.milliseconds, usual),
        "retry_attempts": env.integer(f"{prefix}_RETRY_ATTEMPTS", 3, 1, 10),
        "retry_delay": env.milliseconds(f"{prefix}_RETRY_DELAY", 500),
        "settling_time": env.milliseconds(f"{prefix}_SETTLING_TIME", 120_000),
    }


def _own(env: Environment, prefix: str, translator: type[Gateway]) -> dict[str, Any]:
    """What its own file asks for."""
    asked = translator.asked()
    told = {name: _read(env, f"{prefix}_{each.variable}", each) for name, each in asked.items()}
    told |= _retired(env, prefix, translator, told)
    needed = [f"{prefix}_{each.variable}" for each in translator.told if each.is_credential]
    return told | {"is_connected": _all_or_none(env, *needed)}


def _retired(
    env: Environment, prefix: str, translator: type[Gateway], told: dict[str, Any]
) -> dict[str, Any]:
    """Secrets that are believed no more. One that is also in use would be: that is a mistake."""
    lists = [value if isinstance(value, list) else [value] for value in told.values()]
    in_use = {each for secrets in lists for each in secrets}
    found = {}
    for name in filter(None, (translator.signed_with, GENERIC.name)):
        setting = translator.asked()[name].retired
        variable = f"{prefix}_{setting.variable}"
        found[setting.name] = secrets = env.items(variable, str)
        if in_use & set(secrets):
            env.refuse(variable, "names a secret that is in use; take it out here, or there")
    return found


def _read(env: Environment, variable: str, setting: Setting) -> Any:
    parse, nothing = _FORMS[setting.form]
    if setting.choices:
        parse = parsers.one_of(*setting.choices)
    return env.read(variable, parse, setting.usual or nothing())


def _all_or_none(env: Environment, *names: str) -> bool:
    """Whether all credentials are there; some without the others are a mistake, not a choice."""
    there = [name for name in names if env.is_set(name)]
    for name in names:
        if there and name not in there:
            env.refuse(name, f"is not set although {there[0]} is; set all of them, or none")
    return len(there) == len(names)
