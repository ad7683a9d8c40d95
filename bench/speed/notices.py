"""Stripe's notices of numbered payments: written and signed before the clock starts."""

import hmac
import json
import time
from dataclasses import dataclass

HOST = "pay.example.com"
# Where a number stands in a text. Twelve digits are also the last twelve of a UUID.
FIRST_NUMBER = 100_000_000_000
_PLACE = "{number}"
_EVENT = "{event}"
_BEHIND_TLS = f"Host: {HOST}\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 203.0.113.9\r\n"


@dataclass(frozen=True, slots=True)
class Names:
    """What a payment's operation and page are called, up to the number at the end."""

    operation: str
    session: str


def session_of(names: Names, number: int | str) -> dict[str, object]:
    """A page that was paid, as Stripe shows it."""
    return {
        "id": f"{names.session}{number}",
        "object": "checkout.session",
        "amount_subtotal": 12550,
        "amount_total": 12550,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "cancel_url": "https://shop.example.com/cancelled",
        "client_reference_id": f"{names.operation}{number}",
        "created": int(time.time()) - 60,
        "currency": "aed",
        "customer": None,
        "customer_creation": "if_required",
        "customer_details": {
            "address": {"city": None, "country": "AE", "line1": None, "postal_code": None},
            "email": "amal@example.com",
            "name": "Amal Haddad",
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        "expires_at": int(time.time()) + 1740,
        "livemode": False,
        "locale": "auto",
        "metadata": {"ballast_operation": f"{names.operation}{number}"},
        "mode": "payment",
        "payment_intent": f"pi_bench_{number}",
        "payment_method_collection": "if_required",
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "paid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "complete",
        "submit_type": None,
        "success_url": "https://shop.example.com/paid",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted",
        "url": None,
    }


class Stationery:
    """One endpoint's notices: all alike, but for the numbers and the signature."""

    def __init__(self, path: str, secret: str, names: Names) -> None:
        self._secret = secret.encode()
        self._head = (
            f"POST {path} HTTP/1.1\r\n{_BEHIND_TLS}"
            "Content-Type: application/json; charset=utf-8\r\nAccept: */*\r\n"
            "User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n"
        )
        event = {
            "id": f"evt_bench_{_EVENT}",
            "object": "event",
            "api_version": "2026-06-24.dahlia",
            "created": int(time.time()),
            "data": {"object": session_of(names, _PLACE)},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": "checkout.session.completed",
        }
        self._body = json.dumps(event, indent=2)  # as Stripe sends them

    def signed(self, number: int, event: str, secret: bytes | None = None) -> tuple[bytes, str]:
        """The body of an event of a payment, and the signature that goes with it."""
        body = self._body.replace(_PLACE, str(number)).replace(_EVENT, event).encode()
        now = int(time.time())
        mac = hmac.new(secret or self._secret, f"{now}.".encode() + body, "sha256")
        return body, f"t={now},v1={mac.hexdigest()}"

    def request(self, number: int, event: str, *, is_forged: bool = False) -> bytes:
        """The whole request; a forged one is signed with another secret."""
        secret = b"somebody else's" if is_forged else None
        body, signature = self.signed(number, event, secret)
        last = f"Stripe-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        return f"{self._head}{last}".encode() + body


def api_request(method: str, path: str, key: str, body: object = None) -> bytes:
    """A merchant's call."""
    text = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\n{_BEHIND_TLS}Authorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text
