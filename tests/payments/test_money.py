"""Money is an integer of minor units and a currency."""

from decimal import Decimal

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.currencies import EXPONENTS
from payments.errors import InvalidAmount, UnsupportedCurrency
from payments.money import LARGEST_AMOUNT, Money, exponent_of

currencies = st.sampled_from(sorted(EXPONENTS))
amounts = st.integers(0, LARGEST_AMOUNT)


def test_the_exponents_are_those_of_iso_4217() -> None:
    official = {c.code: c.exponent for c in iso4217.Currency if c.exponent is not None}
    assert official == EXPONENTS


@pytest.mark.parametrize(("currency", "exponent"), [("JPY", 0), ("AED", 2), ("KWD", 3)])
def test_currencies_have_their_own_number_of_decimals(currency: str, exponent: int) -> None:
    assert exponent_of(currency) == exponent


@given(amounts, currencies)
def test_what_is_written_is_read_back_as_the_same_money(amount: int, currency: str) -> None:
    money = Money(amount, currency)
    assert Money.parse(money.major, currency) == money


@given(amounts, currencies)
def test_an_amount_is_written_with_its_currencys_own_decimals(amount: int, currency: str) -> None:
    text = Money(amount, currency).major
    assert Decimal(text).as_tuple().exponent == -EXPONENTS[currency]
    assert "E" not in text


@given(amounts, st.sampled_from(["AED", "JPY", "KWD"]))
def test_anything_finer_than_the_currency_is_refused(amount: int, currency: str) -> None:
    finer = Decimal(amount).scaleb(-EXPONENTS[currency]) + Decimal(1).scaleb(
        -EXPONENTS[currency] - 1
    )
    with pytest.raises(InvalidAmount):
        Money.parse(f"{finer:f}", currency)


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "+1", "-1", "1,00", "1e2", "0x10", "NaN", "Infinity", "١٢", ".5", "1.", "1_0",
     "9" * 19, None, 1, 1.5, True, b"1"],
)  # fmt: skip
def test_what_is_no_plain_decimal_text_is_no_amount(text: object) -> None:
    with pytest.raises(InvalidAmount):
        Money.parse(text, "AED")


@pytest.mark.parametrize("currency", ["", "aed", "XXX", "XAU", "AE", "AEDX", None, 784])
def test_what_is_no_currency_with_minor_units_is_refused(currency: object) -> None:
    with pytest.raises(UnsupportedCurrency):
        Money(1, currency)  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", [1.0, "1", True, None, LARGEST_AMOUNT + 1])
def test_money_is_made_of_whole_numbers_only(amount: object) -> None:
    with pytest.raises(InvalidAmount):
        Money(amount, "AED")  # type: ignore[arg-type]


@given(st.integers(0, 10**15), st.integers(0, 10**15), currencies)
def test_sums_are_exact(one: int, two: int, currency: str) -> None:
    total = Money(one, currency) + Money(two, currency)
    assert total - Money(two, currency) == Money(one, currency)
    assert Money(one, currency) <= total


def test_two_currencies_are_never_put_together() -> None:
    with pytest.raises(UnsupportedCurrency):
        _ = Money(1, "AED") + Money(1, "USD")
    with pytest.raises(UnsupportedCurrency):
        _ = Money(1, "AED") < Money(1, "USD")
