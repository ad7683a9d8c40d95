"""Flutterwave v3: hosted page ("Standard"), refunds, chargebacks; notifications of v3 and v4.

Sources: Flutterwave/Node-v3 and PHP-v3, the pages on webhooks and on verification. Four habits of
Flutterwave shape this file: a payment has no id until somebody pays; its page may be paid again
under the same `tx_ref`; `status` of an answer is about the request, `data.status` about the money;
and v3 signs no notification, so that each is a hint. Cards are reserved by sending their numbers,
which never pass through here: there is no authorisation, and so no capture and no void.
"""

import base64
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from payments.crypto.redaction import redact
from payments.crypto.signatures import hmac_hex, same
from payments.errors import DomainError, NotSupported, UnsupportedCurrency
from payments.gateways.contract import Capability, Evidence, Gateway, SignatureInvalid, Unreadable
from payments.gateways.messages import (
    Charge,
    DisputeNews,
    DisputeStatus,
    Failure,
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
    moment_in,
    part_of,
    sole_header,
    text_of,
    texts,
)
from payments.gateways.wire import Headers, WireRequest, WireResponse, header_values
from payments.money import Money, exponent_of
from payments.statuses import FailureCode, OperationKind, Outcome

API = "https://api.flutterwave.com"
STATUSES = {
    # A payer may try again on a page that `failed`: a success after it is a late one, and rare.
    OperationKind.CHARGE: {
        "successful": Outcome.SUCCEEDED,
        "succeeded": Outcome.SUCCEEDED,
        "pending": Outcome.PENDING,
        "failed": Outcome.DECLINED,
        "cancelled": Outcome.DECLINED,
        "voided": Outcome.DECLINED,
    },
    # What stands behind a dash says by which way the money went back: `completed-mpgs`.
    OperationKind.REFUND: {
        "completed": Outcome.SUCCEEDED,
        "succeeded": Outcome.SUCCEEDED,
        "new": Outcome.PENDING,
        "pending": Outcome.PENDING,
        "failed": Outcome.DECLINED,
    },
}
_TAKES_BACK = frozenset({(OperationKind.CHARGE, "voided"), (OperationKind.REFUND, "failed")})
# Flutterwave has no codes: the processor's sentence, in part.
DECLINES = {
    "insufficient": FailureCode.INSUFFICIENT_FUNDS,
    "incorrect pin": FailureCode.AUTHENTICATION_FAILED,
    "authentication": FailureCode.AUTHENTICATION_FAILED,
    "otp": FailureCode.AUTHENTICATION_FAILED,
}
DECLINED_STATUSES = {
    "cancelled": FailureCode.CANCELLED_BY_PAYER,
    "voided": FailureCode.CANCELLED_BY_PAYER,
}
DISPUTES = {
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "accepted": DisputeStatus.LOST,
}
FAMILIES = {
    "charge.": Family.PAYMENT,
    "refund.": Family.REFUND,
    "chargeback.": Family.DISPUTE,
    "transfer.": Family.TRANSFER,
    "subscription.": Family.SUBSCRIPTION,
}
# One spelling in an answer, one in a list, one in v4.
_COMMENT = ("comments", "comment")
_REFERENCE = ("tx_ref", "txRef", "reference")
_REFUNDED = ("amount_refunded", "AmountRefunded", "amount")
_REFUND_OF = ("tx_id", "TransactionId", "transaction_id")
_CURRENCIES = "NGN USD UGX KES ZAR ZMW EUR GHS TZS RWF XAF XOF EGP GBP MWK ETB"


@dataclass(frozen=True, slots=True)
class Flutterwave(Gateway):
    """The translator for one Flutterwave account; the key says whether it is test or live."""

    secret_key: str
    webhook_secrets: tuple[str, ...]
    base: str
    timeout: timedelta
    settling_time: timedelta
    name: str = "flutterwave"
    currencies: frozenset[str] = frozenset(_CURRENCIES.split())
    capabilities: frozenset[Capability] = frozenset(
        {Capability.CHARGE, Capability.REFUND, Capability.PARTIAL_REFUND}
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
        if not transaction:
            raise NotSupported("Flutterwave refunds by its own id only, and none was told yet.")
        note = f"#{order.key} {order.reason}".strip()[:200]
        path = f"/transactions/{quote(transaction, safe='')}/refund"
        return self._post(path, {"comments": note}, order.money)

    def _lookup(self, order: Lookup) -> WireRequest:
        # A list even where the id is known: only it names all that was paid under one `tx_ref`.
        if order.kind is OperationKind.CHARGE:
            return self._ask("GET", f"/transactions?{urlencode({'tx_ref': order.key})}")
        if order.handle.reference:
            return self._ask("GET", f"/refunds/{quote(order.handle.reference, safe='')}")
        return self._ask("GET", "/refunds")

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
        return replace(_told(order, response.status, answer), exchange=exchange)

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
            _refuse_unproven_dispute(body)
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
        event = _event(word or "charge.completed", data, text_of(news, "webhook_id"), body)
        if event.result is None:
            return [event]
        kept = replace(event.result, exchange={"notification": redact(news)})
        return [replace(event, result=kept)]


def _signature(secret: str, body: bytes) -> str:
    return base64.b64encode(bytes.fromhex(hmac_hex(secret.encode(), body))).decode()


def _refuse_unproven_dispute(body: bytes) -> None:
    """A hint of a charge or refund is looked up; of a dispute it cannot be, so v4 must prove it."""
    news = json_in(body)
    word = text_of(news, "event", "type") if isinstance(news, dict) else ""
    if FAMILIES.get(f"{word.split('.')[0]}.") is Family.DISPUTE:
        raise SignatureInvalid("unproven_dispute")


def _customer(order: Charge) -> dict[str, str]:
    names = {"email": "email", "name": "name", "phone": "phonenumber"}
    known = {theirs: order.customer.get(ours) for ours, theirs in names.items()}
    return {name: str(value) for name, value in known.items() if value}


def _told(order: Order, status: int, answer: Any) -> GatewayResult:
    if isinstance(order, Lookup):
        return _found(order, status, answer)
    if not isinstance(answer, dict) or status >= 500:
        return GatewayResult(Outcome.UNKNOWN)
    if status >= 400 or text_of(answer, "status") != "success":
        return _refused(status, answer)
    data = part_of(answer, "data")
    if isinstance(order, Refund):
        return _refund_in(data, order.money.currency)
    return _page_in(order, data)


def _refused(status: int, answer: dict[str, Any]) -> GatewayResult:
    failure = Failure(FailureCode.PROVIDER_ERROR, text_of(answer, "message"))
    if text_of(answer, "status") != "error":
        return GatewayResult(Outcome.UNKNOWN)
    if status in (401, 403, 429):
        # Too many calls, a wrong key or a blocked address: no verdict on this payment.
        return GatewayResult(Outcome.NOT_SENT, failure=failure)
    refused = status in (400, 404, 422)
    return GatewayResult(Outcome.DECLINED if refused else Outcome.UNKNOWN, failure=failure)


def _page_in(order: Order, data: dict[str, Any]) -> GatewayResult:
    url = text_of(data, "link")
    if not url.startswith(("https://", "http://")):
        return GatewayResult(Outcome.UNKNOWN)
    return GatewayResult(Outcome.ACTION_REQUIRED, reference=order.key, redirect_url=url)


def _found(order: Lookup, status: int, answer: Any) -> GatewayResult:
    if status != 200 or not isinstance(answer, dict) or text_of(answer, "status") != "success":
        return GatewayResult(Outcome.UNKNOWN)
    data = answer.get("data")
    listed = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    if order.kind is OperationKind.REFUND:
        currency = order.money.currency if order.money else ""
        ours = [part_of(answer, "data")] if isinstance(data, dict) else _noted(order, listed)
        results = [_refund_in(each, currency) for each in ours]
        # A refund whose comment does not come back may be ours: then nobody knows.
        if not results and not all(text_of(each, *_COMMENT) for each in listed):
            return GatewayResult(Outcome.UNKNOWN)
    else:
        ours = [each for each in listed if text_of(each, *_REFERENCE) == order.key]
        results = [_charge_in(each) for each in sorted(ours, key=_age)]
    return _best(results) if results else _none_of(answer)


def _noted(order: Lookup, refunds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Our refund among all of them: the one whose comment bears our key."""
    return [each for each in refunds if _key_noted(each) == order.key]


def _none_of(answer: dict[str, Any]) -> GatewayResult:
    """Nothing of ours. A page that nobody paid looks the same: it has no transaction yet."""
    pages = text_of(part_of(part_of(answer, "meta"), "page_info"), "total_pages")
    complete = isinstance(answer.get("data"), list) and pages in ("", "0", "1")
    return GatewayResult(Outcome.NOT_SENT if complete else Outcome.UNKNOWN)


def _best(results: list[GatewayResult]) -> GatewayResult:
    """Of all that was tried, what took money; else what may still take it; else the last no."""
    taken = [each for each in results if each.outcome is Outcome.SUCCEEDED]
    if taken:
        further = tuple(each.ids.get("transaction", each.reference) for each in taken[1:])
        return replace(taken[0], also_taken=further)
    waiting = (each for each in results if each.outcome is not Outcome.DECLINED)
    return next(waiting, results[-1])


def _age(charge: dict[str, Any]) -> tuple[int, str]:
    number = text_of(charge, "id")
    return len(number), number


def _charge_in(data: dict[str, Any]) -> GatewayResult:
    # `amount`, not `charged_amount`: that holds the fees which the payer may bear on top.
    money = _money_in(text_of(data, "amount"), text_of(data, "currency"))
    told = _result_in(OperationKind.CHARGE, data, money)
    number = text_of(data, "id")
    ids = {"transaction": number} if number.isdigit() else {}
    method = text_of(data, "payment_type") or text_of(part_of(data, "payment_method"), "type")
    reference = text_of(data, *_REFERENCE)
    return replace(told, reference=reference, ids=ids, payment_method=method[:40])


def _refund_in(data: dict[str, Any], currency: str) -> GatewayResult:
    """A refund's own words do not name its currency: it is that of the charge."""
    currency = text_of(data, "currency") or currency
    told = _result_in(OperationKind.REFUND, data, _money_in(text_of(data, *_REFUNDED), currency))
    return replace(
        told,
        reference=text_of(data, "id"),
        parent_reference=text_of(data, *_REFERENCE, *_REFUND_OF),
    )


def _result_in(kind: OperationKind, data: dict[str, Any], money: Money | None) -> GatewayResult:
    word, table = text_of(data, "status").lower(), STATUSES[kind]
    word = word.split("-")[0] if kind is OperationKind.REFUND else word
    outcome = table.get(word, Outcome.PENDING) if word else Outcome.UNKNOWN
    return GatewayResult(
        outcome,
        kind=kind,
        takes_back=(kind, word) in _TAKES_BACK,
        money=money,
        failure=_failure_in(data, word) if outcome is Outcome.DECLINED else None,
        unlisted_word="" if word in table else word,
    )


def _failure_in(data: dict[str, Any], word: str) -> Failure:
    said = text_of(data, "processor_response", "chargeResponseMessage")
    usual = DECLINED_STATUSES.get(word, FailureCode.CARD_DECLINED)
    code = next((code for part, code in DECLINES.items() if part in said.lower()), usual)
    return Failure(code, said)


def _event(word: str, data: dict[str, Any], own_id: str, body: bytes) -> GatewayEvent:
    family = next((f for start, f in FAMILIES.items() if word.startswith(start)), Family.OTHER)
    number, status = text_of(data, "id"), text_of(data, "status")
    name = event_id((word, own_id) if own_id else (word, number, status if number else ""), body)
    event = GatewayEvent(name, word, "", None, family)
    if family is Family.PAYMENT:
        told = _charge_in(data)
        return replace(event, key=told.reference, result=told, references=texts(number))
    if family is Family.REFUND:
        references = texts(number, text_of(data, "flw_ref", "FlwRef"))
        told = _refund_in(data, "")
        return replace(event, key=_key_noted(data), result=told, references=references)
    return _disputed(event, data) if family is Family.DISPUTE else event


def _disputed(event: GatewayEvent, data: dict[str, Any]) -> GatewayEvent:
    dispute = DisputeNews(
        reference=text_of(data, "id"),
        status=DISPUTES.get(text_of(data, "status").lower(), DisputeStatus.OPEN),
        money=_money_in(text_of(data, "amount"), text_of(data, "currency")),
        reason=text_of(data, "reason", "comment"),
        deadline=moment_in(text_of(data, "due_date", "due_datetime")),
    )
    references = texts(text_of(data, "flw_ref"), text_of(data, *_REFUND_OF, "charge_id"))
    key = text_of(data, *_REFERENCE)
    return replace(event, key=key, references=references, dispute=dispute)


def _key_noted(refund: dict[str, Any]) -> str:
    """Our key, as the first word of the comment that we sent; others have another comment."""
    first, *_ = [*text_of(refund, *_COMMENT).split(), ""]
    return first.removeprefix("#") if first.startswith("#") else ""


def _money_in(amount: str, currency: str) -> Money | None:
    try:
        minor = Decimal(amount).scaleb(exponent_of(currency))
        whole = minor >= 0 and minor == minor.to_integral_value()
        return Money(int(minor), currency) if whole else None
    except (ArithmeticError, ValueError, DomainError):
        return None
