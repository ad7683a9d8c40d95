"""What PayPal's notifications tell."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from payments.gateways.messages import DisputeStatus, Family
from payments.gateways.paypal.words import DISPUTES as MEANINGS
from payments.money import Money
from payments.statuses import FailureCode, Outcome
from tests.contracts.cases.paypal.told import up
from tests.contracts.cases.paypal.words import (
    NAMES,
    ODD,
    K,
    dispute,
    error,
    of_dispute,
    order,
    payment,
)
from tests.contracts.shape import News, Ruling


def delivery(word: str, resource: Any, **facts: Any) -> dict[str, Any]:
    return {"id": "WH-1", "event_type": word, "resource": resource} | facts


def related(**ids: str) -> dict[str, Any]:
    return {"supplementary_data": {"related_ids": ids}}


OF_RESERVATION = related(order_id="O1", authorization_id="A1")
CAPTURED = "PAYMENT.CAPTURE.COMPLETED"
ORDERS = [
    # An approved order asks for its capture.
    News(
        delivery("CHECKOUT.ORDER.APPROVED", order("APPROVED")),
        {
            "id": "WH-1",
            "type": "checkout.order.approved",
            "key": "k1",
            "family": Family.PAYMENT,
            "references": ("O1",),
        },
        {
            "outcome": Outcome.PENDING,
            "ids": {"order": "O1", "needs": "capture", "intent": "capture"},
        },
    ),
    # An approval that nobody used is over.
    News(
        delivery(
            "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
            {"order_id": "O1", "purchase_units": [{"custom_id": "k1"}]},
        ),
        {"key": "k1", "references": ("O1",)},
        {"outcome": Outcome.DECLINED, "failure": FailureCode.EXPIRED},
    ),
]
CAPTURES = [
    *(
        News(
            delivery(word, payment(status, custom_id="k1", **related(order_id="O1"))),
            {"key": "k1", "family": Family.PAYMENT, "references": ("O1", "P1")},
            {
                "outcome": outcome,
                "kind": K.CHARGE,
                "reference": "O1",
                "money": Money(2500, "USD"),
                "ids": {"order": "O1", "capture": "P1"},
            },
        )
        for word, status, outcome in [
            (CAPTURED, "COMPLETED", Outcome.SUCCEEDED),
            ("PAYMENT.CAPTURE.PENDING", "PENDING", Outcome.PENDING),
            ("PAYMENT.CAPTURE.DECLINED", "DECLINED", Outcome.DECLINED),
            ("PAYMENT.CAPTURE.DENIED", "DECLINED", Outcome.DECLINED),
        ]
    ),
    # A capture of a reservation bears its own key as invoice number; one by hand does not.
    News(
        delivery(CAPTURED, payment(custom_id="k1", invoice_id="k2", **OF_RESERVATION)),
        {"key": "k2"},
        {
            "kind": K.CAPTURE,
            "reference": "P1",
            "parent_reference": "A1",
            "ids": {"order": "O1", "authorization": "A1", "capture": "P1"},
        },
    ),
    News(delivery(CAPTURED, payment(custom_id="k1", **OF_RESERVATION)), {"key": "k1"}, {}),
    # A reversed capture takes the success back.
    News(
        delivery(
            "PAYMENT.CAPTURE.REVERSED", payment(id="R1", custom_id="k1", links=up("captures/C1"))
        ),
        {"key": "k1", "family": Family.PAYMENT},
        {
            "outcome": Outcome.DECLINED,
            "takes_back": True,
            "parent_reference": "C1",
            "unlisted_word": "",
        },
    ),
]
RESERVATIONS = [
    News(
        delivery(
            f"PAYMENT.AUTHORIZATION.{word}",
            payment(word, custom_id="k1", **related(order_id="O1")),
        ),
        {"key": "k1"},
        {
            "outcome": outcome,
            "kind": K.AUTHORIZE,
            "reference": "O1",
            "takes_back": word == "VOIDED",
            "ids": {"order": "O1", "authorization": "P1"},
        },
    )
    for word, outcome in [("CREATED", Outcome.SUCCEEDED), ("VOIDED", Outcome.DECLINED)]
]
REFUNDS = [
    News(
        delivery(word, payment(status, id="R1", custom_id="k4", links=up("captures/C1"))),
        {"key": "k4", "family": Family.REFUND, "references": ("R1", "C1")},
        {
            "outcome": outcome,
            "kind": K.REFUND,
            "reference": "R1",
            "parent_reference": "C1",
        },
    )
    for word, status, outcome in [
        ("PAYMENT.CAPTURE.REFUNDED", "COMPLETED", Outcome.SUCCEEDED),
        ("PAYMENT.REFUND.PENDING", "PENDING", Outcome.PENDING),
        ("PAYMENT.REFUND.FAILED", "FAILED", Outcome.DECLINED),
    ]
]
CONTESTED = {"family": Family.DISPUTE, "key": "k1", "references": ("C1",)}
DISPUTES = [
    News(
        delivery("CUSTOMER.DISPUTE.CREATED", dispute()),
        CONTESTED,
        None,
        {
            "reference": "PP-D-1",
            "status": DisputeStatus.OPEN,
            "money": Money(2500, "USD"),
            "reason": "merchandise_or_service_not_received",
            "deadline": datetime(2026, 1, 11, tzinfo=UTC),
        },
    ),
    # It stands open until somebody is told to have won.
    *(
        News(
            delivery("CUSTOMER.DISPUTE.RESOLVED", dispute(status, code)),
            CONTESTED,
            None,
            {"status": standing},
        )
        for status, code, standing in [
            *(("RESOLVED", code, standing) for code, standing in MEANINGS.items()),
            ("RESOLVED", "RESOLVED_WITH_PAYOUT", DisputeStatus.OPEN),
            ("RESOLVED", "", DisputeStatus.OPEN),
            ("UNDER_REVIEW", "RESOLVED_BUYER_FAVOUR", DisputeStatus.OPEN),
            ("OTHER", "", DisputeStatus.OPEN),
        ]
    ),
    # It may be all but empty.
    News(
        delivery("CUSTOMER.DISPUTE.UPDATED", {"dispute_id": "PP-D-1", "dispute_outcome": 7}),
        {"family": Family.DISPUTE},
        None,
        {"money": None, "deadline": None},
    ),
]
LOST = {"status": DisputeStatus.LOST, "money": Money(2500, "USD")}
ACCEPTED = dispute("RESOLVED", "ACCEPTED")
RULINGS = [
    Ruling(of_dispute(), 200, dispute("RESOLVED", "RESOLVED_BUYER_FAVOUR"), LOST),
    Ruling(of_dispute(key="other", capture="C1"), 200, ACCEPTED, LOST),
    Ruling(of_dispute(key="other", capture="C2"), 200, ACCEPTED, None),
    Ruling(of_dispute("PP-D-2"), 200, ACCEPTED, None),
    Ruling(of_dispute(), 404, error("RESOURCE_NOT_FOUND"), None),
    Ruling(of_dispute(), 500, ACCEPTED, None),
    Ruling(of_dispute(), 200, [], None),
    Ruling(of_dispute(), 200, {"dispute_id": "PP-D-1"}, None),
    Ruling(of_dispute(key=""), 200, dispute() | {"disputed_transactions": [{"custom": ""}]}, None),
]
FAMILIES = {
    "BILLING.SUBSCRIPTION.PAYMENT.FAILED": Family.SUBSCRIPTION,
    "PAYMENT.SALE.COMPLETED": Family.SUBSCRIPTION,
    "PAYMENT.SALE.REFUNDED": Family.SUBSCRIPTION,
    "INVOICING.INVOICE.PAID": Family.INVOICE,
    "PAYMENT.PAYOUTSBATCH.SUCCESS": Family.TRANSFER,
    "PAYMENT.PAYOUTS-ITEM.UNCLAIMED": Family.TRANSFER,
    "VAULT.PAYMENT-TOKEN.CREATED": Family.OTHER,
    "SOMETHING.NEW": Family.OTHER,
}


def of_family(word: str) -> list[bytes]:
    return [json.dumps(delivery(word, payment())).encode()]


# An event keeps its id over all tries.
NAMED = News(delivery("X", {"id": "1"}, id="WH-2"), {"id": "WH-2"})
NEWS = [*ORDERS, *CAPTURES, *RESERVATIONS, *REFUNDS, *DISPUTES, NAMED]
UNREADABLE = [
    b'{"id":"WH-1"}',
    b'{"id":1,"event_type":"X","resource":{"id":"1"}}',
    b'{"id":"WH-1","event_type":"X","resource":[]}',
    b'{"id":"WH-1","event_type":"X","resource":{}}',
    b'{"id":"","event_type":"X","resource":{"id":"1"}}',
]
ENDLESS = [delivery("X", {"id": "1"}, id="W" * 5000)]
HALF = "\x00\ud800"
UNSTORABLE = [
    json.dumps(
        delivery(
            CAPTURED,
            {"id": f"C{HALF}", "status": "COMPLETED", "custom_id": f"k{HALF}"},
            id=f"W{HALF}",
        )
    ).encode()
]
TYPES = [
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
    CAPTURED,
    "PAYMENT.CAPTURE.REVERSED",
    "PAYMENT.AUTHORIZATION.VOIDED",
    "PAYMENT.REFUND.FAILED",
    "CUSTOMER.DISPUTE.CREATED",
    "VAULT.X",
]
_FIELDS = st.dictionaries(
    st.sampled_from([*NAMES, *dispute(), "supplementary_data"]), ODD, min_size=1, max_size=8
)
ODD_NEWS = st.builds(delivery, st.sampled_from(TYPES), _FIELDS)
