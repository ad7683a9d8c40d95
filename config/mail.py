"""Where mail goes: EMAIL_URL in django-environ's notation, or nowhere."""

from typing import Any

from environ import Env

from config import parsers
from config.environment import Environment


def server(env: Environment) -> dict[str, Any]:
    """Django's EMAIL_HOST and so on; without EMAIL_URL what is sent goes nowhere."""
    address = env.read("EMAIL_URL", parsers.address_of(*Env.EMAIL_SCHEMES), "dummymail://")
    facts: dict[str, Any] = Env.email_url_config(address)
    return facts
