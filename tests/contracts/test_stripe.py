"""What only Stripe has: a clock in its signatures, pages that live as long as it likes."""

from datetime import UTC, datetime, timedelta

import pytest

from payments.gateways import stripe_words
from payments.gateways.contract import Evidence, SignatureInvalid
from payments.gateways.stripe_words import CURRENCIES
from tests.contracts.cases.stripe.signed import sign
from tests.contracts.cases.stripe.words import NOW, SECRET, stripe
from tests.contracts.shape import BODY
from tests.contracts.vectors import body_of, name_of, vectors_of

# The one vector on which we are stricter than Stripe's own library: see `test_vectors`.
FROM_THE_FUTURE = "stripe-pub-11"


def test_an_authentic_delivery_from_the_future_is_refused_for_its_clock_alone() -> None:
    (vector,) = (each for each in vectors_of("stripe") if name_of(each) == FROM_THE_FUTURE)
    assert (vector["advisory"], vector["signature_valid"]) == (True, True)
    body = body_of(vector)
    headers = tuple((name, value) for name, value in vector["headers"])
    gateway, now = stripe(vector["secret"]), datetime.fromtimestamp(vector["now"], UTC)
    with pytest.raises(
        SignatureInvalid, match=r"^timestamp_.*: clock differs by 600 s: theirs is ahead of ours$"
    ):
        gateway.verify(headers, body, Evidence(now))
    gateway.verify(headers, body, Evidence(now + timedelta(seconds=300)))


@pytest.mark.parametrize(
    ("age", "told"),
    [
        (301, "-301 s: theirs is behind ours, or it was long on its way"),
        (-301, "301 s: theirs is ahead of ours"),
        (86400, "-86400 s: theirs is behind ours, or it was long on its way"),
    ],
)
def test_what_is_old_may_be_a_replay_and_what_is_early_is_a_wrong_clock(
    age: int, told: str
) -> None:
    with pytest.raises(SignatureInvalid) as refused:
        stripe().verify(sign(BODY), BODY, Evidence(NOW + timedelta(seconds=age)))
    assert refused.value.reason == f"timestamp_outside_tolerance: clock differs by {told}"


def test_a_secret_that_is_not_set_beside_one_that_is_verifies_nothing() -> None:
    unsigned = sign(BODY, "")
    with pytest.raises(SignatureInvalid, match="mismatch"):
        stripe("", "", SECRET).verify(unsigned, BODY, Evidence(NOW))


@pytest.mark.parametrize(
    ("wanted", "lives"),
    [
        (timedelta(0), timedelta(minutes=35)),
        (timedelta(minutes=30), timedelta(minutes=35)),
        (timedelta(hours=2), timedelta(hours=2)),
        (timedelta(hours=24), timedelta(hours=23, minutes=55)),
        (timedelta(days=9), timedelta(hours=23, minutes=55)),
    ],
)
def test_a_page_lives_as_long_as_stripe_allows_with_room_for_late_requests(
    wanted: timedelta, lives: timedelta
) -> None:
    assert stripe().page_lifetime(wanted) == lives


def test_it_remembers_our_keys_for_a_day() -> None:
    assert stripe().key_memory == timedelta(hours=24)


def test_its_exceptions_are_currencies_that_it_takes() -> None:
    assert {*stripe_words.UNITS} <= CURRENCIES
    assert {"BHD", "JOD", "KWD", "OMR", "TND"} == stripe_words.ROUNDED
