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
from decimal import Decimal
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from payments.crypto.redaction import redact
from payments.crypto.signatures import hmac_hex, same
from payments.currencies import EXPONENTS
from payments.errors import DomainError
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
)
from payments.gateways.paytabs_list import PayTabsList
from payments.gateways.wire import Headers, WireRequest, WireResponse, header_values
from payments.money import Money, exponent_of
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
STATUSES = {
    "A": Outcome.SUCCEEDED,
    "H": Outcome.PENDING,
    "P": Outcome.PENDING,
    "V": Outcome.DECLINED,
    "D": Outcome.DECLINED,
    "E": Outcome.DECLINED,
    "X": Outcome.DECLINED,
    "C": Outcome.DECLINED,
}
DECLINES = {
    "310": FailureCode.AUTHENTICATION_FAILED,
    "316": FailureCode.INSUFFICIENT_FUNDS,
    "321": FailureCode.CANCELLED_BY_PAYER,
    "345": FailureCode.AUTHENTICATION_FAILED,
}
DECLINED_STATUSES = {
    "V": FailureCode.CANCELLED_BY_PAYER,
    "C": FailureCode.CANCELLED_BY_PAYER,
    "X": FailureCode.EXPIRED,
    "E": FailureCode.PROVIDER_ERROR,
}
TRAN_TYPES = {
    OperationKind.CHARGE: "sale",
    OperationKind.AUTHORIZE: "auth",
    OperationKind.CAPTURE: "capture",
    OperationKind.VOID: "void",
    OperationKind.REFUND: "refund",
}
_KINDS = {tran_type: kind for kind, tran_type in TRAN_TYPES.items()} | {
    "release": OperationKind.VOID
}
# A voucher comes first as a request, and as a sale of its own once it is paid.
_VOUCHER = "payment request"
_FAMILIES = {"refund": Family.REFUND}
# After a success: the reservation or the charge was undone, by hand or by time.
_TAKES_BACK = frozenset({"V", "X"})
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

    profile_id: int
    server_key: str
    base: str
    timeout: timedelta
    settling_time: timedelta
    name: str = "paytabs"
    charge_call: str = "create-page"
    currencies: frozenset[str] = frozenset(EXPONENTS)
    capabilities: frozenset[Capability] = BY_PAGE

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
        return {
            "tran_type": TRAN_TYPES[order.kind],
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
            return _result_in(answer, exchange)
        return _page_in(answer, exchange)

    def verify(self, headers: Headers, body: bytes, evidence: Evidence) -> None:
        given = header_values(headers, "signature")
        if len(given) != 1 or not given[0]:
            raise SignatureInvalid("missing_header" if not any(given) else "repeated_header")
        self._check(given[0], body)

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
        if not isinstance(news, dict) or not _text(news, "tran_ref"):
            raise Unreadable("the body is no transaction")
        return [self._event(news)]

    def _event(self, news: dict[str, Any]) -> GatewayEvent:
        tran_type = _text(news, "tran_type").lower()
        result = _result_in(news, {"notification": redact(news)})
        status = _status_word(news)
        return GatewayEvent(
            id=_business_key(self.profile_id, _text(news, "tran_ref"), tran_type, status),
            type=f"{tran_type or 'unknown'}.{status.lower() or 'none'}",
            key=_text(news, "cart_id"),
            result=result if tran_type == _VOUCHER or result.kind else None,
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
    ours = [e for e in entries if isinstance(e, dict) and _is_about(e, order)]
    if status != 200 or not ours:
        return GatewayResult(Outcome.UNKNOWN, exchange=exchange)
    results = [_result_in(entry, exchange) for entry in ours]
    taken = [r for r in results if r.outcome is Outcome.SUCCEEDED]
    if not taken:
        return results[-1]
    return replace(taken[0], also_taken=tuple(r.reference for r in taken[1:]))


def _is_unpaid_page(status: int, answer: Any) -> bool:
    """A page that nobody paid may answer a query with an error (not confirmed by its makers)."""
    code = _error_code(answer) if isinstance(answer, dict) else 0
    return 400 <= status < 429 and code not in {0, _AUTHENTICATION_FAILED, *_UNCLEAR_CODES}


def _is_about(entry: dict[str, Any], order: Lookup) -> bool:
    tran_type = _text(entry, "tran_type").lower()
    first = (OperationKind.CHARGE, OperationKind.AUTHORIZE)
    told = _KINDS.get(tran_type, OperationKind.CHARGE if tran_type == _VOUCHER else None)
    fits = told in first if order.kind in first else told == order.kind
    return _text(entry, "cart_id") == order.key and fits


def _refused(status: int, answer: dict[str, Any], exchange: dict[str, Any]) -> GatewayResult:
    code = _error_code(answer)
    failure = Failure(FailureCode.PROVIDER_ERROR, _text(answer, "message"))
    if status == 429 or code == _AUTHENTICATION_FAILED:
        # Too many calls or a wrong key: no verdict on this payment, which may be tried again.
        return GatewayResult(Outcome.NOT_SENT, failure=failure, exchange=exchange)
    if status in (400, 422) and code not in _UNCLEAR_CODES:
        return GatewayResult(Outcome.DECLINED, failure=failure, exchange=exchange)
    # A duplicate was sent before and its result is not repeated: only a lookup can tell.
    return GatewayResult(Outcome.UNKNOWN, exchange=exchange)


def _page_in(answer: dict[str, Any], exchange: dict[str, Any]) -> GatewayResult:
    reference, url = _text(answer, "tran_ref"), _text(answer, "redirect_url")
    if not reference or not url.startswith(("https://", "http://")):
        return GatewayResult(Outcome.UNKNOWN, reference=reference, exchange=exchange)
    return GatewayResult(
        Outcome.ACTION_REQUIRED, reference=reference, redirect_url=url, exchange=exchange
    )


def _result_in(news: dict[str, Any], exchange: dict[str, Any]) -> GatewayResult:
    word = _status_word(news)
    kind = _KINDS.get(_text(news, "tran_type").lower())
    outcome = STATUSES.get(word, Outcome.PENDING) if word else Outcome.ACTION_REQUIRED
    if kind is OperationKind.VOID and word == "V":
        outcome = Outcome.SUCCEEDED
    return GatewayResult(
        outcome,
        kind=kind,
        takes_back=word in _TAKES_BACK,
        reference=_text(news, "tran_ref"),
        parent_reference=_text(news, "previous_tran_ref"),
        money=_money_in(news),
        payment_method=_text(_part(news, "payment_info"), "payment_method")[:40],
        failure=_failure_in(news) if outcome is Outcome.DECLINED else None,
        exchange=exchange,
        unlisted_word="" if word in STATUSES or not word else word,
    )


def _failure_in(news: dict[str, Any]) -> Failure:
    result = _part(news, "payment_result")
    by_status = DECLINED_STATUSES.get(_status_word(news), FailureCode.CARD_DECLINED)
    code = DECLINES.get(_text(result, "response_code"), by_status)
    return Failure(code, _text(result, "response_message"))


def _money_in(news: dict[str, Any]) -> Money | None:
    """What was really charged (`tran_*`: a discount can make it less than `cart_*`)."""
    currency = _text(news, "tran_currency") or _text(news, "cart_currency")
    total = news.get("tran_total")
    amount = news.get("cart_amount") if total is None else total
    try:
        minor = Decimal(str(amount)).scaleb(exponent_of(currency))
        return Money(int(minor), currency) if minor == minor.to_integral_value() else None
    except (ArithmeticError, ValueError, DomainError):
        return None


def _status_word(news: dict[str, Any]) -> str:
    return _text(_part(news, "payment_result"), "response_status").upper()


def _part(news: dict[str, Any], name: str) -> dict[str, Any]:
    part = news.get(name)
    return part if isinstance(part, dict) else {}


def _text(news: dict[str, Any], name: str) -> str:
    value = news.get(name)
    text = value if isinstance(value, str) else "" if value is None else str(value)
    # Half a character and NUL can be written in JSON, and in no database.
    return text.encode(errors="replace").decode().replace("\x00", "")


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
