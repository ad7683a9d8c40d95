"""What PayTabs' notifications tell."""

import json
from typing import Any

from payments.gateways.messages import Family
from payments.money import Money
from tests.contracts.cases.paytabs.told import ODD, WORDS
from tests.contracts.cases.paytabs.words import K, transaction
from tests.contracts.shape import News

SAID = [
    News(
        transaction(word, code),
        {},
        {"outcome": outcome, "failure": failure, "unlisted_word": ""},
    )
    for word, code, outcome, failure in WORDS
]
_AMOUNTS: list[Any] = [
    ({}, Money(12550, "AED")),
    ({"tran_total": "100.00"}, Money(10000, "AED")),
    ({"tran_currency": "KWD", "tran_total": "3.125"}, Money(3125, "KWD")),
    ({"tran_currency": "JPY", "tran_total": "1200.00"}, Money(1200, "JPY")),
    ({"tran_total": 125.5}, Money(12550, "AED")),
    ({"tran_total": None}, Money(12550, "AED")),
    ({"tran_total": "125.505"}, None),
    ({"tran_total": "a lot"}, None),
    ({"tran_total": "NaN"}, None),
    ({"tran_total": "1e400"}, None),
    ({"tran_total": "1e999999"}, None),
    ({"tran_total": "1e999990"}, None),
    ({"tran_total": "-5.00"}, None),
    ({"tran_total": 0}, Money(0, "AED")),
    ({"tran_currency": "???"}, None),
    ({"tran_total": {"amount": 1}}, None),
]
# What was really charged, which a discount may have made less.
AMOUNTS = [News(transaction(**facts), {}, {"money": money}) for facts, money in _AMOUNTS]
# Callback and IPN of the same news are one event.
ONE_NAME = {"id": "100001:TST1:sale:A"}
TWICE = [
    News(transaction(ipn_trace="IPNS1"), ONE_NAME, {}),
    News(transaction(tran_type="SALE", ipn_trace="IPNS2"), ONE_NAME, {}),
]
SORTS = [
    News(
        transaction(tran_type=tran_type, previous_tran_ref="TST0"),
        {"key": "k1", "family": family, "references": ("TST0", "TST1")},
        {"kind": kind},
    )
    for tran_type, kind, family in [
        ("Sale", K.CHARGE, Family.PAYMENT),
        ("AUTH", K.AUTHORIZE, Family.PAYMENT),
        ("Payment Request", None, Family.PAYMENT),
        ("Refund", K.REFUND, Family.REFUND),
        ("Void", K.VOID, Family.PAYMENT),
        ("Release", K.VOID, Family.PAYMENT),
        ("Capture", K.CAPTURE, Family.PAYMENT),
    ]
] + [
    News(
        transaction(tran_type="Register", previous_tran_ref="TST0"),
        {"key": "k1", "family": Family.PAYMENT, "references": ("TST0", "TST1")},
        None,
    )
]
NEWS = [*SAID, *AMOUNTS, *TWICE, *SORTS]
FAMILIES = {"register": Family.PAYMENT, "authext": Family.PAYMENT}


def of_family(tran_type: str) -> list[bytes]:
    bodies: list[Any] = [transaction(tran_type=tran_type, cart_id="")]
    return [json.dumps(body).encode() for body in bodies]


ENDLESS = [transaction(tran_ref="T" * 5000), transaction(tran_type="x" * 5000)]
UNSTORABLE = [
    json.dumps(transaction(tran_ref="T\x00\ud800", cart_id="k\x00", tran_type="sale\x00")).encode()
]
ODD_NEWS = ODD
