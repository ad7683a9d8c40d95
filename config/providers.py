"""The settings of each payment company; one that has no credentials is not there at all."""

from typing import Any

from config import parsers
from config.environment import Environment

_PAYTABS_REGIONS = ("ARE", "SAU", "EGY", "OMN", "JOR", "KWT", "IRQ", "QAT", "MAR", "GLOBAL")
_PAYTABS_WHITE_LABELS = ("MADFOAT", "CUZDAN")


def configured(env: Environment) -> dict[str, dict[str, Any]]:
    """Name → settings of every company that we hold credentials of."""
    found = {"paytabs": _paytabs(env)}
    return {name: settings for name, settings in found.items() if settings}


def _paytabs(env: Environment) -> dict[str, Any]:
    profile_id = env.integer("PAYTABS_PROFILE_ID", 0, minimum=1)
    server_key = env.text("PAYTABS_SERVER_KEY")
    settings = {
        "profile_id": profile_id,
        "server_key": server_key,
        "region": env.read(
            "PAYTABS_REGION", parsers.one_of(*_PAYTABS_REGIONS, *_PAYTABS_WHITE_LABELS), "ARE"
        ),
        "api_base": env.read("PAYTABS_API_BASE", parsers.web_address, "") or None,
        "generic_webhook_secrets": env.items("PAYTABS_WEBHOOK_SECRET", str),
        "ip_whitelist": env.items("PAYTABS_IP_WHITELIST", parsers.network),
        "timeout": env.milliseconds("PAYTABS_TIMEOUT", 30_000),
        "settling_time": env.milliseconds("PAYTABS_SETTLING_TIME", 120_000),
    }
    return settings if _both(env, "PAYTABS_PROFILE_ID", "PAYTABS_SERVER_KEY") else {}


def _both(env: Environment, one: str, other: str) -> bool:
    """Whether both credentials are there; one alone is a mistake, not a choice."""
    for name, partner in ((one, other), (other, one)):
        if env.is_set(name) and not env.is_set(partner):
            env.refuse(partner, f"is not set although {name} is; set both, or neither")
    return env.is_set(one) and env.is_set(other)
