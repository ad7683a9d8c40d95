"""What may be shown or logged of a header or a body.

Allow-listing would hide what operators need; so values are hidden by the name they stand under,
and anything that looks like a card number is hidden wherever it stands.
"""

import re
from functools import lru_cache
from typing import Any

HIDDEN = "[hidden]"
_SECRET_NAMES = re.compile(
    r"authorization|secret|token|password|signature|api[-_]?key|server[-_]?key|cookie|cvv|cvc"
    r"|verif-hash|card_?number|\bpan\b",
    re.IGNORECASE,
)
_PERSONAL_NAMES = re.compile(
    r"e?mail|phone|^name$|first_?name|last_?name|street|address|^city$|^zip$|^ip$|customer_?name"
    r"|payment_description",
    re.IGNORECASE,
)
# Thirteen to nineteen digits, perhaps in groups: a card number as people write it.
_CARD_NUMBER = re.compile(r"\b(?:\d[ -]?){12,18}\d\b")
_SHORTEST_CARD = 13
_DEEPEST = 20


def redact(value: Any, name: str = "", depth: int = 0) -> Any:
    """A copy of a JSON-like value without secrets, card numbers or personal data."""
    if depth > _DEEPEST:
        return "[nested too deeply to be shown]"
    if value not in (None, "", [], {}) and isinstance(value, str | int | bytes):
        return _redact_leaf(value, name)
    if isinstance(value, dict):
        return {str(key): redact(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item, name, depth + 1) for item in value]
    return value


def _redact_leaf(value: str | int | bytes, name: str) -> Any:
    if _is_hidden(name):
        return HIDDEN
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    if isinstance(value, int) or len(value) < _SHORTEST_CARD:
        return value
    return _CARD_NUMBER.sub(HIDDEN, value)


@lru_cache(maxsize=4096)
def _is_hidden(name: str) -> bool:
    """Providers' names repeat in every notice; strangers' names push each other out."""
    return bool(_SECRET_NAMES.search(name) or _PERSONAL_NAMES.search(name))
