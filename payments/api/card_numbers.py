"""Card numbers are never taken: how one is recognised before it goes any further."""

import re

from rest_framework.exceptions import ValidationError

_GAPS = re.compile(r"[\s-]")
_CARD_NUMBER = re.compile(r"\d{12,19}", re.ASCII)


def is_card_number(text: str) -> bool:
    """Whether this is 12 to 19 digits, grouped or not, whose last one checks the others (Luhn)."""
    digits = _GAPS.sub("", text)
    if not _CARD_NUMBER.fullmatch(digits):
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(doubled)) % 10 == 0


def refuse_card_number(text: str) -> None:
    """Raise ValidationError, which never repeats what was sent."""
    if is_card_number(text):
        message = (
            "This looks like a card number, which must never be sent here. Let the provider's own"
            " browser library take the card, and send the token that it makes."
        )
        raise ValidationError(message, code="card_number_refused")
