"""What Flutterwave's notifications tell."""

import json
from datetime import UTC, datetime
from typing import Any

from payments.gateways.flutterwave_facts import STATUSES
from payments.gateways.messages import DisputeStatus, Family
from payments.money import Money
from payments.statuses import Outcome
from tests.contracts.cases.flutterwave.told import ODD
from tests.contracts.cases.flutterwave.words import (
    CHARGE,
    REFUND,
    chargeback,
    contested,
    listed,
    no,
    ok,
    refund,
    transaction,
)
from tests.contracts.shape import News, Ruling


def delivery(event: str, data: Any, **facts: Any) -> dict[str, Any]:
    return {"event": event, "data": data} | facts


# Completed may mean failed.
CHARGES = [
    News(
        delivery("charge.completed", transaction(status=word)),
        {
            "key": "k1",
            "family": Family.PAYMENT,
            "id": f"charge.completed:8415006:{word}",
            "references": ("8415006",),
        },
        {
            "outcome": STATUSES[CHARGE][word],
            "ids": {"transaction": "8415006", "flw_ref": "FLW-MOCK-1"},
        },
    )
    for word in ("successful", "failed")
]
OF_V4 = {
    "webhook_id": "wbk_1",
    "timestamp": 1,
    "type": "charge.completed",
    "data": {
        "id": "chg_1",
        "amount": 2500,
        "currency": "NGN",
        "reference": "k1",
        "status": "succeeded",
        "payment_method": {"type": "card"},
    },
}
OTHER_VERSIONS = [
    News(
        OF_V4,
        {"id": "charge.completed:wbk_1", "key": "k1"},
        {"outcome": Outcome.SUCCEEDED, "ids": {"transaction": "chg_1"}, "payment_method": "card"},
    ),
    # The bare transaction of an old account.
    News(
        {"id": 5, "txRef": "k1", "status": "successful", "event.type": "CARD_TRANSACTION"},
        {"key": "k1", "type": "charge.completed"},
        {"outcome": Outcome.SUCCEEDED},
    ),
]
REFUNDS = [
    News(
        delivery("refund.completed", refund()),
        {"family": Family.REFUND, "key": "r1", "references": ("8612", "URF_1")},
        {"kind": REFUND, "parent_reference": "8415006"},
    )
]
CHARGEBACKS = [
    News(
        delivery(
            "chargeback.updated",
            chargeback(
                currency="NGN", status=word, comment="fraud", due_date="2026-02-01T00:00:00Z"
            ),
        ),
        {"family": Family.DISPUTE, "key": "k1", "references": ("FLW-MOCK-1", "8415006")},
        None,
        {
            "reference": "7",
            "status": status,
            "money": Money(250000, "NGN"),
            "reason": "fraud",
            "deadline": datetime(2026, 2, 1, tzinfo=UTC),
        },
    )
    for word, status in [
        ("initiated", DisputeStatus.OPEN),
        ("declined", DisputeStatus.OPEN),
        ("new word", DisputeStatus.OPEN),
        ("won", DisputeStatus.WON),
        ("lost", DisputeStatus.LOST),
        ("accepted", DisputeStatus.LOST),
    ]
]
LOST = {"status": DisputeStatus.LOST, "money": Money(250000, "NGN")}
LISTED: list[tuple[list[Any], dict[str, Any] | None]] = [
    ([chargeback()], LOST),
    ([chargeback(id=6), 7, chargeback(id="7")], LOST),
    ([chargeback(tx_ref=None, transaction_id=None)], LOST),
    ([chargeback(tx_ref="k1", flw_ref="", transaction_id="")], LOST),
    ([chargeback(id=6)], None),
    ([chargeback(tx_ref="k2", flw_ref="FLW-MOCK-2", transaction_id=1)], None),
    ([], None),
]
RULINGS = [
    *(Ruling(contested(), 200, listed(*entries), facts) for entries, facts in LISTED),
    *(
        Ruling(contested(), status, body, None)
        for status, body in [
            (401, no()),
            (500, listed(chargeback())),
            (200, no()),
            (200, b"<html>"),
            (200, ok({})),
        ]
    ),
]
FAMILIES = {
    "transfer.completed": Family.TRANSFER,
    "subscription.cancelled": Family.SUBSCRIPTION,
    "something.new": Family.OTHER,
}


def of_family(event: str) -> list[bytes]:
    bodies: list[Any] = [{"id": 1}, {}, None, [], "x"]
    return [json.dumps(delivery(event, data)).encode() for data in bodies]


NEWS = [*CHARGES, *OTHER_VERSIONS, *REFUNDS, *CHARGEBACKS]
UNREADABLE = [b'{"event":{}}', b'{"Id":1,"Amount":5}']
ENDLESS = [
    delivery("charge.completed", transaction(id="9" * 5000)),
    delivery("charge.completed", {}, webhook_id="w" * 5000),
]
UNSTORABLE = [
    json.dumps(
        delivery("charge.completed\x00", transaction(tx_ref="k\x00\ud800", payment_type="c\x00"))
    ).encode()
]
ODD_NEWS = ODD
