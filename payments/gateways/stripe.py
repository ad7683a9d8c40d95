"""Stripe: hosted Checkout page or a token, follow-ups on the payment intent, signed events.

Sources: the official stripe-python SDK (webhook verification, objects, versions) and
docs.stripe.com (currencies, idempotent requests, error codes). Three habits of Stripe shape this
file: bodies go out form-encoded and come back as JSON, a page has no payment intent before
somebody pays on it, and declines and other refusals are HTTP errors with an `error` object.
A payer whose card was taken by Stripe's own library has no page: the intent is made at once.
Endpoints should subscribe to `checkout.session.*`, `payment_intent.*`, `refund.*` and
`charge.dispute.*`; whatever else is sent is acknowledged and tells us nothing new. What is
asked is put into words in `stripe_requests`; what its objects say, and the tables of its words, are
in `stripe_objects`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from payments.crypto.signatures import hmac_hex, same
from payments.gateways.contract import (
    Capability,
    Evidence,
    Form,
    Setting,
    SignatureInvalid,
    Unreadable,
)
from payments.gateways.messages import (
    Charge,
    Failure,
    Family,
    GatewayEvent,
    GatewayResult,
    Lookup,
    Order,
    Refund,
)
from payments.gateways.stripe_list import StripeList
from payments.gateways.stripe_objects import (
    CURRENCIES,
    UNKNOWN,
    capture_key_of,
    dispute_news,
    failure_in,
    follow_up_result,
    id_in,
    intent_result,
    key_of,
    part,
    references_of,
    refund_result,
    session_result,
    shown,
    text_in,
)
from payments.gateways.stripe_requests import effect_for, lookup_path
from payments.gateways.wire import Headers, WireRequest, WireResponse, header_values
from payments.statuses import FailureCode, OperationKind, Outcome

BASE = "https://api.stripe.com"
API_VERSION = "2026-06-24.dahlia"
FAMILIES = (
    ("checkout.session.", Family.PAYMENT),
    ("payment_intent.", Family.PAYMENT),
    ("charge.dispute.", Family.DISPUTE),
    ("charge.refund", Family.REFUND),
    ("charge.", Family.PAYMENT),
    ("refund.", Family.REFUND),
    ("customer.subscription.", Family.SUBSCRIPTION),
    ("invoice.", Family.INVOICE),
    ("payout.", Family.TRANSFER),
    ("transfer.", Family.TRANSFER),
)
_NOTHING_DONE = frozenset({401, 403, 429})
_REFUSALS = frozenset({"card_error", "invalid_request_error"})
_TIME = re.compile(r"[1-9]\d{0,9}", re.ASCII)
_V1 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# How the event of a cancelled intent names the request of ours that caused it.
_BY_OUR_VOID = "ballast-void-"
_TYPE_LENGTH = 80
# Stripe takes 30 minutes to 24 hours, counted by its clock from when the request comes in: so
# much is left over for the tries of one request and for clocks that differ.
_ROOM = timedelta(minutes=5)
SHORTEST_PAGE = timedelta(minutes=30) + _ROOM
LONGEST_PAGE = timedelta(hours=24) - _ROOM


@dataclass(frozen=True, slots=True)
class Stripe(StripeList):
    """The translator for one Stripe account and its webhook endpoint.

    While a webhook secret is rolled both are good, so there may be several.
    """

    told: ClassVar[tuple[Setting, ...]] = (
        Setting("secret_key", "SECRET_KEY", is_credential=True),
        Setting("webhook_secrets", "WEBHOOK_SECRET", Form.ITEMS, is_credential=True),
        Setting("tolerance", "WEBHOOK_TOLERANCE", Form.SECONDS, usual=timedelta(seconds=300)),
    )
    home: ClassVar[str] = BASE

    secret_key: str
    webhook_secrets: tuple[str, ...]
    base: str
    timeout: timedelta
    settling_time: timedelta
    tolerance: timedelta = timedelta(seconds=300)
    api_version: str = API_VERSION
    key_memory: timedelta = timedelta(hours=24)
    name: str = "stripe"
    currencies: frozenset[str] = CURRENCIES
    capabilities: frozenset[Capability] = frozenset(Capability)

    def __repr__(self) -> str:
        return f"<Stripe at {self.base}>"

    def request_for(self, order: Order, token: str = "") -> WireRequest:
        match order:
            case Lookup():
                return WireRequest("GET", self.base + lookup_path(order), self._headers())
            case _:
                return self._post(order, *effect_for(order))

    def _post(self, order: Order, path: str, fields: Mapping[str, str]) -> WireRequest:
        headers = self._headers() | {
            "Content-Type": "application/x-www-form-urlencoded",
            "Idempotency-Key": f"ballast-{order.kind}-{order.key}",
        }
        return WireRequest("POST", self.base + path, headers, urlencode(fields).encode())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret_key}", "Stripe-Version": self.api_version}

    def result_of(self, order: Order, response: WireResponse) -> GatewayResult:
        answer = response.json_value()
        exchange = {"status": response.status, "answer": shown(answer)}
        if isinstance(order, Lookup):
            result = _found(order, answer) if response.status == 200 else UNKNOWN
        elif response.status == 200 and isinstance(answer, dict):
            result = _done(order, answer)
        else:
            result = _refused(order, response.status, answer)
        return replace(result, exchange=exchange)

    def verify(self, headers: Headers, body: bytes, evidence: Evidence) -> None:
        given = header_values(headers, "stripe-signature")
        if len(given) != 1 or not given[0]:
            raise SignatureInvalid("missing_header" if not any(given) else "repeated_header")
        signed_at, signatures = _signatures_in(given[0])
        secrets = [secret.encode() for secret in self.webhook_secrets if secret]
        if not secrets:
            raise SignatureInvalid("no_secret_configured")
        wanted = [hmac_hex(secret, f"{signed_at}.".encode() + body) for secret in secrets]
        if not any(same(one, other) for one in signatures for other in wanted):
            raise SignatureInvalid("signature_mismatch")
        # Stripe's own library lets clocks that are ahead pass. An authentic delivery is signed
        # anew for every try, so a clock far off either way is ours to mend, or a replay.
        skew = datetime.fromtimestamp(signed_at, UTC) - evidence.now
        if abs(skew) > self.tolerance:
            off = f"clock differs by {skew.total_seconds():.0f} s"
            raise SignatureInvalid(f"timestamp_outside_tolerance: {off}")

    def page_lifetime(self, wanted: timedelta) -> timedelta:
        return min(max(wanted, SHORTEST_PAGE), LONGEST_PAGE)

    def events_in(self, body: bytes) -> list[GatewayEvent]:
        try:
            news = json.loads(body)
        except (ValueError, RecursionError):
            raise Unreadable("the body is not JSON") from None
        # "Thin" events (v2.core.event) carry no object that could be read.
        if not isinstance(news, dict) or news.get("object") != "event" or not id_in(news, "id"):
            raise Unreadable("the body is no event")
        if not isinstance(part(news, "data").get("object"), dict):
            raise Unreadable("the event has no object")
        return [_event(news)]


def _done(order: Order, answer: dict[str, Any]) -> GatewayResult:
    if isinstance(order, Charge):
        return _charged(order, answer) if order.payment_token else _page_in(answer)
    if isinstance(order, Refund):
        return refund_result(answer)
    result = follow_up_result(order.kind, order.key, answer)
    # Accepted, and yet still reserved: only a lookup can tell what is going on.
    return UNKNOWN if result.outcome is Outcome.NOT_SENT else result


def _refused(order: Order, status: int, answer: Any) -> GatewayResult:
    error = part(answer, "error") if isinstance(answer, dict) else {}
    if status == 429 or (status in _NOTHING_DONE and error):
        # Too many calls or a wrong key: no verdict on this payment, which may be tried again.
        return GatewayResult(Outcome.NOT_SENT, failure=failure_in(error))
    if status in (400, 402, 404) and error.get("type") in _REFUSALS:
        told = GatewayResult(Outcome.DECLINED, failure=failure_in(error))
        is_by_token = isinstance(order, Charge) and bool(order.payment_token)
        return _without_this_token(told, error) if is_by_token else told
    # A key in use (409) or used for something else (400) was sent before: that result counts.
    return UNKNOWN


def _without_this_token(told: GatewayResult, error: dict[str, Any]) -> GatewayResult:
    """A token was refused, not the payment; the intent that was made stays behind unpaid."""
    is_about_it = error.get("type") == "card_error" or error.get("param") == "payment_method"
    reference = id_in(error, "payment_intent")
    ids = {"payment_intent": reference} if reference else {}
    return replace(told, leaves_another_try=is_about_it, reference=reference, ids=ids)


def _found(order: Lookup, answer: Any) -> GatewayResult:
    """Of all that bears our key, what took money; else the newest.

    A refused lookup is UNKNOWN, even a 404: an id that Stripe gave us and denies now means a
    key of another account or mode, not a payment that never was.
    """
    if not isinstance(answer, dict):
        return UNKNOWN
    if not isinstance(answer.get("data"), list):
        return _about(order, answer) or UNKNOWN
    entries = [entry for entry in answer["data"] if isinstance(entry, dict)]
    results = [_about(order, entry) for entry in entries if _is_named(order, entry)]
    ours = [result for result in results if result is not None]
    taken = [result for result in ours if result.outcome is Outcome.SUCCEEDED]
    if taken:
        return replace(taken[0], also_taken=tuple(r.reference for r in taken[1:] if r.reference))
    is_all = answer.get("has_more") is False
    told = ours[0] if ours else GatewayResult(Outcome.NOT_SENT) if is_all else UNKNOWN
    goes_on = answer.get("has_more") is True and entries
    return replace(told, next_page=id_in(entries[-1], "id")) if goes_on else told


def _is_named(order: Lookup, entry: dict[str, Any]) -> bool:
    """Whether one of many bears the operation's key; a capture's has a name of its own there."""
    is_capture = order.kind is OperationKind.CAPTURE
    return (capture_key_of(entry) if is_capture else key_of(entry)) == order.key


def _about(order: Lookup, entry: dict[str, Any]) -> GatewayResult | None:
    """What one object says of the operation; None where it is another's."""
    if order.kind in (OperationKind.CAPTURE, OperationKind.VOID):
        return follow_up_result(order.kind, order.key, entry)
    if key_of(entry) != order.key:
        return None
    if order.kind is OperationKind.REFUND:
        return refund_result(entry)
    if entry.get("object") == "checkout.session":
        return session_result(entry, order.kind)
    return replace(intent_result(entry, order.kind), reference=id_in(entry, "id"))


def _page_in(answer: dict[str, Any]) -> GatewayResult:
    result = session_result(answer)
    is_page = answer.get("object") == "checkout.session" and result.reference
    return result if is_page and result.redirect_url else UNKNOWN


def _charged(order: Charge, answer: dict[str, Any]) -> GatewayResult:
    result = replace(intent_result(answer, order.kind), reference=id_in(answer, "id"))
    is_intent = answer.get("object") == "payment_intent" and result.reference
    has_way_on = result.outcome is not Outcome.ACTION_REQUIRED or result.redirect_url
    return result if is_intent and has_way_on else UNKNOWN


def _event(news: dict[str, Any]) -> GatewayEvent:
    name, thing = text_in(news, "type") or "unknown", news["data"]["object"]
    family = next((f for prefix, f in FAMILIES if name.startswith(prefix)), Family.OTHER)
    event = GatewayEvent(id_in(news, "id"), name[:_TYPE_LENGTH], "", None, family)
    match thing.get("object"):
        case "checkout.session" if thing.get("mode") in (None, "payment"):
            event = replace(event, key=key_of(thing), result=_session_news(name, thing))
        case "payment_intent" if name != "payment_intent.created":
            key, result = _intent_news(thing, part(news, "request"))
            event = replace(event, key=key, result=result)
        case "refund":
            event = replace(event, key=key_of(thing), result=refund_result(thing))
        case "dispute":
            event = replace(event, dispute=dispute_news(thing))
        case _:
            return event
    exchange = {"notification": shown(news)}
    told = replace(event.result, exchange=exchange) if event.result else None
    return replace(event, result=told, references=references_of(thing))


def _session_news(name: str, session: dict[str, Any]) -> GatewayResult:
    result = session_result(session)
    if name.endswith(".async_payment_failed") and result.outcome is not Outcome.SUCCEEDED:
        # The bank said no days after the page was completed: nobody can try again there.
        failure = Failure(FailureCode.CARD_DECLINED, "The delayed payment has failed.")
        return replace(result, outcome=Outcome.DECLINED, failure=failure)
    return result


def _intent_news(intent: dict[str, Any], cause: dict[str, Any]) -> tuple[str, GatewayResult]:
    """Whose news it is: a capture and a void of ours have keys other than the reservation's.

    The id of the page, by which we know what was reserved or taken, is not told here.
    """
    result, by = intent_result(intent), text_in(cause, "idempotency_key")
    if result.kind is OperationKind.CAPTURE:
        result = replace(result, reference=id_in(intent, "id"))
        return capture_key_of(intent) or key_of(intent), result
    if text_in(intent, "status") == "canceled" and by.startswith(_BY_OUR_VOID):
        key = by.removeprefix(_BY_OUR_VOID)
        return key, follow_up_result(OperationKind.VOID, key, intent)
    if result.failure and result.outcome is Outcome.ACTION_REQUIRED:
        # A declined card ends nothing: the same page takes another one.
        result = replace(result, outcome=Outcome.PENDING)
    return key_of(intent), result


def _signatures_in(header: str) -> tuple[int, list[str]]:
    """The time and every v1 of `t=…,v1=…,v1=…`; other schemes prove nothing."""
    parts = [item.partition("=") for item in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise SignatureInvalid("malformed_header")
    found = [value for name, _, value in parts if name == "v1" and _V1.fullmatch(value)]
    if not found:
        raise SignatureInvalid("no_v1_signature")
    return int(times[0]), found
