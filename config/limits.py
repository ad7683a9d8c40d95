"""How often who may ask, and how often one may ask too often."""

from config import parsers
from config.environment import Environment

_USUAL: dict[str, str | None] = {
    "process": "5/m",
    "verify": "10/m",
    "generic_webhook": "100/m",
    "webhook_rejected": "100/m",
    "default": "1000/m",
    "global": "10000/m",
    # Refused calls after which their source is blocked. Behind a key stand all of a merchant's
    # customers: only who keeps calling at twice its limit loses it.
    "block_address_after": "300/10m",
    "block_key_after": "10000/10m",
}


def rates(env: Environment) -> dict[str, str | None]:
    """Each limit in django-ratelimit's notation; None where it is off."""
    return {
        kind: env.read(f"RATE_LIMIT_{kind.upper()}", parsers.rate, usual)
        for kind, usual in _USUAL.items()
    }
