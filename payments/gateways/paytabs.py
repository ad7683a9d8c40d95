"""PayTabs PT2: hosted page, query, return and callback.

Sources: the official php-sdk and laravel-sdk (paytabscom), the support articles on response
signatures (60000718961), IPN (60000710069) and return parameters (60000812328). Three habits of
PayTabs shape this file: declines come as HTTP 200, amounts go out as numbers and come back as
strings, and a repeated request is refused (409, code 4) without its first result.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from payments.crypto.redaction import redact
from payments.crypto.signatures import hmac_hex, same
from payments.currencies import EXPONENTS
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
    Charge,
    Failure,
    Family,
    FollowUp,
    GatewayEvent,
    GatewayResult,
    Lookup,
    Order,
    Void,
)
from payments.gateways.paytabs_facts import (
    KINDS,
    RELEASE,
    TRAN_TYPES,
    VOUCHER,
    result_in,
    status_word,
)
from payments.gateways.paytabs_list import PayTabsList
from payments.gateways.reading import sole_header, text_in
from payments.gateways.wire import Headers, WireRequest, WireResponse
from payments.statuses import FailureCode, OperationKind, Outcome

REGIONS = {
    "ARE": "https://secure.paytabs.com",
    "SAU": "https://secure.paytabs.sa",
    "EGY": "https://secure-egypt.paytabs.com",
    "OMN": "https://secure-oman.paytabs.com",
    "JOR": "https://secure-jordan.paytabs.com",
    "KWT": "https://secure-kuwait.paytabs.com",
    "IRQ": "https://secure-iraq.paytabs.com",
    "QAT": "https://secure-doha.paytabs.com",
    "MAR": "https://secure-morocco.paytabs.com",
    "GLOBAL": "https://secure-global.paytabs.com",
    "MADFOAT": "https://madfoat-secure.paytabs.com",
    "CUZDAN": "https://secure.cuzdan.az",
}
_FAMILIES = {"refund": Family.REFUND}
_AUTHENTICATION_FAILED = 1
_DUPLICATE_REQUEST = 4
# Internal error, and pending: refusals that say nothing of what was done.
_UNCLEAR_CODES = frozenset({_DUPLICATE_REQUEST, 400, 600})
_EVENT_ID_LENGTH = 150


@dataclass(frozen=True, slots=True)
class PayTabs(PayTabsList):
    """The translator for one PayTabs profile.

    `base` is the profile's regional host: a key used on another host is refused there.
    """

    told: ClassVar[tuple[Setting, ...]] = (
        Setting("profile_id", "PROFILE_ID", Form.NUMBER, is_credential=True),
        Setting("server_key", "SERVER_KEY", is_credential=True),
        Setting("region", "REGION", choices=tuple(REGIONS), usual="ARE"),
        # It signs with its server key, so the plain name is free for the generic webhook.
        Setting("generic_webhook_secrets", "WEBHOOK_SECRET", Form.ITEMS),
    )
    signed_in: ClassVar[tuple[str, ...]] = ("signature",)
    signed_with: ClassVar[str] = "server_key"

    profile_id: int
    server_key: str
    base: str
    timeout: timedelta
    settling_time: timedelta
    name: str = "paytabs"
    charge_call: str = "create-page"
    currencies: frozenset[str] = frozenset(EXPONENTS)
    capabilities: frozenset[Capability] = BY_PAGE
    capture_ends_hold: bool = False

    def __repr__(self) -> str:
        return f"<PayTabs profile {self.profile_id} at {self.base}>"

    @classmethod
    def made(cls, told: Facts, usual: Facts) -> Self:
        base = usual["base"] or REGIONS[told["region"]]
        return cls(told["profile_id"], told["server_key"], **{**usual, "base": base})

    def request_for(self, order: Order, token: str = "") -> WireRequest:
        if isinstance(order, Lookup):
            return self._post("/payment/query", self._lookup(order))
        body = self._charge(order) if isinstance(order, Charge) else self._follow_up(order)
        return self._post("/payment/request", body)

    def _charge(self, order: Charge) -> dict[str, Any]:
        body = {
            "tran_type": TRAN_TYPES[order.kind],
            "tran_class": "ecom",
            "cart_id": order.key,
            "cart_currency": order.money.currency,
            "cart_amount": order.money.decimal,
            "cart_description": (order.description or order.key)[:128],
            "callback": order.callback_url,
            "return": order.return_url,
            "hide_shipping": True,
        }
        if order.language:
            body["paypage_lang"] = "ar" if order.language.startswith("ar") else "en"
        if order.payment_methods:
            body["payment_methods"] = list(order.payment_methods)
        if details := _customer_details(order.customer):
            body["customer_details"] = details
        return body

    def _follow_up(self, order: FollowUp) -> dict[str, Any]:
        is_rest = isinstance(order, Void) and order.is_rest
        return {
            "tran_type": RELEASE if is_rest else TRAN_TYPES[order.kind],
            "tran_class": "ecom",
            "tran_ref": order.parent.reference,
            "cart_id": order.key,
            "cart_currency": order.money.currency,
            "cart_amount": order.money.decimal,
            "cart_description": f"{order.kind} of {order.parent.reference}"[:128],
        }

    def _lookup(self, order: Lookup) -> dict[str, Any]:
        # By cart_id even where the reference is known: a page paid at the second try has
        # several transactions, and only the cart names them all.
        return {"cart_id": order.key}

    def _post(self, path: str, body: dict[str, Any]) -> WireRequest:
        headers = {"Authorization": self.server_key, "Content-Type": "application/json"}
        text = _json_with_decimals({"profile_id": self.profile_id} | body)
        return WireRequest("POST", self.base + path, headers, text)

    def result_of(self, order: Order, response: WireResponse) -> GatewayResult:
        answer = response.json_value()
        exchange = {"status": response.status, "answer": redact(answer)}
        if isinstance(order, Lookup):
            return _found(order, response.status, answer, exchange)
        if not isinstance(answer, dict) or response.status >= 500:
            return GatewayResult(Outcome.UNKNOWN, exchange=exchange)
        if response.status == 429 or _error_code(answer):
            return _refused(response.status, answer, exchange)
        if isinstance(answer.get("payment_result"), dict):
            return result_in(answer, exchange)
        return _page_in(answer, exchange)

    def verify(self, headers: Headers, body: bytes, evidence: Evidence) -> None:
        self._check(sole_header(headers, "signature"), body)

    def verify_return(self, fields: Mapping[str, str]) -> None:
        given = fields.get("signature", "")
        if not given:
            raise SignatureInvalid("missing_signature")
        signed = sorted((k, v) for k, v in fields.items() if k != "signature" and v)
        self._check(given, urlencode(signed).replace("~", "%7E").encode())

    def _check(self, given: str, message: bytes) -> None:
        if not self.server_key:
            raise SignatureInvalid("no_secret_configured")
        if not same(given, hmac_hex(self.server_key.encode(), message)):
            raise SignatureInvalid("signature_mismatch")

    def events_in(self, body: bytes) -> list[GatewayEvent]:
        try:
            news = json.loads(body)
        except (ValueError, RecursionError):
            raise Unreadable("the body is not JSON") from None
        if not isinstance(news, dict) or not text_in(news, "tran_ref"):
            raise Unreadable("the body is no transaction")
        return [self._event(news)]

    def _event(self, news: dict[str, Any]) -> GatewayEvent:
        tran_type = text_in(news, "tran_type").lower()
        result = result_in(news)
        status = status_word(news)
        return GatewayEvent(
            id=_business_key(self.profile_id, text_in(news, "tran_ref"), tran_type, status),
            type=f"{tran_type or 'unknown'}.{status.lower() or 'none'}",
            key=text_in(news, "cart_id"),
            result=result if tran_type == VOUCHER or result.kind else None,
            family=_FAMILIES.get(tran_type, Family.PAYMENT),
            references=tuple(filter(None, (result.parent_reference, result.reference))),
        )


def _business_key(*parts: object) -> str:
    """PayTabs names no event; the same news by callback and by IPN must have one name."""
    key = ":".join(str(part) for part in parts)
    if len(key) <= _EVENT_ID_LENGTH:
        return key
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def _found(order: Lookup, status: int, answer: Any, exchange: dict[str, Any]) -> GatewayResult:
    """Of all transactions of a cart, the one that took money; else the last that did not."""
    if status == 200 and answer == []:
        return GatewayResult(Outcome.NOT_SENT, exchange=exchange)
    if _is_unpaid_page(status, answer):
        return GatewayResult(Outcome.ACTION_REQUIRED, exchange=exchange)
    entries = answer if isinstance(answer, list) else [answer]
    cart = [e for e in entries if isinstance(e, dict) and text_in(e, "cart_id") == order.key]
    ours = [entry for entry in cart if _is_of_kind(entry, order)]
    if status != 200 or not ours:
        return GatewayResult(Outcome.UNKNOWN, exchange=exchange, is_undecided=bool(cart))
    results = [result_in(entry, exchange) for entry in ours]
    taken = [r for r in results if r.outcome is Outcome.SUCCEEDED]
    if not taken:
        return results[-1]
    return replace(taken[0], also_taken=tuple(r.reference for r in taken[1:]))


def _is_unpaid_page(status: int, answer: Any) -> bool:
    """A page that nobody paid may answer a query with an error (not confirmed by its makers)."""
    code = _error_code(answer) if isinstance(answer, dict) else 0
    return 400 <= status < 429 and code not in {0, _AUTHENTICATION_FAILED, *_UNCLEAR_CODES}


def _is_of_kind(entry: dict[str, Any], order: Lookup) -> bool:
    tran_type = text_in(entry, "tran_type").lower()
    first = (OperationKind.CHARGE, OperationKind.AUTHORIZE)
    told = KINDS.get(tran_type, OperationKind.CHARGE if tran_type == VOUCHER else None)
    return told in first if order.kind in first else told == order.kind


def _refused(status: int, answer: dict[str, Any], exchange: dict[str, Any]) -> GatewayResult:
    code = _error_code(answer)
    failure = Failure(FailureCode.PROVIDER_ERROR, text_in(answer, "message"))
    if status == 429 or code == _AUTHENTICATION_FAILED:
        # Too many calls or a wrong key: no verdict on this payment, which may be tried again.
        return GatewayResult(Outcome.NOT_SENT, failure=failure, exchange=exchange)
    if status in (400, 422) and code not in _UNCLEAR_CODES:
        return GatewayResult(Outcome.DECLINED, failure=failure, exchange=exchange)
    # A duplicate was sent before and its result is not repeated: only a lookup can tell.
    return GatewayResult(Outcome.UNKNOWN, exchange=exchange)


def _page_in(answer: dict[str, Any], exchange: dict[str, Any]) -> GatewayResult:
    reference, url = text_in(answer, "tran_ref"), text_in(answer, "redirect_url")
    if not reference or not url.startswith(("https://", "http://")):
        return GatewayResult(Outcome.UNKNOWN, reference=reference, exchange=exchange)
    return GatewayResult(
        Outcome.ACTION_REQUIRED, reference=reference, redirect_url=url, exchange=exchange
    )


def _error_code(answer: dict[str, Any]) -> int:
    code = answer.get("code")
    # Some successes answer `code: 0`.
    return code if isinstance(code, int) and code > 0 else 0


def _customer_details(customer: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(customer[k]) for k in ("name", "email", "phone") if customer.get(k)}


def _json_with_decimals(body: dict[str, Any]) -> bytes:
    """JSON whose amount is written digit by digit: a float could not hold every amount."""
    amount = body.pop("cart_amount", None)
    text = json.dumps(body, ensure_ascii=False)
    if amount is not None:
        text = f'{text[:-1]}, "cart_amount": {amount:f}}}'
    return text.encode()
