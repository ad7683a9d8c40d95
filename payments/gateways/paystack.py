"""Paystack: hosted page, card pre-authorisation, refunds, disputes.

Sources: PaystackOSS/openapi and PaystackOSS/doc-code-snippets, the pages on webhooks and on card
pre-authorisation. Four habits of Paystack shape this file: every amount is written in hundredths,
whatever the currency; there is no idempotency header, our `reference` is the key and a second use
of it is refused; a failed charge is never notified; and a refund's notification names its
transaction, not itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Self
from urllib.parse import quote, urlencode

from payments.crypto.redaction import redact
from payments.crypto.signatures import hmac_hex, same
from payments.errors import UnsupportedCurrency
from payments.gateways.contract import (
    BY_PAGE,
    Capability,
    Evidence,
    Facts,
    Form,
    Setting,
    SignatureInvalid,
    Unreadable,
)
from payments.gateways.messages import (
    Capture,
    Charge,
    Family,
    GatewayEvent,
    GatewayResult,
    Lookup,
    Order,
    Refund,
    Void,
)
from payments.gateways.paystack_answers import FULL_LIST, told_by
from payments.gateways.paystack_facts import (
    capture_in,
    dispute_in,
    key_noted,
    outcome_in,
    refund_in,
)
from payments.gateways.paystack_list import PaystackList
from payments.gateways.reading import (
    event_id,
    json_in,
    part_of,
    sole_header,
    text_of,
    texts,
)
from payments.gateways.wire import Headers, WireRequest, WireResponse
from payments.money import Money, exponent_of
from payments.statuses import OperationKind

API = "https://api.paystack.co"
# Cards are reserved in South Africa only.
_RESERVES_IN = frozenset({"ZAR"})
FAMILIES = {
    "charge.dispute.": Family.DISPUTE,
    "charge.": Family.PAYMENT,
    "preauthorization.": Family.PAYMENT,
    "refund.": Family.REFUND,
    "transfer.": Family.TRANSFER,
    "subscription.": Family.SUBSCRIPTION,
    "invoice.": Family.INVOICE,
    "paymentrequest.": Family.INVOICE,
}
_RESERVATION_EVENTS = {
    "reserve": OperationKind.AUTHORIZE,
    "capture": OperationKind.CAPTURE,
    "release": OperationKind.VOID,
}


@dataclass(frozen=True, slots=True)
class Paystack(PaystackList):
    """The translator for one Paystack account; the key says whether it is test or live."""

    told: ClassVar[tuple[Setting, ...]] = (
        Setting("secret_key", "SECRET_KEY", is_credential=True),
        Setting("webhook_secrets", "WEBHOOK_SECRET", Form.ITEMS),
    )
    home: ClassVar[str] = API
    signed_in: ClassVar[tuple[str, ...]] = ("x-paystack-signature",)
    signed_with: ClassVar[str] = "webhook_secrets"

    secret_key: str
    webhook_secrets: tuple[str, ...]
    base: str
    timeout: timedelta
    settling_time: timedelta
    name: str = "paystack"
    currencies: frozenset[str] = frozenset({"NGN", "GHS", "ZAR", "KES", "USD", "XOF"})
    capabilities: frozenset[Capability] = BY_PAGE | {Capability.LIST}

    def __repr__(self) -> str:
        return f"<Paystack at {self.base}>"

    @classmethod
    def made(cls, told: Facts, usual: Facts) -> Self:
        # It signs with the key that it is called with, unless another is named.
        key = told["secret_key"]
        return cls(key, told["webhook_secrets"] or (key,), **usual)

    def request_for(self, order: Order, token: str = "") -> WireRequest:
        if isinstance(order, Charge):
            return self._charge(order)
        if isinstance(order, Capture):
            return self._capture(order)
        if isinstance(order, Void):
            return self._void(order)
        return self._refund(order) if isinstance(order, Refund) else self._lookup(order)

    def _charge(self, order: Charge) -> WireRequest:
        reserves = order.kind is OperationKind.AUTHORIZE
        _check(order.money, _RESERVES_IN if reserves else self.currencies)
        metadata = {"description": order.description, "cancel_action": order.return_url}
        body = {
            "email": order.payers_address("Paystack"),
            **_amount(order.money),
            "reference": order.key,
            "callback_url": order.return_url,
            "metadata": metadata,
        }
        if order.payment_methods:
            body["channels"] = list(order.payment_methods)
        return self._post(f"/{'preauthorization' if reserves else 'transaction'}/initialize", body)

    def _capture(self, order: Capture) -> WireRequest:
        body = {"reference": order.parent.reference, **_amount(order.money)}
        return self._post("/preauthorization/capture", body)

    def _void(self, order: Void) -> WireRequest:
        return self._post("/preauthorization/release", {"reference": order.parent.reference})

    def _refund(self, order: Refund) -> WireRequest:
        transaction = order.parent.ids.get("transaction") or order.parent.reference
        note = f"#{order.key} {order.reason}".strip()[:200]
        body = {"transaction": transaction, **_amount(order.money), "merchant_note": note}
        return self._post("/refund", body)

    def _lookup(self, order: Lookup) -> WireRequest:
        if order.kind is OperationKind.CHARGE:
            return self._ask("GET", f"/transaction/verify/{quote(order.key, safe='')}")
        if order.kind is OperationKind.REFUND:
            return self._ask("GET", _refund_path(order))
        own = order.kind is OperationKind.AUTHORIZE
        reference = order.key if own else order.parent.reference
        return self._ask("GET", f"/preauthorization/{quote(reference, safe='')}")

    def _post(self, path: str, body: Mapping[str, Any]) -> WireRequest:
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes = b"") -> WireRequest:
        headers = {"Authorization": f"Bearer {self.secret_key}"}
        headers |= {"Content-Type": "application/json"} if body else {}
        return WireRequest(method, self.base + path, headers, body)

    def result_of(self, order: Order, response: WireResponse) -> GatewayResult:
        answer = json_in(response.body)
        exchange = {"status": response.status, "answer": redact(answer)}
        return replace(told_by(order, response.status, answer), exchange=exchange)

    def verify(self, headers: Headers, body: bytes, evidence: Evidence) -> None:
        signature = sole_header(headers, "x-paystack-signature")
        secrets = [secret for secret in self.webhook_secrets if secret]
        if not secrets:
            raise SignatureInvalid("no_secret_configured")
        if not any(same(signature, hmac_hex(s.encode(), body, "sha512")) for s in secrets):
            raise SignatureInvalid("signature_mismatch")

    def events_in(self, body: bytes) -> list[GatewayEvent]:
        news = json_in(body)
        if not isinstance(news, dict) or not text_of(news, "event"):
            raise Unreadable("the body is no event")
        return [_event(news, body)]


def _check(money: Money, allowed: frozenset[str]) -> None:
    if money.currency not in allowed:
        detail = f"Paystack takes {', '.join(sorted(allowed))} here, not {money.currency}."
        raise UnsupportedCurrency(detail, attr="currency")


def _amount(money: Money) -> dict[str, Any]:
    """As Paystack writes it: in hundredths, even where the currency has no decimals."""
    minor = money.amount * 10 ** (2 - exponent_of(money.currency))
    return {"amount": minor, "currency": money.currency}


def _refund_path(order: Lookup) -> str:
    if order.handle.reference:
        return f"/refund/{quote(order.handle.reference, safe='')}"
    page = {"transaction": order.parent.ids.get("transaction", ""), "perPage": str(FULL_LIST)}
    return "/refund?" + urlencode({name: value for name, value in page.items() if value})


def _event(news: dict[str, Any], body: bytes) -> GatewayEvent:
    word, data = text_of(news, "event"), part_of(news, "data")
    family = next((f for start, f in FAMILIES.items() if word.startswith(start)), Family.OTHER)
    event = GatewayEvent(event_id(_business_key(word, data), body), word, "", None, family)
    return _READERS[family](event, data) if family in _READERS else event


def _paid(event: GatewayEvent, data: dict[str, Any]) -> GatewayEvent:
    parts = event.type.split(".")
    reserved = parts[0] == "preauthorization"
    kind = _RESERVATION_EVENTS.get(parts[1]) if reserved else OperationKind.CHARGE
    if kind is None:
        return event
    if not reserved and text_of(data, "channel") == "preauth":
        # The charge that a capture made, under the reservation's own reference.
        told = capture_in(data, text_of(data, "id"))
    else:
        told = outcome_in(kind, data)
    # A capture or a release bears the key of what was reserved, not its own.
    own = told.kind in (OperationKind.CHARGE, OperationKind.AUTHORIZE)
    key = told.reference if own else ""
    return replace(event, key=key, result=told, references=texts(told.reference))


def _refunded(event: GatewayEvent, data: dict[str, Any]) -> GatewayEvent:
    told = refund_in(data)
    references = texts(told.reference, text_of(data, "refund_reference"))
    return replace(event, key=key_noted(data), result=told, references=references)


def _disputed(event: GatewayEvent, data: dict[str, Any]) -> GatewayEvent:
    charge = part_of(data, "transaction")
    key = text_of(charge, "reference") or text_of(data, "transaction_reference")
    return replace(
        event, key=key, references=texts(text_of(charge, "id")), dispute=dispute_in(data)
    )


_READERS = {Family.PAYMENT: _paid, Family.REFUND: _refunded, Family.DISPUTE: _disputed}


def _business_key(word: str, data: dict[str, Any]) -> tuple[str, ...]:
    """What tells one piece of news from another: refunds have no id of their own here."""
    own = text_of(data, "id", "transfer_code", "subscription_code")
    status = text_of(data, "status") if word.startswith("charge.dispute.") else ""
    if own:
        return word, own, status
    names = ("reference", "transaction_reference", "refund_reference", "amount")
    return word, *(text_of(data, name) for name in names)
