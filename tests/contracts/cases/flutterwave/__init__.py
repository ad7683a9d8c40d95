"""Flutterwave's cases."""

from payments.gateways.contract import Capability
from tests.contracts.cases.flutterwave import asked, news, signed, told
from tests.contracts.cases.flutterwave.words import (
    HASH,
    KEY,
    ORDERS,
    flutterwave,
    listed,
    transaction,
)
from tests.contracts.shape import Cases, Personal

PRIVATE = ("a@b.test", "Amal", "flw-t1")
OF_PAYER = transaction(
    customer={"email": PRIVATE[0], "name": PRIVATE[1]}, card={"token": PRIVATE[2]}
)
CASES = Cases(
    gateway=flutterwave(),
    base=asked.BASE,
    authorization=f"Bearer {KEY}",
    secrets=(KEY, HASH),
    capabilities=frozenset(
        {Capability.CHARGE, Capability.REFUND, Capability.PARTIAL_REFUND, Capability.LIST}
    ),
    effects=ORDERS,
    lookups=asked.LOOKUPS,
    requests=asked.REQUESTS,
    read=asked.read,
    refused=asked.REFUSED,
    orders_of=asked.orders_of,
    amount_in=asked.amount_in,
    repeating=asked.repeating,
    written=asked.WRITTEN,
    general=told.GENERAL,
    told=told.TOLD,
    undecided=told.UNDECIDED,
    saying=told.saying,
    listed_words=told.LISTED,
    spelt=str.lower,
    odd=told.ODD,
    says_yes=told.says_yes,
    personal=Personal(
        told.FOUND, listed(OF_PAYER), news.delivery("charge.completed", OF_PAYER), PRIVATE
    ),
    news=news.NEWS,
    families=news.FAMILIES,
    of_family=news.of_family,
    unreadable=news.UNREADABLE,
    endless=news.ENDLESS,
    unstorable=news.UNSTORABLE,
    odd_news=news.ODD_NEWS,
    disputes=asked.DISPUTES,
    rulings=news.RULINGS,
    sign=signed.sign,
    forged=signed.FORGED,
    believed=signed.BELIEVED,
    unset=signed.UNSET,
)
