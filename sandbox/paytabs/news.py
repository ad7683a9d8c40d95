"""What PayTabs tells the merchant: callback and IPN by its server, the return by the browser."""

import hmac
import json
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from sandbox.models import Payment, Transaction
from sandbox.notices import Message, schedule
from sandbox.paytabs.transactions import (
    MERCHANT_ID,
    NAME,
    customer,
    described,
    page_entry,
    three_d_secure,
    trace,
)

IPN_TRIES = 5
WRONG_KEY = "SFORGED000-FORGEDFORGED-FORGED0000"


def notify_of_page(payment: Payment, verb: str) -> None:
    """A page came to its end: the callback once, the IPN until it is heard."""
    entry = page_entry(payment)
    news = described(entry) | {"threeDSDetails": three_d_secure(verb)}
    if callback := entry.request.get("callback"):
        _send("callback", callback, payment, news)
    _send_ipn(payment, news)


def notify_of_follow_up(entry: Transaction) -> None:
    _send_ipn(entry.payment, described(entry))


def _send_ipn(payment: Payment, news: dict[str, Any]) -> None:
    if settings.PAYTABS_IPN_URL:
        delays = settings.RETRY_DELAYS[: IPN_TRIES - 1]
        _send("ipn", settings.PAYTABS_IPN_URL, payment, news, delays)


def _send(
    channel: str,
    url: str,
    payment: Payment,
    news: dict[str, Any],
    retry_delays: tuple[float, ...] | list[float] = (),
) -> None:
    ids = {"merchant_id": MERCHANT_ID, "profile_id": settings.PAYTABS_PROFILE_ID}
    ending = {"ipn_trace": trace("IPNS"), "paymentChannel": "Payment Page"}
    body = _json(news | ids | ending) if arrives_whole(url) else ""
    lie = _json(_forged(news) | ids | ending)
    forgeries = ((_headers(body), lie), (_headers(lie, WRONG_KEY), lie))
    message = Message(channel, url, _headers(body), body, forgeries, retry_delays)
    schedule(NAME, payment.transaction_ref, message)


def _json(news: dict[str, Any]) -> str:
    return json.dumps(news, separators=(",", ":"), ensure_ascii=False)


def _forged(news: dict[str, Any]) -> dict[str, Any]:
    """What a forger wishes were true: that much more was paid, whatever really happened."""
    paid = {"response_status": "A", "response_code": "G66666", "response_message": "Authorised"}
    much = {"cart_amount": "987654", "tran_total": "987654"}
    return news | much | {"payment_result": news.get("payment_result", {}) | paid}


def _headers(body: str, key: str = "") -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "Go-http-client/1.1",
        "Signature": _signature(body, key or settings.PAYTABS_SERVER_KEY),
    }


def _signature(text: str, key: str) -> str:
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()


def arrives_whole(url: str) -> bool:
    """PayTabs sends plain http targets nothing; on this machine there is no other kind."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def return_fields(payment: Payment) -> dict[str, str]:
    """The signed fields that the browser carries back; empty ones are sent but not signed."""
    result = page_entry(payment).result or {}
    fields = {
        "acquirerMessage": "",
        "acquirerRRN": "",
        "cartId": payment.reference,
        "customerEmail": str(customer(payment).get("email") or ""),
        "respCode": result.get("response_code", ""),
        "respMessage": result.get("response_message", ""),
        "respStatus": result.get("response_status", ""),
        "token": "",
        "tranRef": payment.transaction_ref,
    }
    signed = urlencode(sorted((name, value) for name, value in fields.items() if value))
    # PHP, which signs at PayTabs, escapes the tilde; Python does not.
    signature = _signature(signed.replace("~", "%7E"), settings.PAYTABS_SERVER_KEY)
    return fields | {"signature": signature}
