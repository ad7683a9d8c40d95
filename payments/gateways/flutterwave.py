"""Flutterwave v3: hosted page ("Standard"), refunds, chargebacks; notifications of v3 and v4.

Sources: Flutterwave/Node-v3 and PHP-v3, the pages on webhooks and on verification. Four habits of
Flutterwave shape this file: a payment has no id until somebody pays; its page may be paid again
under the same `tx_ref`; `status` of an answer is about the request, `data.status` about the money;
and v3 sends in clear the word that v4 signs with, so that each notification is a hint. Cards are
reserved by sending their numbers, which never pass through here: there is no authorisation, and so
no capture and no void.
"""

import base64
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from payments.crypto.redaction import redact
from payments.crypto.signatures import hmac_hex, same
from payments.errors import NotSupported, UnsupportedCurrency
from payments.gateways import flutterwave_facts as facts
from payments.gateways.contract import (
    Capability,
    Evidence,
    Form,
    Setting,
    SignatureInvalid,
    Unreadable,
)
from payments.gateways.flutterwave_answers import contests, listed_in, told_by
from payments.gateways.flutterwave_list import FlutterwaveList
from payments.gateways.messages import (
    Charge,
    DisputeLookup,
    DisputeNews,
    Family,
    GatewayEvent,
    GatewayResult,
    Lookup,
    Order,
    Refund,
)
from payments.gateways.reading import (
    event_id,
    json_in,
    part_of,
    sole_header,
    text_of,
    texts,
)
from payments.gateways.wire import Headers, WireRequest, WireResponse, header_values
from payments.money import Money
from payments.statuses import OperationKind

API = "https://api.flutterwave.com"
FAMILIES = {
    "charge.": Family.PAYMENT,
    "refund.": Family.REFUND,
    "chargeback.": Family.DISPUTE,
    "transfer.": Family.TRANSFER,
    "subscription.": Family.SUBSCRIPTION,
}
_CURRENCIES = "NGN USD UGX KES ZAR ZMW EUR GHS TZS RWF XAF XOF EGP GBP MWK ETB"


@dataclass(frozen=True, slots=True)
class Flutterwave(FlutterwaveList):
    """The translator for one Flutterwave account; the key says whether it is test or live."""

    told: ClassVar[tuple[Setting, ...]] = (
        Setting("secret_key", "SECRET_KEY", is_credential=True),
        Setting("webhook_secrets", "WEBHOOK_SECRET", Form.ITEMS, is_credential=True),
    )
    home: ClassVar[str] = API
    signed_in: ClassVar[tuple[str, ...]] = ("flutterwave-signature", "verif-hash")
    signed_with: ClassVar[str] = "webhook_secrets"

    secret_key: str
    webhook_secrets: tuple[str, ...]
    base: str
    timeout: timedelta
    settling_time: timedelta
    name: str = "flutterwave"
    currencies: frozenset[str] = frozenset(_CURRENCIES.split())
    capabilities: frozenset[Capability] = frozenset(
        {Capability.CHARGE, Capability.REFUND, Capability.PARTIAL_REFUND, Capability.LIST}
    )
    proves_body: bool = False

    def __repr__(self) -> str:
        return f"<Flutterwave at {self.base}>"

    def request_for(self, order: Order, token: str = "") -> WireRequest:
        if isinstance(order, Charge) and order.kind is OperationKind.CHARGE:
            return self._charge(order)
        if isinstance(order, Refund):
            return self._refund(order)
        if isinstance(order, Lookup):
            return self._lookup(order)
        raise NotSupported(f"Flutterwave cannot {order.kind} here; only charge and refund.")

    def _charge(self, order: Charge) -> WireRequest:
        if order.money.currency not in self.currencies:
            detail = f"Flutterwave does not take {order.money.currency}."
            raise UnsupportedCurrency(detail, attr="currency")
        body: dict[str, Any] = {
            "tx_ref": order.key,
            "currency": order.money.currency,
            "redirect_url": order.return_url,
            "customer": _customer(order),
            "customizations": {"title": (order.description or order.key)[:128]},
        }
        if order.payment_methods:
            body["payment_options"] = ", ".join(order.payment_methods)
        return self._post("/payments", body, order.money)

    def _refund(self, order: Refund) -> WireRequest:
        transaction = order.parent.ids.get("transaction", "")
        if not transaction.isdigit():
            raise NotSupported("Flutterwave refunds by its own number only; none was told yet.")
        note = f"#{order.key} {order.reason}".strip()[:200]
        path = f"/transactions/{transaction}/refund"
        return self._post(path, {"comments": note}, order.money)

    def _lookup(self, order: Lookup) -> WireRequest:
        # A list even where the id is known: only it names all that was paid under one `tx_ref`.
        page = {"page": order.page} if order.page else {}
        if order.kind is OperationKind.CHARGE:
            return self._ask("GET", f"/transactions?{urlencode({'tx_ref': order.key} | page)}")
        if order.handle.reference:
            return self._ask("GET", f"/refunds/{quote(order.handle.reference, safe='')}")
        # Flutterwave cannot be asked for those of one transaction alone.
        return self._ask("GET", "/refunds" + (f"?{urlencode(page)}" if page else ""))

    def dispute_request(self, order: DisputeLookup, token: str = "") -> WireRequest | None:
        if not order.reference:
            return None
        known = order.charge.ids.get("flw_ref", "")
        query = f"?{urlencode({'flw_ref': known})}" if known else ""
        return self._ask("GET", f"/chargebacks{query}")

    def dispute_of(self, order: DisputeLookup, response: WireResponse) -> DisputeNews | None:
        for each in listed_in(response.status, json_in(response.body)):
            if text_of(each, "id") == order.reference and contests(order, each):
                return facts.dispute_in(each, order.money.currency)
        return None

    def _post(self, path: str, body: dict[str, Any], money: Money) -> WireRequest:
        """The amount is a JSON number written digit by digit: a float could not hold them all."""
        text = f'{json.dumps(body)[:-1]}, "amount": {money.major}}}'
        return self._ask("POST", path, text.encode())

    def _ask(self, method: str, path: str, body: bytes = b"") -> WireRequest:
        headers = {"Authorization": f"Bearer {self.secret_key}"}
        headers |= {"Content-Type": "application/json"} if body else {}
        return WireRequest(method, f"{self.base}/v3{path}", headers, body)

    def result_of(self, order: Order, response: WireResponse) -> GatewayResult:
        answer = json_in(response.body)
        exchange = {"status": response.status, "answer": redact(answer)}
        return replace(told_by(order, response.status, answer), exchange=exchange)

    def verify(self, headers: Headers, body: bytes, evidence: Evidence) -> None:
        secrets = [secret for secret in self.webhook_secrets if secret]
        if not secrets:
            raise SignatureInvalid("no_secret_configured")
        # During the move to v4 both may come: the weaker counts only where the other is absent.
        if header_values(headers, "flutterwave-signature"):
            given = sole_header(headers, "flutterwave-signature")
            expected = [_signature(secret, body) for secret in secrets]
        else:
            given, expected = sole_header(headers, "verif-hash"), secrets
        if not any(same(given, each) for each in expected):
            raise SignatureInvalid("signature_mismatch")

    def events_in(self, body: bytes) -> list[GatewayEvent]:
        news = json_in(body)
        if not isinstance(news, dict):
            raise Unreadable("the body is no event")
        # v3 says `event`, v4 `type`; old accounts send the bare transaction, of some `event.type`.
        word = text_of(news, "event", "type")
        bare = not word and text_of(news, "txRef")
        if not word and not bare:
            raise Unreadable("the body is no event")
        data = news if bare else part_of(news, "data")
        return [_event(word or "charge.completed", data, text_of(news, "webhook_id"), body)]


def _signature(secret: str, body: bytes) -> str:
    return base64.b64encode(bytes.fromhex(hmac_hex(secret.encode(), body))).decode()


def _customer(order: Charge) -> dict[str, str]:
    address = {"email": order.payers_address("Flutterwave")}
    names = {"name": "name", "phone": "phonenumber"}
    known = {theirs: order.customer.get(ours) for ours, theirs in names.items()}
    return address | {name: str(value) for name, value in known.items() if value}


def _event(word: str, data: dict[str, Any], own_id: str, body: bytes) -> GatewayEvent:
    family = next((f for start, f in FAMILIES.items() if word.startswith(start)), Family.OTHER)
    number, status = text_of(data, "id"), text_of(data, "status")
    name = event_id((word, own_id) if own_id else (word, number, status if number else ""), body)
    event = GatewayEvent(name, word, "", None, family)
    if family is Family.PAYMENT:
        told = facts.charge_in(data)
        return replace(event, key=told.reference, result=told, references=texts(number))
    if family is Family.REFUND:
        references = texts(number, text_of(data, "flw_ref", "FlwRef"))
        told = facts.refund_in(data, "")
        return replace(event, key=facts.key_noted(data), result=told, references=references)
    return _disputed(event, data) if family is Family.DISPUTE else event


def _disputed(event: GatewayEvent, data: dict[str, Any]) -> GatewayEvent:
    return replace(
        event,
        key=text_of(data, *facts.REFERENCE),
        references=facts.charge_names(data),
        dispute=facts.dispute_in(data, ""),
    )
