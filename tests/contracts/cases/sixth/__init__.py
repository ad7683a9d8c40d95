"""The pretend sixth provider's cases: all that it takes to be held to the same contract."""

import json
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from payments.crypto.signatures import hmac_hex
from payments.errors import NotSupported
from payments.gateways.contract import Capability
from payments.gateways.messages import Capture, Charge, Family, GatewayResult, Handle, Lookup
from payments.gateways.reading import text_of
from payments.gateways.wire import Headers, WireRequest
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome
from tests.contracts.shape import BODY, Asked, Cases, General, News, Personal, Signed, Told
from tests.contracts.sixth import STATUSES, Sixth
from tests.contracts.vectors import result_of

SECRET = "sixth-secret-TESTONLY"
BASE = "https://sixth.test"
USUAL = {"base": BASE, "timeout": timedelta(seconds=30), "settling_time": timedelta(seconds=120)}
SIXTH, UNSET = (Sixth.made({"secret": secret}, USUAL) for secret in (SECRET, ""))


def charge(money: Money = Money(12550, "AED")) -> Charge:
    return Charge("k1", OperationKind.CHARGE, money, "Order 1", "https://us/r", "https://us/h")


FOUND = Lookup("k1", OperationKind.CHARGE)


def paid(status: Any = "paid", **facts: Any) -> dict[str, Any]:
    usual = {"id": "E1", "key": "k1", "status": status, "reference": "S1"}
    return usual | {"amount": 12550, "currency": "AED"} | facts


def read(request: WireRequest) -> Any:
    return json.loads(request.body)


def sign(body: bytes, secret: str = SECRET) -> Headers:
    return (("X-Sixth", hmac_hex(secret.encode(), body)),)


def saying(word: str) -> list[GatewayResult]:
    return [result_of(SIXTH, order, 200, paid(word)) for order in (charge(), FOUND)]


ODD = st.dictionaries(st.sampled_from([*paid()]), st.none() | st.integers() | st.text())
PRIVATE = ("a@b.test", "Amal")
OF_PAYER = paid(customer={"email": PRIVATE[0], "name": PRIVATE[1]})
CASES = Cases(
    gateway=SIXTH,
    base=BASE,
    authorization=SECRET,
    secrets=(SECRET,),
    capabilities=frozenset({Capability.CHARGE}),
    effects={"charge": charge()},
    lookups=[FOUND],
    requests=[
        Asked(charge(), "POST /pay", {"key": "k1", "amount": 12550, "currency": "AED"}),
        Asked(FOUND, "POST /find", {"key": "k1"}),
    ],
    read=read,
    refused=[(Capture("k2", Money(100, "AED"), Handle("S1")), NotSupported)],
    orders_of=lambda money: [charge(money)],
    amount_in=lambda request: str(read(request)["amount"]),
    repeating=lambda money, text: (
        FOUND,
        paid(amount=int(text), currency=money.currency),
    ),
    written=[(Money(12550, "AED"), "12550")],
    general=[
        General(400, paid(), Outcome.UNKNOWN),
        General(429, b"<html>", Outcome.NOT_SENT),
        General(200, {"status": None}, Outcome.PENDING, {"unlisted_word": "nothing"}),
    ],
    told=[
        Told(FOUND, 200, paid(), Outcome.SUCCEEDED, {"money": Money(12550, "AED")}),
        Told(FOUND, 200, paid("refused"), Outcome.DECLINED, {"failure": FailureCode.CARD_DECLINED}),
        Told(
            charge(),
            200,
            paid("open", page=f"{BASE}/1"),
            Outcome.ACTION_REQUIRED,
            {"redirect_url": f"{BASE}/1", "reference": "S1"},
        ),
    ],
    undecided=[],
    saying=saying,
    listed_words=frozenset(STATUSES),
    odd=ODD,
    says_yes=lambda order, status, body: status == 200 and text_of(body, "status") == "paid",
    personal=Personal(charge(), OF_PAYER, OF_PAYER, PRIVATE),
    news=[
        News(
            paid(),
            {"id": "E1", "key": "k1", "family": Family.PAYMENT},
            {"outcome": Outcome.SUCCEEDED, "money": Money(12550, "AED")},
        )
    ],
    families={},
    of_family=lambda word: [],
    unreadable=[b'{"status": "paid"}'],
    endless=[paid(id="9" * 5000)],
    unstorable=[json.dumps(paid(reference="S\x00\ud800", key="k\x00")).encode()],
    odd_news=ODD,
    sign=sign,
    forged=[("mismatch", Signed(SIXTH, (("X-Sixth", "x"),)))],
    believed=[Signed(SIXTH, sign(BODY))],
    unset=[Signed(UNSET, sign(BODY, ""))],
)
