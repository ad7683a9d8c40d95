"""What Paystack's notifications tell."""

import json
from datetime import UTC, datetime
from typing import Any

from payments.gateways.messages import DisputeStatus, Family
from payments.money import Money
from payments.statuses import Outcome
from tests.contracts.cases.paystack.told import ODD
from tests.contracts.cases.paystack.words import (
    AUTHORIZE,
    CAPTURE,
    CHARGE,
    REFUND,
    VOID,
    dispute,
    refund,
    reservation,
    transaction,
)
from tests.contracts.shape import News


def delivery(event: str, data: Any) -> dict[str, Any]:
    return {"event": event, "data": data}


def reserved(event: str, data: Any, kind: Any, outcome: Outcome, key: str, *of: str) -> News:
    """News of a reservation names what was done with it."""
    parent = "" if key else "auth1"
    result = {"kind": kind, "outcome": outcome, "parent_reference": parent}
    return News(delivery(event, data), {"key": key, "references": of}, result)


CAPTURED = reservation(status="captured", transaction_id="15")
PRE = "preauthorization."
PAYMENTS = [
    News(
        delivery("charge.success", transaction()),
        {"key": "k1", "family": Family.PAYMENT, "id": "charge.success:302961"},
        {"outcome": Outcome.SUCCEEDED, "kind": CHARGE},
    ),
    reserved(
        f"{PRE}reserve.success", reservation(), AUTHORIZE, Outcome.SUCCEEDED, "auth1", "auth1"
    ),
    reserved(f"{PRE}capture.success", CAPTURED, CAPTURE, Outcome.SUCCEEDED, "", "15"),
    reserved(
        f"{PRE}capture.failed",
        reservation(status="capture_failed"),
        CAPTURE,
        Outcome.DECLINED,
        "",
    ),
    reserved(
        f"{PRE}release.success", reservation(status="released"), VOID, Outcome.SUCCEEDED, "", "3099"
    ),
    reserved(
        f"{PRE}release.failed",
        reservation(status="release_failed"),
        VOID,
        Outcome.DECLINED,
        "",
        "3099",
    ),
    reserved(
        "charge.success",
        transaction(channel="preauth", reference="auth1"),
        CAPTURE,
        Outcome.SUCCEEDED,
        "",
        "302961",
    ),
]
REFUNDS = [
    # It names its charge and has no id.
    News(
        delivery(
            "refund.processed",
            {
                "status": "processed",
                "transaction_reference": "k1",
                "refund_reference": "1320",
                "amount": "5000",
                "currency": "NGN",
            },
        ),
        {
            "family": Family.REFUND,
            "key": "",
            "references": ("1320",),
            "id": "refund.processed:k1:1320:5000",
        },
        {
            "kind": REFUND,
            "outcome": Outcome.SUCCEEDED,
            "reference": "",
            "parent_reference": "k1",
            "money": Money(5000, "NGN"),
        },
    ),
    # One whose note comes back is known by our key.
    News(
        delivery("refund.needs-attention", refund(status="needs-attention")),
        {"key": "r1", "references": ("77",)},
        {"outcome": Outcome.PENDING},
    ),
]
RESOLVED = {"status": "resolved"}
_DISPUTES: list[Any] = [
    ("create", {}, DisputeStatus.OPEN),
    ("remind", {"status": "pending"}, DisputeStatus.OPEN),
    ("resolve", RESOLVED | {"resolution": "merchant-accepted"}, DisputeStatus.LOST),
    ("resolve", RESOLVED | {"resolution": "auto-accepted"}, DisputeStatus.LOST),
    ("resolve", RESOLVED | {"resolution": "declined"}, DisputeStatus.WON),
    ("resolve", RESOLVED | {"transaction": transaction(status="reversed")}, DisputeStatus.LOST),
    ("resolve", RESOLVED | {"resolution": "moon"}, DisputeStatus.OPEN),
]
DISPUTES = [
    News(
        delivery(f"charge.dispute.{word}", dispute(**facts)),
        {"family": Family.DISPUTE, "key": "k1", "references": ("302961",)},
        None,
        {
            "reference": "358950",
            "status": status,
            "money": Money(5800, "NGN"),
            "reason": "chargeback",
            "deadline": datetime(2020, 11, 25, 18, tzinfo=UTC),
        },
    )
    for word, facts, status in _DISPUTES
]
FAMILIES = {
    "transfer.success": Family.TRANSFER,
    "subscription.create": Family.SUBSCRIPTION,
    "invoice.payment_failed": Family.INVOICE,
    "paymentrequest.success": Family.INVOICE,
    "customeridentification.failed": Family.OTHER,
    "dedicatedaccount.assign.success": Family.OTHER,
    "preauthorization.unheard.of": Family.PAYMENT,
    "something.new": Family.OTHER,
}


def of_family(event: str) -> list[bytes]:
    bodies: list[Any] = [{"transfer_code": "TRF_1"}, {}, None, [], "x"]
    return [json.dumps(delivery(event, data)).encode() for data in bodies]


NEWS = [*PAYMENTS, *REFUNDS, *DISPUTES]
UNREADABLE = [b'{"event":{}}', b'{"event":"\\u0000"}', b'{"event":' + b"9" * 5000 + b"}"]
ENDLESS = [delivery("charge.success", transaction(id="9" * 5000))]
UNSTORABLE = [
    json.dumps(
        delivery("charge.success\x00", transaction(reference="k\x00\ud800", channel="c\x00"))
    ).encode()
]
ODD_NEWS = ODD
