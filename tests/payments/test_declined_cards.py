"""A card that was declined while its page takes another: no ending while the page lives."""

from datetime import datetime, timedelta

import pytest
import time_machine

from payments import operations
from payments.events.store import read_stream
from payments.gateways.messages import Failure, GatewayResult
from payments.gateways.registry import gateway_named
from payments.lifecycle import aggregate_of
from payments.models import GatewayOperation
from payments.money import Money
from payments.services.payments import create_payment, payment_with
from payments.services.recovery import believed
from payments.statuses import FailureCode, OperationKind, Outcome

pytestmark = pytest.mark.django_db
START = datetime.fromisoformat("2026-06-01T12:00:00+00:00")
PRICE = Money(125_50, "AED")
POOR = Failure(FailureCode.INSUFFICIENT_FUNDS, "Too little")
PAGE = GatewayResult(Outcome.ACTION_REQUIRED, reference="T1", redirect_url="https://pay/1")
DECLINED_CARD = GatewayResult(Outcome.PENDING, reference="T1", failure=POOR)
BUSY = GatewayResult(Outcome.PENDING, reference="T1")
PAID = GatewayResult(Outcome.SUCCEEDED, reference="T1", money=PRICE)


def opened(*news: GatewayResult) -> GatewayOperation:
    """A payment whose page is open, and what was heard of it since."""
    gateway = gateway_named("paytabs")
    with time_machine.travel(START, tick=False):
        payment = create_payment(owner_id=None, money=PRICE)
        operation, _ = operations.begin(
            payment.id, OperationKind.CHARGE, gateway, reason="", timeout=gateway.timeout
        )
        for result in (PAGE, *news):
            operations.settle(operation, result, heard_from="lookup")
    operation.refresh_from_db()
    return operation


def state(operation: GatewayOperation) -> tuple[str, str, str]:
    payment = payment_with(operation.payment_id)
    return payment.status, payment.outcome, payment.failure_code


def test_it_is_shown_and_the_page_goes_on() -> None:
    assert state(opened(DECLINED_CARD)) == ("requires_action", "pending", "insufficient_funds")


def test_the_next_card_is_in_hand_and_may_be_declined_as_well() -> None:
    assert state(opened(DECLINED_CARD, BUSY)) == ("processing", "pending", "")
    again = Failure(FailureCode.CARD_DECLINED)
    declined_again = GatewayResult(Outcome.PENDING, reference="T1", failure=again)
    operation = opened(DECLINED_CARD, BUSY, declined_again)
    assert state(operation) == ("requires_action", "pending", "card_declined")
    story = [e.type for e in read_stream(aggregate_of(payment_with(operation.payment_id)))]
    assert [name for name in story if name != "payment.verified"][-2:] == [
        "payment.processing", "payment.requires_action",
    ]  # fmt: skip


def test_a_success_after_it_leaves_no_trace_of_failure() -> None:
    assert state(opened(DECLINED_CARD, PAID)) == ("completed", "succeeded", "")


def test_the_same_decline_heard_again_is_no_news() -> None:
    once, twice = opened(DECLINED_CARD), opened(DECLINED_CARD, DECLINED_CARD)
    versions = [payment_with(each.payment_id).version for each in (once, twice)]
    assert versions[0] == versions[1]


def what_is_believed(operation: GatewayOperation, heard: GatewayResult, **later: float) -> object:
    now = START + timedelta(**later)
    told = believed(operation, heard, gateway_named("paytabs"), now)
    return told and (told.outcome, told.failure)


WAITING = GatewayResult(Outcome.ACTION_REQUIRED, reference="T1")
DECLINED_AND_WAITING = GatewayResult(Outcome.ACTION_REQUIRED, reference="T1", failure=POOR)
EXPIRED = Failure(FailureCode.EXPIRED, "Nobody paid before the page's life was over.")


@pytest.mark.parametrize("heard", [DECLINED_CARD, DECLINED_AND_WAITING])
def test_a_decline_ends_it_at_the_end_of_the_page_and_not_before(heard: GatewayResult) -> None:
    page = opened()
    assert what_is_believed(page, heard, minutes=29, seconds=59) == (Outcome.PENDING, POOR)
    assert what_is_believed(page, heard, minutes=30) == (Outcome.DECLINED, POOR)


def test_who_leaves_after_a_decline_was_declined_and_who_never_tried_is_late() -> None:
    assert what_is_believed(opened(), WAITING, minutes=29) is None
    assert what_is_believed(opened(), WAITING, minutes=30) == (Outcome.DECLINED, EXPIRED)
    declined = opened(DECLINED_CARD)
    assert what_is_believed(declined, WAITING, minutes=30) == (Outcome.DECLINED, POOR)


@pytest.mark.parametrize("before", [(), (DECLINED_CARD,)])
def test_money_that_the_provider_is_busy_with_never_ends_by_our_clock(
    before: tuple[GatewayResult, ...],
) -> None:
    assert what_is_believed(opened(*before), BUSY, days=30) == (Outcome.PENDING, None)


def test_once_it_is_over_a_late_look_at_the_decline_changes_nothing() -> None:
    over = GatewayResult(Outcome.DECLINED, failure=POOR)
    assert what_is_believed(opened(over), DECLINED_CARD, days=1) is None
