"""What Stripe tells unasked."""

import json
from typing import Any

from hypothesis import strategies as st

from payments.gateways.messages import DisputeStatus, Family, Void
from payments.gateways.stripe_words import STATUSES
from payments.money import Money
from payments.statuses import FailureCode
from tests.contracts.cases.stripe.told import ODD
from tests.contracts.cases.stripe.words import (
    MONEY,
    NOW,
    OURS,
    PAID,
    SECONDS,
    K,
    O,
    captured,
    declined,
    held,
    intent,
    paid_page,
    refund,
    session,
    stripe,
)
from tests.contracts.shape import News


def delivery(name: str, thing: Any, **facts: Any) -> dict[str, Any]:
    return {"id": "evt_1", "object": "event", "type": name, "data": {"object": thing}} | facts


def paid(name: str, thing: Any, **result: Any) -> News:
    """News of a payment of ours."""
    names = ("pi_1", "ch_1") if thing["object"] == "payment_intent" else ("cs_1",)
    if thing["object"] == "checkout.session" and thing["payment_intent"]:
        names = ("cs_1", "pi_1")
    event = {"id": "evt_1", "type": name, "key": OURS, "family": Family.PAYMENT}
    return News(delivery(name, thing), event | {"references": names}, result)


BY_NAME = paid_page({}, payment_intent="pi_1")
UNPAID = paid_page({}, payment_intent="pi_1", payment_status="unpaid")
OF_PAGE = {"money": MONEY, "ids": {"session": "cs_1", "payment_intent": "pi_1"}}
OF_INTENT = {"money": MONEY, "ids": {"payment_intent": "pi_1", "charge": "ch_1"}}
PAGES = "checkout.session."
INTENTS = "payment_intent."
PAYMENTS = [
    paid(f"{PAGES}completed", BY_NAME, outcome=O.SUCCEEDED, kind=None, **OF_PAGE),
    paid(f"{PAGES}completed", UNPAID, outcome=O.PENDING, kind=None),
    paid(f"{PAGES}async_payment_succeeded", BY_NAME, outcome=O.SUCCEEDED, kind=None, **OF_PAGE),
    paid(f"{PAGES}async_payment_failed", UNPAID, outcome=O.DECLINED, kind=None),
    paid(f"{PAGES}expired", session(status="expired"), outcome=O.DECLINED, kind=None),
    # News of an intent never contradicts the page that we know it by.
    paid(
        f"{INTENTS}succeeded",
        intent(),
        outcome=O.SUCCEEDED,
        kind=K.CHARGE,
        reference="",
        payment_method="card",
        **OF_INTENT,
    ),
    paid(
        f"{INTENTS}amount_capturable_updated",
        held(),
        outcome=O.SUCCEEDED,
        kind=K.AUTHORIZE,
        **OF_INTENT,
    ),
    paid(f"{INTENTS}processing", intent("processing"), outcome=O.PENDING, kind=None),
    paid(f"{INTENTS}requires_action", intent("requires_action"), outcome=O.ACTION_REQUIRED),
    paid(f"{INTENTS}canceled", intent("canceled"), outcome=O.DECLINED, kind=None),
    # A declined card leaves the page to be paid.
    *(
        paid(
            f"{INTENTS}payment_failed",
            intent("requires_payment_method", **facts),
            outcome=O.PENDING,
            failure=failure,
            kind=None,
        )
        for facts, failure in [
            (declined(), FailureCode.CARD_DECLINED),
            (declined(decline="insufficient_funds"), FailureCode.INSUFFICIENT_FUNDS),
            (declined("expired_card", ""), FailureCode.CARD_DECLINED),
            (declined("processing_error", ""), FailureCode.PROVIDER_ERROR),
            (declined("authentication_required", ""), FailureCode.AUTHENTICATION_FAILED),
            (
                declined("payment_intent_authentication_failure", ""),
                FailureCode.AUTHENTICATION_FAILED,
            ),
        ]
    ),
    *(
        paid(f"{INTENTS}something", intent(word), outcome=outcome, unlisted_word="")
        for word, outcome in STATUSES.items()
    ),
]
VOIDED_BY_US = stripe().request_for(Void("v" * 32, MONEY, PAID)).headers["Idempotency-Key"]
RESERVATIONS = [
    # A capture of ours is told under its own key, one in the dashboard under the reservation's.
    paid(
        f"{INTENTS}succeeded",
        captured(amount_received=5000),
        kind=K.CAPTURE,
        money=Money(5000, "AED"),
        reference="pi_1",
    ),
    paid(f"{INTENTS}succeeded", held("succeeded"), kind=K.CAPTURE),
    News(
        delivery(f"{INTENTS}canceled", held("canceled"), request={"idempotency_key": VOIDED_BY_US}),
        {"key": "v" * 32},
        {"outcome": O.SUCCEEDED, "kind": K.VOID},
    ),
    # What somebody else ended takes the success back.
    paid(f"{INTENTS}canceled", held("canceled"), outcome=O.DECLINED, takes_back=True),
    *(
        News(
            delivery(f"{INTENTS}canceled", held("canceled"), request=cause),
            {"key": OURS},
            {"outcome": O.DECLINED, "takes_back": True},
        )
        for cause in [None, "req_1", {"id": None}, {"idempotency_key": "theirs"}]
    ),
]


def back(name: str, thing: Any, key: str = OURS) -> News:
    failed = thing["status"] == "failed"
    event = {"family": Family.REFUND, "key": key, "references": ("re_1", "pi_1", "ch_1")}
    result = {"kind": K.REFUND, "parent_reference": "pi_1", "takes_back": failed}
    return News(delivery(name, thing), event, result)


REFUNDS = [
    back("refund.created", refund()),
    back("refund.updated", refund()),
    back("charge.refund.updated", refund()),
    back("refund.failed", refund("failed")),
    # In the dashboard: known by its references.
    back("refund.created", refund(metadata={}), key=""),
]


def contested(**facts: Any) -> dict[str, Any]:
    thing = {"id": "du_1", "object": "dispute", "amount": 12550, "currency": "aed"}
    thing |= {"charge": "ch_1", "payment_intent": "pi_1", "reason": "fraudulent"}
    return thing | {"status": "needs_response", "evidence_details": {"due_by": SECONDS}} | facts


NO_DEADLINES: list[Any] = [None, "soon", 10**30, -1, 0, 1.5, True, []]
DISPUTES = [
    News(
        delivery("charge.dispute.created", contested(status=word)),
        {"family": Family.DISPUTE, "references": ("pi_1", "ch_1")},
        None,
        {
            "reference": "du_1",
            "status": status,
            "money": MONEY,
            "reason": "fraudulent",
            "deadline": NOW,
        },
    )
    for word, status in [
        ("warning_needs_response", DisputeStatus.OPEN),
        ("warning_under_review", DisputeStatus.OPEN),
        ("warning_closed", DisputeStatus.WON),
        ("needs_response", DisputeStatus.OPEN),
        ("under_review", DisputeStatus.OPEN),
        ("won", DisputeStatus.WON),
        ("lost", DisputeStatus.LOST),
        ("prevented", DisputeStatus.WON),
        ("levitating", DisputeStatus.OPEN),
    ]
] + [
    News(
        delivery("charge.dispute.created", contested(evidence_details={"due_by": due})),
        {},
        None,
        {"deadline": None},
    )
    for due in NO_DEADLINES
]
FAMILIES = {
    "payment_intent.created": Family.PAYMENT,
    "charge.succeeded": Family.PAYMENT,
    "charge.captured": Family.PAYMENT,
    "charge.refunded": Family.REFUND,
    "charge.dispute.funds_withdrawn": Family.DISPUTE,
    "customer.subscription.created": Family.SUBSCRIPTION,
    "invoice.paid": Family.INVOICE,
    "payout.paid": Family.TRANSFER,
    "transfer.created": Family.TRANSFER,
    "customer.created": Family.OTHER,
    "radar.early_fraud_warning.created": Family.OTHER,
}


def of_family(name: str) -> list[bytes]:
    thing = intent() if name.startswith("payment_intent") else {"object": "x", "id": "x_1"}
    return [json.dumps(delivery(name, thing)).encode()]


# A page for a subscription is not ours.
SUBSCRIPTION = delivery(f"{PAGES}completed", paid_page({}, mode="subscription"))
NEWS = [*PAYMENTS, *RESERVATIONS, *REFUNDS, *DISPUTES, News(SUBSCRIPTION, {"key": ""}, None)]
UNREADABLE = [
    b'{"id": ' + b"9" * 5000 + b"}",
    b'{"id": "evt_1", "object": "v2.core.event", "type": "x", "data": {"object": {}}}',
    b'{"id": "evt_1", "object": "event", "type": "x"}',
    b'{"id": "evt_1", "object": "event", "type": "x", "data": {"object": "pi_1"}}',
    b'{"id": 7, "object": "event", "data": {"object": {}}}',
    b'{"id": "", "object": "event", "data": {"object": {}}}',
    b'{"id": "evt_\\u0000", "object": "event", "data": {"object": {}}}',
]
ENDLESS = [delivery("x" * 5000, session())]
HALF = "\ud800\x00"
UNSTORABLE = [
    json.dumps(
        delivery(
            "payment_intent" + HALF,
            intent(
                "requires_payment_method",
                metadata={"ballast_operation": HALF + "k"},
                latest_charge=HALF,
                last_payment_error={
                    "type": "card_error",
                    "message": f"no{HALF}",
                    "code": HALF,
                },
            ),
        )
    ).encode()
]
_FIELDS = st.dictionaries(st.sampled_from([*session(), *intent(), *refund(), "x"]), ODD)
ODD_NEWS = st.builds(
    lambda thing, kind, other: delivery(other, thing | {"object": kind}, request=other),
    _FIELDS,
    st.sampled_from(["payment_intent", "checkout.session", "refund", "dispute", "x"]),
    ODD,
)
