"""Money: an integer of minor units and a currency.

There is no float here and no sum over two currencies. Exponents come from ISO 4217; where a
provider deviates, its own file says so.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from payments.currencies import EXPONENTS
from payments.errors import InvalidAmount, UnsupportedCurrency

# The largest amount that is still exact in a signed 64-bit column, with room to add.
LARGEST_AMOUNT = 10**17
_DECIMAL_TEXT = re.compile(r"\d{1,18}(\.\d{1,6})?", re.ASCII)


def exponent_of(currency: str) -> int:
    """Number of decimals of a currency: JPY 0, AED 2, KWD 3 (ISO 4217).

    Raises UnsupportedCurrency for anything that is not a current code with minor units.
    """
    try:
        return EXPONENTS[currency]
    except (KeyError, TypeError):
        raise UnsupportedCurrency(
            f"{currency!r} is not an ISO 4217 currency; use a code such as AED, USD or KWD.",
            attr="currency",
        ) from None


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of a currency: `Money(12550, "AED")` is 125.50 AED.

    Raises UnsupportedCurrency or InvalidAmount when made of anything else.
    """

    amount: int
    currency: str

    def __post_init__(self) -> None:
        exponent_of(self.currency)
        if type(self.amount) is not int:
            detail = f"{self.amount!r} is not a whole number of minor units."
            raise InvalidAmount(detail, attr="amount")
        if abs(self.amount) > LARGEST_AMOUNT:
            raise InvalidAmount("This is more than can be charged at once.", attr="amount")

    @classmethod
    def parse(cls, text: object, currency: str) -> "Money":
        """Read a decimal string in major units: `Money.parse("3.125", "KWD")`.

        Raises InvalidAmount when the text is no plain decimal or is finer than the currency.
        """
        exponent = exponent_of(currency)
        if not isinstance(text, str) or not _DECIMAL_TEXT.fullmatch(text):
            raise InvalidAmount(
                f'{text!r} is not an amount; send a decimal string such as "125.50".', attr="amount"
            )
        minor = Decimal(text).scaleb(exponent)
        if minor != minor.to_integral_value():
            raise InvalidAmount(
                f"{text} is finer than {currency} allows ({exponent} decimals).", attr="amount"
            )
        return cls(int(minor), currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, with exactly the currency's number of decimals."""
        return Decimal(self.amount).scaleb(-exponent_of(self.currency))

    def __str__(self) -> str:
        return f"{self.major} {self.currency}"

    @property
    def major(self) -> str:
        """The amount as the API writes it: "125.50" AED, "1200" JPY, "3.125" KWD."""
        return f"{self.decimal:f}"

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other).amount, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other).amount

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other).amount

    def _same(self, other: "Money") -> "Money":
        if self.currency != other.currency:
            raise UnsupportedCurrency(f"{self} and {other} cannot be put together.")
        return other
