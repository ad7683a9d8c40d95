"""What the first page may tell a newcomer, while the demo runs here and nowhere else."""

import json
from typing import Any

from django.conf import settings


def facts_of_demo() -> dict[str, Any] | None:
    """The addresses and the key of the demo that this process belongs to, or None."""
    file = settings.VAR / "demo.json"
    if not settings.DEBUG or not file.exists():
        return None
    facts: dict[str, Any] = json.loads(file.read_text())
    # The file of an ended demo must not send anybody to a service that is not there.
    if facts["base_url"] != settings.PUBLIC_URL:
        return None
    return {name: facts[name] for name in ("base_url", "sandbox_url", "api_key")} | {
        "provider": next(iter(facts["providers"]))
    }
