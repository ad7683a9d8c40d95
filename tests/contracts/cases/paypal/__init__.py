"""PayPal's cases."""

import base64

from payments.gateways.contract import BY_PAGE, Capability
from tests.contracts.cases.paypal import asked, news, signed, told
from tests.contracts.cases.paypal.words import (
    ODD,
    SANDBOX,
    SECRET,
    leaf,
    middle,
    order,
    payment,
    pem,
    trusting,
)
from tests.contracts.shape import TOKEN, Cases, Personal

PRIVATE = ("Amal", "Haddad", "a@b.test")
OF_PAYER = order(captures=[payment()])
OF_PAYER["purchase_units"][0]["shipping"] = {"name": {"full_name": "Amal Haddad"}}
CASES = Cases(
    gateway=trusting(),
    base=SANDBOX,
    authorization=f"Bearer {TOKEN}",
    secrets=(SECRET, base64.b64encode(f"AtheClient:{SECRET}".encode()).decode()),
    capabilities=BY_PAGE | {Capability.LIST},
    effects=asked.EFFECTS,
    lookups=asked.LOOKUPS,
    steps=asked.STEPS,
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
    listed_words=told.LISTED,
    spelt=str.upper,
    odd=ODD,
    says_yes=told.says_yes,
    personal=Personal(
        told.LOOKUP, OF_PAYER, news.delivery("CHECKOUT.ORDER.APPROVED", OF_PAYER), PRIVATE
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
    document=pem(leaf(), middle()),
    forged=signed.FORGED,
    believed=signed.BELIEVED,
    unset=signed.UNSET,
)
