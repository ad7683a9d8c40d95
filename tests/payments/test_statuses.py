"""The two tables: where a payment may go, and where an outcome wants it to go."""

from itertools import product

import pytest

from payments.statuses import (
    EFFECTS,
    FINAL_OUTCOMES,
    MOVES,
    OPEN_OUTCOMES,
    FailureCode,
    OperationKind,
    Outcome,
    PaymentStatus,
    effect_of,
    may_become,
)

S = PaymentStatus
# Written out by hand from the design, so that a slip in the table has something to meet.
LAWFUL = {
    S.CREATED: "processing failed cancelled expired authorized completed",
    S.PROCESSING: "created requires_action authorized completed failed cancelled expired",
    S.REQUIRES_ACTION: "processing created authorized completed failed cancelled expired",
    S.AUTHORIZED: "completed cancelled expired",
    S.COMPLETED: "partially_refunded refunded charged_back",
    S.PARTIALLY_REFUNDED: "refunded charged_back completed",
    S.REFUNDED: "charged_back partially_refunded completed",
    S.CHARGED_BACK: "completed partially_refunded refunded",
    S.FAILED: "authorized completed",
    S.EXPIRED: "authorized completed",
    S.CANCELLED: "authorized completed",
}


@pytest.mark.parametrize(("current", "wanted"), list(product(S, S)))
def test_a_move_is_lawful_exactly_where_the_design_says(current: S, wanted: S) -> None:
    assert may_become(current, wanted) == (wanted.value in LAWFUL[current].split())


def test_every_status_has_its_row_and_no_status_becomes_itself() -> None:
    assert set(MOVES) == set(S)
    assert all(status not in wanted for status, wanted in MOVES.items())


def test_every_outcome_is_either_open_or_final() -> None:
    assert set(Outcome) == OPEN_OUTCOMES | FINAL_OUTCOMES
    assert not OPEN_OUTCOMES & FINAL_OUTCOMES


@pytest.mark.parametrize("kind", OperationKind)
def test_what_is_not_known_moves_nothing(kind: OperationKind) -> None:
    assert effect_of(kind, Outcome.UNKNOWN, None) is None
    assert effect_of(kind, Outcome.UNKNOWN, FailureCode.CARD_DECLINED) is None


def test_every_effect_can_be_had_while_a_page_waits_for_its_payer() -> None:
    wanted = set(EFFECTS.values()) - {S.REQUIRES_ACTION}
    assert all(may_become(S.REQUIRES_ACTION, each) for each in wanted)
    assert may_become(S.PROCESSING, S.REQUIRES_ACTION)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (FailureCode.CARD_DECLINED, S.FAILED),
        (FailureCode.INSUFFICIENT_FUNDS, S.FAILED),
        (FailureCode.AUTHENTICATION_FAILED, S.FAILED),
        (FailureCode.PROVIDER_ERROR, S.FAILED),
        (FailureCode.CANCELLED_BY_PAYER, S.CANCELLED),
        (FailureCode.EXPIRED, S.EXPIRED),
    ],
)
def test_a_decline_ends_as_its_reason_says(failure: FailureCode, status: S) -> None:
    assert effect_of(OperationKind.CHARGE, Outcome.DECLINED, failure) is status
