"""What a provider keeps of a charge, where its answers tell: as far as the merchant bears it."""

from typing import Any

import pytest

from payments.gateways.messages import GatewayResult, Lookup
from payments.money import Money
from payments.statuses import OperationKind
from tests.contracts.cases.flutterwave import words as flutterwave_words
from tests.contracts.cases.paypal import words as paypal_words
from tests.contracts.cases.paystack import words as paystack_words

CHARGE = Lookup("k1", OperationKind.CHARGE)


def paypal(fee: Any) -> GatewayResult:
    taken = paypal_words.payment(seller_receivable_breakdown={"paypal_fee": fee})
    asked = Lookup("k1", OperationKind.CHARGE, paypal_words.ORDER)
    return paypal_words.answered(asked, 200, paypal_words.order(captures=[taken]))


def paystack(**facts: Any) -> GatewayResult:
    charge = paystack_words.transaction(**facts)
    return paystack_words.answered(CHARGE, 200, paystack_words.ok(charge))


def flutterwave(**facts: Any) -> GatewayResult:
    charge = flutterwave_words.transaction(**facts)
    return flutterwave_words.answered(CHARGE, 200, flutterwave_words.listed(charge))


TOLD: list[tuple[GatewayResult, Money | None]] = [
    (paypal({"currency_code": "USD", "value": "1.17"}), Money(117, "USD")),
    (paypal(None), None),
    (paystack(fees=150), Money(150, "NGN")),
    (paystack(fees="150"), Money(150, "NGN")),
    (paystack(fees=None), None),
    (paystack(fees=-1), None),
    (paystack(), None),
    # Some payers bear it on top: then it is not at the merchant's cost, or the rest is.
    (paystack(fees=150, amount=10_150), Money(0, "NGN")),
    (paystack(fees=150, amount=10_100), Money(50, "NGN")),
    (paystack(fees=150, amount=9_000), Money(150, "NGN")),
    (flutterwave(app_fee=35, charged_amount=2500), Money(3500, "NGN")),
    (flutterwave(app_fee=35.5, charged_amount=2500), Money(3550, "NGN")),
    (flutterwave(app_fee=35), Money(0, "NGN")),
    (flutterwave(), None),
]


@pytest.mark.parametrize(("told", "fee"), TOLD)
def test_the_fee_is_what_the_merchant_bears(told: GatewayResult, fee: Money | None) -> None:
    assert told.fee == fee
