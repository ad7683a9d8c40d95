"""Stripe: hosted Checkout page or a token, follow-ups on the payment intent, signed events.

Sources: the official stripe-python SDK (webhook verification, objects, versions) and
docs.stripe.com (currencies, idempotent requests, error codes). Three habits of Stripe shape this
file: bodies go out form-encoded and come back as JSON, a page has no payment intent before
somebody pays on it, and declines and other refusals are HTTP errors with an `error` object.
A payer whose card was taken by Stripe's own library has no page: the intent is made at once.
Endpoints should subscribe to `checkout.session.*`, `payment_intent.*`, `refund.*` and
`charge.dispute.*`; whatever else is sent is acknowledged and tells us nothing new. What is
asked is put into words in `stripe_requests`, what is answered is read in `stripe_answers`, what its
objects say is in `stripe_objects`, and the tables of its words are in `stripe_words`.
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
    Failure,
    Family,
    GatewayEvent,
    GatewayResult,
    Lookup,
    Order,
)
from payments.gateways.reading import part_of, skew_told, sole_header, text_in
from payments.gateways.stripe_answers import told_by
from payments.gateways.stripe_list import StripeList
from payments.gateways.stripe_objects import (
    dispute_news,
    follow_up_result,
    intent_result,
    references_of,
    refund_result,
    session_result,
)
from payments.gateways.stripe_requests import effect_for, lookup_path
from payments.gateways.stripe_words import CURRENCIES, capture_key_of, id_in, key_of, shown
from payments.gateways.wire import Headers, WireRequest, WireResponse
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
    signed_in: ClassVar[tuple[str, ...]] = ("stripe-signature",)
    signed_with: ClassVar[str] = "webhook_secrets"

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
        return replace(told_by(order, response.status, answer), exchange=exchange)

    def verify(self, headers: Headers, body: bytes, evidence: Evidence) -> None:
        signed_at, signatures = _signatures_in(sole_header(headers, "stripe-signature"))
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
            raise SignatureInvalid(f"timestamp_outside_tolerance: {skew_told(skew)}")

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
        if not isinstance(part_of(news, "data").get("object"), dict):
            raise Unreadable("the event has no object")
        return [_event(news)]


def _event(news: dict[str, Any]) -> GatewayEvent:
    name, thing = text_in(news, "type") or "unknown", news["data"]["object"]
    family = next((f for prefix, f in FAMILIES if name.startswith(prefix)), Family.OTHER)
    event = GatewayEvent(id_in(news, "id"), name[:_TYPE_LENGTH], "", None, family)
    match thing.get("object"):
        case "checkout.session" if thing.get("mode") in (None, "payment"):
            event = replace(event, key=key_of(thing), result=_session_news(name, thing))
        case "payment_intent" if name != "payment_intent.created":
            key, result = _intent_news(thing, part_of(news, "request"))
            event = replace(event, key=key, result=result)
        case "refund":
            event = replace(event, key=key_of(thing), result=refund_result(thing))
        case "dispute":
            event = replace(event, dispute=dispute_news(thing))
        case _:
            return event
    return replace(event, references=references_of(thing))


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
