"""Stripe's objects in our words: a page, a payment intent, a refund, a dispute.

The tables of its words are in `stripe_words`; `stripe_answers` and `stripe` ask for what is here.
"""

from dataclasses import replace
from typing import Any

from payments.crypto.redaction import HIDDEN
from payments.gateways.messages import (
    DisputeNews,
    DisputeStatus,
    Failure,
    GatewayResult,
)
from payments.gateways.reading import part_of, text_in
from payments.gateways.stripe_words import (
    BY_TOKEN,
    CANCELLATIONS,
    CAPTURE_STATUSES,
    CLOSED_STATUSES,
    DECLINES,
    DISPUTE_STATUSES,
    REFUND_STATUSES,
    SESSION_STATUSES,
    STATUSES,
    TOKEN,
    VOID_STATUSES,
    WAY_NAME,
    capture_key_of,
    id_in,
    money_in,
    named,
    time_in,
    url_in,
)
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome

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
    ids = dict(told.ids) | named(session=reference, payment_intent=parent)
    # The intent is another name for the same: told as its parent, so that either is believed.
    return replace(told, reference=reference, parent_reference=parent, ids=ids)


def _page_result(session: dict[str, Any]) -> GatewayResult:
    money, state = money_in(session, "amount_total"), text_in(session, "status")
    if state == "open":
        return GatewayResult(Outcome.ACTION_REQUIRED, money=money, redirect_url=url_in(session))
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
    is_by_token = text_in(part_of(intent, "metadata"), WAY_NAME) == BY_TOKEN
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
    action = part_of(intent, "next_action")
    return url_in(part_of(action, text_in(action, "type")))


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
        money=money_in(intent, total if outcome is Outcome.SUCCEEDED else "amount"),
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
    error = part_of(intent, "last_payment_error")
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
        return money_in(thing, "amount_total")
    return money_in(thing, "amount_received" if kind is OperationKind.CAPTURE else "amount")


def _ids_of(thing: dict[str, Any]) -> dict[str, str]:
    if thing.get("object") == "checkout.session":
        return named(session=id_in(thing, "id"))
    return named(payment_intent=id_in(thing, "id"), charge=id_in(thing, "latest_charge"))


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
        money=money_in(refund, "amount"),
        failure=reason if outcome is Outcome.DECLINED else None,
        ids=named(
            refund=id_in(refund, "id"), payment_intent=intent, charge=id_in(refund, "charge")
        ),
        unlisted_word="" if word in REFUND_STATUSES else word,
    )


def dispute_news(dispute: dict[str, Any]) -> DisputeNews:
    return DisputeNews(
        reference=id_in(dispute, "id"),
        status=DISPUTE_STATUSES.get(text_in(dispute, "status"), DisputeStatus.OPEN),
        money=money_in(dispute, "amount"),
        reason=text_in(dispute, "reason")[:80],
        deadline=time_in(part_of(dispute, "evidence_details"), "due_by"),
    )


def failure_in(error: dict[str, Any]) -> Failure:
    is_card = error.get("type") == "card_error"
    usual = FailureCode.CARD_DECLINED if is_card else FailureCode.PROVIDER_ERROR
    codes = (DECLINES.get(text_in(error, name)) for name in ("decline_code", "code"))
    message = TOKEN.sub(HIDDEN, text_in(error, "message"))
    return Failure(next(filter(None, codes), usual), message)


def _payment_method(intent: dict[str, Any]) -> str:
    details = part_of(part_of(intent, "latest_charge"), "payment_method_details")
    offered = intent.get("payment_method_types")
    only = offered[0] if isinstance(offered, list) and len(offered) == 1 else ""
    brand = text_in(part_of(details, "card"), "brand") or text_in(details, "type")
    return (brand or text_in({"only": only}, "only"))[:40]


def references_of(thing: dict[str, Any]) -> tuple[str, ...]:
    own = "" if thing.get("object") == "dispute" else id_in(thing, "id")
    names = ("payment_intent", "charge", "latest_charge")
    return tuple(filter(None, (own, *(id_in(thing, name) for name in names))))
