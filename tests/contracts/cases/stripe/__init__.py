"""Stripe's cases."""

from payments.gateways.contract import Capability
from payments.gateways.stripe import BASE
from payments.gateways.stripe_words import STATUSES
from tests.contracts.cases.stripe import asked, news, signed, told
from tests.contracts.cases.stripe.words import KEY, SECRET, charge, session, stripe
from tests.contracts.shape import Cases, Personal

PRIVATE = ("Amal", "a@b.test", "cs_1_secret_x")
SESSION = session(
    customer_details={"name": PRIVATE[0], "email": PRIVATE[1]}, client_secret=PRIVATE[2]
)
CASES = Cases(
    gateway=stripe(),
    base=BASE,
    authorization=f"Bearer {KEY}",
    secrets=(KEY, SECRET),
    capabilities=frozenset(Capability),
    effects=asked.EFFECTS,
    lookups=asked.LOOKUPS,
    requests=asked.REQUESTS,
    read=asked.read,
    refused=asked.REFUSED,
    orders_of=asked.orders_of,
    amount_in=asked.amount_in,
    repeating=asked.repeating,
    written=asked.WRITTEN,
    too_fine=asked.TOO_FINE,
    step=asked.step,
    general=told.GENERAL,
    told=told.TOLD,
    undecided=told.UNDECIDED,
    saying=told.saying,
    listed_words=frozenset(STATUSES),
    odd=told.ODD,
    says_yes=told.says_yes,
    personal=Personal(
        charge(), SESSION, news.delivery("checkout.session.expired", SESSION), PRIVATE
    ),
    news=news.NEWS,
    families=news.FAMILIES,
    of_family=news.of_family,
    unreadable=news.UNREADABLE,
    endless=news.ENDLESS,
    unstorable=news.UNSTORABLE,
    odd_news=news.ODD_NEWS,
    sign=signed.sign,
    forged=[
        (reason, signed.given(each)) for reason, many in signed.FORGED.items() for each in many
    ],
    believed=signed.BELIEVED,
    unset=signed.UNSET,
)
