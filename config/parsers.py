"""Text from the environment turned into values; a ValueError says what is wrong and what to write.

Parsers of secrets never repeat the text they were given.
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

Value = TypeVar("Value")
Parser = Callable[[str], Value]

_FLAGS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "off", "0"), False
)
_RATE = re.compile(r"[1-9]\d{0,8}/[1-9]?\d{0,4}[smhd]", re.ASCII)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_YEAR_IN_SECONDS = 366 * 24 * 3600


def flag(text: str) -> bool:
    """A yes or a no; a typing error is neither."""
    if text.lower() not in _FLAGS:
        raise ValueError(f"{text!r} is neither yes nor no; write true or false")
    return _FLAGS[text.lower()]


def integer(minimum: int, maximum: int) -> Parser[int]:
    """Whole numbers from `minimum` to `maximum`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
            raise ValueError(f"{text!r} is not a whole number; write digits only")
        if not minimum <= int(text) <= maximum:
            raise ValueError(f"{text} is out of bounds; write {minimum} to {maximum}")
        return int(text)

    return parse


def milliseconds(text: str) -> timedelta:
    """A duration, up to a year; an instant is none, zero would mean never or at once."""
    return timedelta(milliseconds=integer(1, _YEAR_IN_SECONDS * 1000)(text))


def seconds(text: str) -> timedelta:
    """The same, for the one variable that is in seconds."""
    return timedelta(seconds=integer(1, _YEAR_IN_SECONDS)(text))


def items(parse: Parser[Value]) -> Parser[list[Value]]:
    """Comma-separated values; blanks around an item and empty items are dropped."""
    return lambda text: [parse(item.strip()) for item in text.split(",") if item.strip()]


def some(parse: Parser[Value]) -> Parser[list[Value]]:
    """Comma-separated values, of which there must be one at least."""

    def parse_some(text: str) -> list[Value]:
        if not (found := items(parse)(text)):
            raise ValueError("no value between the commas; write one at least")
        return found

    return parse_some


def one_of(*choices: str) -> Parser[str]:
    """One word of a list, in any case, answered as the list spells it."""

    def parse(text: str) -> str:
        for choice in choices:
            if choice.lower() == text.lower():
                return choice
        known = f"write one of {', '.join(choices)}" if choices else "none is configured"
        raise ValueError(f"{text!r} is not known; {known}")

    return parse


def web_address(text: str) -> str:
    """An http or https address without a trailing slash, a question mark or a password."""
    parts = _split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not a web address; write it like https://pay.example.com")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("more than an address; write scheme, host, port and path only")
    return text.rstrip("/")


def address_of(*schemes: str) -> Parser[str]:
    """The address of a server, which may hold a password: it is not repeated in the error."""

    def parse(text: str) -> str:
        if _split(text).scheme not in schemes or "://" not in text:
            raise ValueError(f"not an address of this kind; begin with {' or '.join(schemes)}://")
        return text

    return parse


def mailbox(text: str) -> str:
    """An address of a person, such as shop@example.com. Raises ValueError."""
    try:
        validate_email(text)
    except ValidationError:
        raise ValueError(f"{text!r} is no mail address; write one like shop@example.com") from None
    return text


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("not a readable address; check brackets and port") from None
    return parts


def network(text: str) -> str:
    """An IP address or network, answered in its normal form."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an address or network; write 10.0.0.0/8") from None


def rate(text: str) -> str | None:
    """A limit like `5/m` or `100/5m`; `off` is None."""
    if text.lower() == "off":
        return None
    if not _RATE.fullmatch(text):
        raise ValueError(f"{text!r} is not a rate; write it like 5/m, 100/h or off")
    return text


def secret(minimum_length: int) -> Parser[str]:
    """A secret, taken as it stands: a leading `$` is part of it."""

    def parse(text: str) -> str:
        if len(text) < minimum_length:
            raise ValueError(f"too short; write at least {minimum_length} characters")
        return text

    return parse


def hex_key(text: str) -> bytes:
    """At least 32 bytes in hexadecimal."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise ValueError("not hexadecimal; make one with: openssl rand -hex 32") from None
    if len(key) < 32:
        raise ValueError("shorter than 32 bytes; make one with: openssl rand -hex 32")
    return key


def key_ring(text: str) -> str:
    """`kid:hex,kid:hex`, newest first, or one bare hex key; each of exactly 32 bytes."""
    pairs = [item.strip().rpartition(":") for item in text.split(",")]
    names = [name or "1" for name, _, _ in pairs]
    if not all(_KEY_ID.fullmatch(name) for name in names) or len(set(names)) < len(names):
        raise ValueError("key ids are not distinct plain words; write it like k2:<hex>,k1:<hex>")
    if any(len(hex_key(key)) != 32 for _, _, key in pairs):
        raise ValueError("a key is not of exactly 32 bytes; make one with: openssl rand -hex 32")
    return text
