"""Stripe's objects in our words: a page, a payment intent, a refund, a dispute, an amount.

The tables of its words stand at the top; `stripe` beside it asks, verifies and dispatches.
"""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from payments.crypto.redaction import HIDDEN, redact
from payments.currencies import EXPONENTS
from payments.errors import DomainError, InvalidAmount, UnsupportedCurrency
from payments.gateways.messages import (
    DisputeNews,
    DisputeStatus,
    Failure,
    GatewayResult,
)
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome

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
UNKNOWN = GatewayResult(Outcome.UNKNOWN)


def session_result(session: dict[str, Any], kind: OperationKind | None = None) -> GatewayResult:
    """What became of a page. What its payment intent says of money counts, if it is told."""
    intent, state = session.get("payment_intent"), text_in(session, "status")
    told = intent_result(intent, kind) if isinstance(intent, dict) else _page_result(session)
    if state == "open" and told.outcome not in (Outcome.SUCCEEDED, Outcome.PENDING):
        told = replace(_page_result(session), failure=told.failure)
    elif state == "expired" and told.outcome is not Outcome.SUCCEEDED:
        told = _page_result(session)
    elif state == "complete" and told.outcome is Outcome.ACTION_REQUIRED:
        told = _after_the_page(told)
    reference, parent = id_in(session, "id"), id_in(session, "payment_intent")
    ids = dict(told.ids) | _named(session=reference, payment_intent=parent)
    # The intent is another name for the same: told as its parent, so that either is believed.
    return replace(told, reference=reference, parent_reference=parent, ids=ids)


def _page_result(session: dict[str, Any]) -> GatewayResult:
    money, state = _money_in(session, "amount_total"), text_in(session, "status")
    if state == "open":
        return GatewayResult(Outcome.ACTION_REQUIRED, money=money, redirect_url=_url(session))
    if state == "expired":
        failure = Failure(FailureCode.EXPIRED, "The payment page has expired.")
        return GatewayResult(Outcome.DECLINED, money=money, failure=failure)
    if state != "complete":
        return GatewayResult(Outcome.PENDING if state else Outcome.UNKNOWN, unlisted_word=state)
    word = text_in(session, "payment_status")
    outcome = SESSION_STATUSES.get(word, Outcome.PENDING)
    return GatewayResult(
        outcome, money=money, unlisted_word="" if word in SESSION_STATUSES else word
    )


def _after_the_page(told: GatewayResult) -> GatewayResult:
    """The payer has finished: a refusal is final now, and a voucher may yet be paid for days."""
    return replace(told, outcome=Outcome.DECLINED if told.failure else Outcome.PENDING)


def intent_result(intent: dict[str, Any], asked: OperationKind | None = None) -> GatewayResult:
    """What became of an intent; `asked` is the kind of the operation that it is asked for."""
    told = _intent_told(intent, asked)
    is_by_token = text_in(part(intent, "metadata"), WAY_NAME) == BY_TOKEN
    return _told_of_token(intent, told) if is_by_token else told


def _told_of_token(intent: dict[str, Any], told: GatewayResult) -> GatewayResult:
    """There is no page that takes another card: a refusal ends it, a bank's question is a page."""
    told = replace(told, reference=id_in(intent, "id"))
    if text_in(intent, "status") == "requires_action":
        return replace(told, redirect_url=_question_of_bank(intent))
    if told.outcome is not Outcome.ACTION_REQUIRED:
        return told
    failure = told.failure or Failure(FailureCode.CARD_DECLINED)
    return replace(told, outcome=Outcome.DECLINED, failure=failure, leaves_another_try=True)


def _question_of_bank(intent: dict[str, Any]) -> str:
    action = part(intent, "next_action")
    return _url(part(action, text_in(action, "type")))


def _intent_told(intent: dict[str, Any], asked: OperationKind | None) -> GatewayResult:
    word = text_in(intent, "status")
    outcome = STATUSES.get(word, Outcome.PENDING) if word else Outcome.UNKNOWN
    kind = _kind_of(intent, word)
    total = "amount_capturable" if word == "requires_capture" else "amount_received"
    if asked is OperationKind.AUTHORIZE and kind is OperationKind.CAPTURE:
        # What was reserved has been taken since, perhaps in part: it was reserved in full.
        kind, total = asked, "amount"
    return GatewayResult(
        outcome,
        kind=kind,
        takes_back=word == "canceled",
        money=_money_in(intent, total if outcome is Outcome.SUCCEEDED else "amount"),
        payment_method=_payment_method(intent),
        failure=_failure_of(intent, word),
        ids=_ids_of(intent),
        unlisted_word="" if word in STATUSES else word,
    )


def _kind_of(intent: dict[str, Any], word: str) -> OperationKind | None:
    if word == "requires_capture":
        return OperationKind.AUTHORIZE
    method = text_in(intent, "capture_method")
    if word != "succeeded" or not method:
        return None
    return OperationKind.CAPTURE if method == "manual" else OperationKind.CHARGE


def _failure_of(intent: dict[str, Any], word: str) -> Failure | None:
    if word == "canceled":
        reason = text_in(intent, "cancellation_reason")
        return Failure(CANCELLATIONS.get(reason, FailureCode.CANCELLED_BY_PAYER), reason)
    error = part(intent, "last_payment_error")
    return failure_in(error) if error and word == "requires_payment_method" else None


def follow_up_result(kind: OperationKind, key: str, answer: dict[str, Any]) -> GatewayResult:
    """What became of a capture or a void, read off the intent (or the page) that it is about."""
    inner = answer.get("payment_intent")
    thing = inner if isinstance(inner, dict) else answer
    word, table = text_in(thing, "status"), _table_for(kind, thing)
    if not word or not table:
        return UNKNOWN
    outcome = table.get(word, Outcome.PENDING)
    if outcome is Outcome.NOT_SENT:
        return GatewayResult(outcome)
    if kind is OperationKind.CAPTURE and word == "succeeded" and capture_key_of(thing) != key:
        outcome = Outcome.DECLINED  # it was captured, yet not by this operation
    too_late = Failure(FailureCode.PROVIDER_ERROR, f"The payment is {word} already.")
    return GatewayResult(
        outcome,
        kind=kind,
        reference=id_in(thing, "id"),
        money=_money_moved(kind, thing),
        failure=too_late if outcome is Outcome.DECLINED else None,
        ids=_ids_of(thing),
        unlisted_word="" if word in table else word,
    )


def _table_for(kind: OperationKind, thing: dict[str, Any]) -> dict[str, Outcome]:
    match thing.get("object"):
        case "payment_intent":
            return CAPTURE_STATUSES if kind is OperationKind.CAPTURE else VOID_STATUSES
        # A page with an intent that was not shown says nothing about it.
        case "checkout.session" if kind is OperationKind.VOID and not thing.get("payment_intent"):
            return CLOSED_STATUSES
    return {}


def _money_moved(kind: OperationKind, thing: dict[str, Any]) -> Money | None:
    """What a capture took; what a void released, which is the whole."""
    if thing.get("object") == "checkout.session":
        return _money_in(thing, "amount_total")
    return _money_in(thing, "amount_received" if kind is OperationKind.CAPTURE else "amount")


def _ids_of(thing: dict[str, Any]) -> dict[str, str]:
    if thing.get("object") == "checkout.session":
        return _named(session=id_in(thing, "id"))
    return _named(payment_intent=id_in(thing, "id"), charge=id_in(thing, "latest_charge"))


def refund_result(refund: dict[str, Any]) -> GatewayResult:
    word = text_in(refund, "status")
    if refund.get("object") != "refund" or not word:
        return UNKNOWN
    outcome = REFUND_STATUSES.get(word, Outcome.PENDING)
    reason = Failure(FailureCode.PROVIDER_ERROR, text_in(refund, "failure_reason") or word)
    intent = id_in(refund, "payment_intent")
    return GatewayResult(
        outcome,
        kind=OperationKind.REFUND,
        reference=id_in(refund, "id"),
        parent_reference=intent,
        # Even a refund that succeeded may be sent back by the payer's bank weeks later.
        takes_back=outcome is Outcome.DECLINED,
        money=_money_in(refund, "amount"),
        failure=reason if outcome is Outcome.DECLINED else None,
        ids=_named(
            refund=id_in(refund, "id"), payment_intent=intent, charge=id_in(refund, "charge")
        ),
        unlisted_word="" if word in REFUND_STATUSES else word,
    )


def dispute_news(dispute: dict[str, Any]) -> DisputeNews:
    return DisputeNews(
        reference=id_in(dispute, "id"),
        status=DISPUTE_STATUSES.get(text_in(dispute, "status"), DisputeStatus.OPEN),
        money=_money_in(dispute, "amount"),
        reason=text_in(dispute, "reason")[:80],
        deadline=_time_in(part(dispute, "evidence_details"), "due_by"),
    )


def _time_in(thing: dict[str, Any], name: str) -> datetime | None:
    value = thing.get(name)
    if type(value) is not int or not 0 < value < 10**10:
        return None
    return datetime.fromtimestamp(value, UTC)


def failure_in(error: dict[str, Any]) -> Failure:
    is_card = error.get("type") == "card_error"
    usual = FailureCode.CARD_DECLINED if is_card else FailureCode.PROVIDER_ERROR
    codes = (DECLINES.get(text_in(error, name)) for name in ("decline_code", "code"))
    message = TOKEN.sub(HIDDEN, text_in(error, "message"))
    return Failure(next(filter(None, codes), usual), message)


def _payment_method(intent: dict[str, Any]) -> str:
    details = part(part(intent, "latest_charge"), "payment_method_details")
    offered = intent.get("payment_method_types")
    only = offered[0] if isinstance(offered, list) and len(offered) == 1 else ""
    brand = text_in(part(details, "card"), "brand") or text_in(details, "type")
    return (brand or text_in({"only": only}, "only"))[:40]


def units(money: Money) -> str:
    """An amount as Stripe counts it. Raises what cannot be said to it."""
    if money.currency not in CURRENCIES:
        raise UnsupportedCurrency(f"Stripe takes no {money.currency}.", attr="currency")
    exponent = EXPONENTS[money.currency]
    scaled = money.decimal.scaleb(UNITS.get(money.currency, exponent))
    if scaled <= 0 or scaled % 1 or (money.currency in ROUNDED and scaled % 10):
        raise InvalidAmount(f"{money} is finer or less than Stripe takes.", attr="amount")
    return f"{scaled:.0f}"


def _money_in(thing: dict[str, Any], name: str) -> Money | None:
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
    return text_in(part(thing, "metadata"), KEY_NAME) or text_in(thing, "client_reference_id")


def capture_key_of(intent: dict[str, Any]) -> str:
    return text_in(part(intent, "metadata"), CAPTURE_KEY_NAME)


def references_of(thing: dict[str, Any]) -> tuple[str, ...]:
    own = "" if thing.get("object") == "dispute" else id_in(thing, "id")
    names = ("payment_intent", "charge", "latest_charge")
    return tuple(filter(None, (own, *(id_in(thing, name) for name in names))))


def shown(told: Any) -> Any:
    """What may be kept of a conversation: redacted, and without the payer's token."""
    return json.loads(TOKEN.sub(HIDDEN, json.dumps(redact(told))))


def _named(**ids: str) -> dict[str, str]:
    return {name: value for name, value in ids.items() if value}


def _url(thing: dict[str, Any]) -> str:
    url = text_in(thing, "url")
    is_address = url.startswith(("https://", "http://")) and len(url) <= _URL_LENGTH
    return url if is_address else ""


def part(thing: dict[str, Any], name: str) -> dict[str, Any]:
    part = thing.get(name)
    return part if isinstance(part, dict) else {}


def id_in(thing: dict[str, Any], name: str) -> str:
    """An id, whether the object that bears it was expanded or not."""
    value = thing.get(name)
    value = value.get("id") if isinstance(value, dict) else value
    return value if isinstance(value, str) and ID.fullmatch(value) else ""


def text_in(thing: dict[str, Any], name: str) -> str:
    value = thing.get(name)
    text = value if isinstance(value, str) else "" if value is None else str(value)
    # Half a character and NUL can be written in JSON, and in no database.
    return text.encode(errors="replace").decode().replace("\x00", "")
