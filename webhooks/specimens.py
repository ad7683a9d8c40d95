"""What providers would send: news of an operation of ours, or of nothing of ours, signed as theirs.

For trying out a running service. PayPal is missing: only PayPal can sign what PayPal says.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from uuid_utils.compat import uuid4

from payments.crypto.signatures import hmac_hex
from payments.gateways.stripe_words import units
from payments.models import GatewayOperation
from payments.money import Money, exponent_of

EVENTS = ("paid", "declined", "other")


@dataclass(frozen=True, slots=True)
class Specimen:
    """One delivery, ready to be sent."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _News:
    """What is to be told: `other` concerns no payment at all."""

    event: str
    key: str
    reference: str
    number: str
    money: Money
    ids: Mapping[str, str]

    @property
    def is_paid(self) -> bool:
        return self.event == "paid"


def specimen(
    provider: str, event: str, operation: GatewayOperation | None, *, is_forged: bool = False
) -> Specimen:
    """News of this operation, or of one that nobody knows. Raises KeyError for PayPal.

    A forged one is signed with a secret that nobody has.
    """
    write, sign, secret_of = _PROVIDERS[provider]
    number = str(secrets.randbelow(10**9) + 1)
    if operation is None:
        news = _News(event, uuid4().hex, number, number, Money(100, "USD"), {})
    else:
        reference, ids = operation.gateway_reference, operation.ids
        news = _News(event, operation.key, reference, number, operation.money, ids)
    body = json.dumps(write(news)).encode()
    secret = secrets.token_hex() if is_forged else secret_of(settings.PROVIDERS[provider])
    signature = sign(secret.encode(), body)
    return Specimen(body, {"Content-Type": "application/json", **signature})


# --- what they write


def _paytabs(news: _News) -> dict[str, Any]:
    return {
        "tran_ref": news.reference,
        "profile_id": settings.PROVIDERS["paytabs"]["profile_id"],
        "cart_id": news.key,
        "tran_currency": news.money.currency,
        "tran_total": news.money.major,
        "tran_type": "Register" if news.event == "other" else "Sale",
        "payment_result": {
            "response_status": "A" if news.is_paid else "D",
            "response_code": "G00000" if news.is_paid else "05",
        },
    }


def _stripe(news: _News) -> dict[str, Any]:
    ending = "succeeded" if news.is_paid else "failed"
    session = {
        "id": news.reference,
        "object": "checkout.session",
        "mode": "payment",
        "client_reference_id": news.key,
        "amount_total": int(units(news.money)),
        "currency": news.money.currency.lower(),
        "status": "complete",
        "payment_status": "paid" if news.is_paid else "unpaid",
        "payment_intent": news.ids.get("payment_intent"),
    }
    customer = {"id": f"cus_test_{news.number}", "object": "customer"}
    is_other = news.event == "other"
    return {
        "id": f"evt_test_{news.number}",
        "object": "event",
        "type": "customer.created" if is_other else f"checkout.session.async_payment_{ending}",
        "data": {"object": customer if is_other else session},
    }


def _paystack(news: _News) -> dict[str, Any]:
    if news.event == "other":
        return {"event": "customeridentification.success", "data": {"customer_code": news.number}}
    money = news.money
    return {
        "event": "charge.success" if news.is_paid else "charge.failed",
        "data": {
            "id": int(news.ids.get("transaction", news.number)),
            "status": "success" if news.is_paid else "failed",
            "reference": news.key,
            "amount": money.amount * 10 ** (2 - exponent_of(money.currency)),
            "currency": money.currency,
            "channel": "card",
        },
    }


def _flutterwave(news: _News) -> dict[str, Any]:
    data = {
        "id": int(news.ids.get("transaction", news.number)),
        "tx_ref": news.key,
        "flw_ref": news.ids.get("flw_ref", f"FLW-TEST-{news.number}"),
        "amount": news.money.major,
        "currency": news.money.currency,
        "status": "successful" if news.is_paid else "failed",
        "payment_type": "card",
    }
    is_other = news.event == "other"
    return {"event": "transfer.completed" if is_other else "charge.completed", "data": data}


# --- how they sign


def _by_stripe(secret: bytes, body: bytes) -> dict[str, str]:
    at = int(time.time())
    return {"Stripe-Signature": f"t={at},v1={hmac_hex(secret, f'{at}.'.encode() + body)}"}


def by_flutterwave(secret: bytes, body: bytes) -> dict[str, str]:
    digest = hmac.digest(secret, body, hashlib.sha256)
    return {"flutterwave-signature": base64.b64encode(digest).decode()}


_Provider = tuple[
    Callable[[_News], dict[str, Any]],
    Callable[[bytes, bytes], dict[str, str]],
    Callable[[dict[str, Any]], str],
]
_PROVIDERS: dict[str, _Provider] = {
    "paytabs": (
        _paytabs,
        lambda secret, body: {"signature": hmac_hex(secret, body)},
        lambda facts: facts["server_key"],
    ),
    "stripe": (_stripe, _by_stripe, lambda facts: facts["webhook_secrets"][0]),
    "paystack": (
        _paystack,
        lambda secret, body: {"x-paystack-signature": hmac_hex(secret, body, "sha512")},
        lambda facts: facts["webhook_secrets"][0],
    ),
    "flutterwave": (_flutterwave, by_flutterwave, lambda facts: facts["webhook_secrets"][0]),
}
PROVIDERS = tuple(_PROVIDERS)
