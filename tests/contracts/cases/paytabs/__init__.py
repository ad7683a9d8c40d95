"""PayTabs' cases."""

from payments.gateways.contract import BY_PAGE
from payments.gateways.paytabs import REGIONS
from payments.gateways.paytabs_facts import STATUSES
from tests.contracts.cases.paytabs import asked, news, signed, told
from tests.contracts.cases.paytabs.words import KEY, ORDERS, charge, paytabs, transaction
from tests.contracts.shape import Cases, Personal

PRIVATE = ("Amal", "a@b.test", "tok_1")
OF_PAYER = transaction(customer_details={"name": PRIVATE[0], "email": PRIVATE[1]}, token=PRIVATE[2])
CASES = Cases(
    gateway=paytabs(),
    base=REGIONS["ARE"],
    authorization=KEY,
    secrets=(KEY,),
    capabilities=BY_PAGE,
    effects=ORDERS,
    lookups=asked.LOOKUPS,
    requests=asked.REQUESTS,
    read=asked.read,
    refused=[],
    orders_of=asked.orders_of,
    amount_in=asked.amount_in,
    repeating=asked.repeating,
    written=asked.WRITTEN,
    general=told.GENERAL,
    told=told.TOLD,
    undecided=told.UNDECIDED,
    saying=told.saying,
    listed_words=frozenset(STATUSES),
    spelt=str.upper,
    odd=told.ODD,
    says_yes=told.says_yes,
    personal=Personal(charge(), OF_PAYER, OF_PAYER, PRIVATE),
    news=news.NEWS,
    families=news.FAMILIES,
    of_family=news.of_family,
    unreadable=[b'{"tran_type": "Sale"}'],
    endless=news.ENDLESS,
    unstorable=news.UNSTORABLE,
    odd_news=news.ODD_NEWS,
    sign=signed.sign,
    forged=signed.FORGED,
    believed=signed.BELIEVED,
    unset=signed.UNSET,
)
