"""Card numbers are told from everything else, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.api.card_numbers import is_card_number

# Test numbers of several schemes, twelve to nineteen digits long.
KNOWN = [
    "4242424242424242",
    "5555555555554444",
    "378282246310005",
    "30569309025904",
    "6011000990139424",
    "676770000005",
    "6304000000000000000",
]


@pytest.mark.parametrize("number", KNOWN)
@pytest.mark.parametrize("gap", ["", " ", "-"])
def test_a_card_number_is_one_however_it_is_grouped(number: str, gap: str) -> None:
    grouped = gap.join(number[place : place + 4] for place in range(0, len(number), 4))
    assert is_card_number(grouped)


@given(st.sampled_from(KNOWN), st.data())
def test_one_wrong_digit_makes_it_none(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != number[place]))
    assert not is_card_number(number[:place] + other + number[place + 1 :])


@given(st.text("0123456789", min_size=11, max_size=18))
def test_of_ten_last_digits_one_makes_a_card_number(digits: str) -> None:
    assert sum(is_card_number(f"{digits}{last}") for last in range(10)) == 1


@pytest.mark.parametrize(
    "text",
    ["", "pm_1TESTONLY", "0" * 11, "0" * 20, "4242424242424242x", "pm_4242424242424242", "٤٢" * 8],
)
def test_a_token_is_no_card_number(text: str) -> None:
    assert not is_card_number(text)
