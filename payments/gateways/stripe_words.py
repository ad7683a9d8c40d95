"""Stripe's words in ours: its tables, its names for our keys, and how its fields are read."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from payments.crypto.redaction import HIDDEN, redact
from payments.currencies import EXPONENTS
from payments.errors import DomainError, InvalidAmount, UnsupportedCurrency
from payments.gateways.messages import DisputeStatus
from payments.gateways.reading import part_of, text_in
from payments.money import Money
from payments.statuses import FailureCode, Outcome

# Stripe's list; the funds codes and currencies that cards cannot be charged in are not on it.
_CODES = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF
    CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD
    HNL HTG HUF IDR ILS INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD
    MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR
    PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD STN SZL THB TJS TND TOP TRY TTD
    TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW
"""
CURRENCIES = frozenset(_CODES.split()) & frozenset(EXPONENTS)
# Stripe's decimals where they are not ISO's: an ariary is sent whole, a króna as a hundred.
UNITS = {"MGA": 0, "ISK": 2, "UGX": 2}
# The last of their three decimals must be 0.
ROUNDED = frozenset(code for code in CURRENCIES if EXPONENTS[code] == 3)
STATUSES = {
    "requires_payment_method": Outcome.ACTION_REQUIRED,
    "requires_confirmation": Outcome.PENDING,
    "requires_action": Outcome.ACTION_REQUIRED,
    "processing": Outcome.PENDING,
    "requires_capture": Outcome.SUCCEEDED,
    "succeeded": Outcome.SUCCEEDED,
    "canceled": Outcome.DECLINED,
}
# The same words where the question was a capture or a void. NOT_SENT: neither was done.
_UNDONE = dict.fromkeys(
    ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"),
    Outcome.NOT_SENT,
)
CAPTURE_STATUSES = _UNDONE | {
    "processing": Outcome.PENDING,
    "succeeded": Outcome.SUCCEEDED,
    "canceled": Outcome.DECLINED,
}
VOID_STATUSES = _UNDONE | {
    "processing": Outcome.PENDING,
    "succeeded": Outcome.DECLINED,
    "canceled": Outcome.SUCCEEDED,
}
# A page on which nobody had paid yet can be closed.
CLOSED_STATUSES = {"open": Outcome.NOT_SENT, "expired": Outcome.SUCCEEDED}
# `unpaid` after the page is complete: a bank takes days, or an authorisation is not captured yet.
SESSION_STATUSES = {"paid": Outcome.SUCCEEDED, "unpaid": Outcome.PENDING}
REFUND_STATUSES = {
    "pending": Outcome.PENDING,
    "requires_action": Outcome.PENDING,
    "succeeded": Outcome.SUCCEEDED,
    "failed": Outcome.DECLINED,
    "canceled": Outcome.DECLINED,
}
# A warning is an inquiry that may become a dispute; a prevented one never did.
DISPUTE_STATUSES = {
    "warning_closed": DisputeStatus.WON,
    "won": DisputeStatus.WON,
    "prevented": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
}
DECLINES = {
    "insufficient_funds": FailureCode.INSUFFICIENT_FUNDS,
    "authentication_required": FailureCode.AUTHENTICATION_FAILED,
    "payment_intent_authentication_failure": FailureCode.AUTHENTICATION_FAILED,
    "processing_error": FailureCode.PROVIDER_ERROR,
}
# Why an intent was cancelled: most reasons are somebody's wish, these are Stripe's clock.
CANCELLATIONS = {"automatic": FailureCode.EXPIRED, "expired": FailureCode.EXPIRED}
# Our names at Stripe, spelt so that no other program on the same account uses them.
KEY_NAME, CAPTURE_KEY_NAME = "ballast_operation", "ballast_capture"
# How an intent came to be: a page takes one card after another, a token is charged once.
WAY_NAME, BY_TOKEN = "ballast_way", "token"
# What Stripe's browser library makes of a card.
TOKEN = re.compile(r"pm_\w{1,250}", re.ASCII)
# What later orders name it by; used in paths, so nothing but letters, digits and underscores.
ID = re.compile(r"\w{1,128}", re.ASCII)
_URL_LENGTH = 2000


def time_in(thing: dict[str, Any], name: str) -> datetime | None:
    """A point in time, from seconds since 1970; None where there is none."""
    value = thing.get(name)
    if type(value) is not int or not 0 < value < 10**10:
        return None
    return datetime.fromtimestamp(value, UTC)


def units(money: Money) -> str:
    """An amount as Stripe counts it. Raises UnsupportedCurrency and InvalidAmount."""
    if money.currency not in CURRENCIES:
        raise UnsupportedCurrency(f"Stripe takes no {money.currency}.", attr="currency")
    exponent = EXPONENTS[money.currency]
    scaled = money.decimal.scaleb(UNITS.get(money.currency, exponent))
    if scaled <= 0 or scaled % 1 or (money.currency in ROUNDED and scaled % 10):
        raise InvalidAmount(f"{money} is finer or less than Stripe takes.", attr="amount")
    return f"{scaled:.0f}"


def money_in(thing: dict[str, Any], name: str) -> Money | None:
    """An amount as Stripe counted it, in our minor units; None where it is none of ours."""
    amount, currency = thing.get(name), text_in(thing, "currency").upper()
    if type(amount) is not int or amount < 0 or currency not in EXPONENTS:
        return None
    shift = EXPONENTS[currency] - UNITS.get(currency, EXPONENTS[currency])
    minor, rest = (amount * 10**shift, 0) if shift >= 0 else divmod(amount, 10**-shift)
    try:
        return None if rest else Money(minor, currency)
    except DomainError:
        return None


def key_of(thing: dict[str, Any]) -> str:
    """The key of the operation that made a page, an intent or a refund."""
    return text_in(part_of(thing, "metadata"), KEY_NAME) or text_in(thing, "client_reference_id")


def capture_key_of(intent: dict[str, Any]) -> str:
    """The key of the operation that captured an intent: written beside the one that made it."""
    return text_in(part_of(intent, "metadata"), CAPTURE_KEY_NAME)


def shown(told: Any) -> Any:
    """What may be kept of a conversation: redacted, and without the payer's token."""
    return json.loads(TOKEN.sub(HIDDEN, json.dumps(redact(told))))


def named(**ids: str) -> dict[str, str]:
    """Those ids that are known, by their names."""
    return {name: value for name, value in ids.items() if value}


def url_in(thing: dict[str, Any]) -> str:
    """The address of a page; empty where it is none that a browser may be sent to."""
    url = text_in(thing, "url")
    is_address = url.startswith(("https://", "http://")) and len(url) <= _URL_LENGTH
    return url if is_address else ""


def id_in(thing: dict[str, Any], name: str) -> str:
    """An id, whether the object that bears it was expanded or not."""
    value = thing.get(name)
    value = value.get("id") if isinstance(value, dict) else value
    return value if isinstance(value, str) and ID.fullmatch(value) else ""
