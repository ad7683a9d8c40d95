"""Paystack's cases."""

from payments.gateways.contract import BY_PAGE, Capability
from payments.gateways.paystack import API
from tests.contracts.cases.paystack import asked, news, signed, told
from tests.contracts.cases.paystack.words import KEY, ORDERS, ok, paystack, transaction
from tests.contracts.shape import Cases, Personal

OF_PAYER = transaction(
    customer={"email": "a@b.test", "phone": "0801"}, authorization={"bin": "408408"}
)
OTHER = "paystack-webhook-TESTONLY"
CASES = Cases(
    gateway=paystack(KEY, OTHER),
    base=API,
    authorization=f"Bearer {KEY}",
    secrets=(KEY, OTHER),
    capabilities=BY_PAGE | {Capability.LIST},
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
        told.FOUND,
        ok(OF_PAYER),
        news.delivery("charge.success", OF_PAYER),
        ("a@b.test", "0801"),
    ),
    news=news.NEWS,
    families=news.FAMILIES,
    of_family=news.of_family,
    unreadable=news.UNREADABLE,
    endless=news.ENDLESS,
    unstorable=news.UNSTORABLE,
    odd_news=news.ODD_NEWS,
    sign=signed.sign,
    forged=signed.FORGED,
    believed=signed.BELIEVED,
    unset=signed.UNSET,
)
