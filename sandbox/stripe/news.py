"""Stripe's events: snapshots, signed anew for every try."""

import hmac
import json
from typing import Any

from django.conf import settings

from sandbox.models import Payment
from sandbox.notices import HABITS, Habits, Message, schedule
from sandbox.stripe.objects import API_VERSION, NAME, new_id, now

WRONG_SECRET = "whsec_FORGED"  # noqa: S105 # a forger's


def tell(payment: Payment, name: str, thing: dict[str, Any], cause: str | None = None) -> None:
    """Send one event; `cause` is the idempotency key of the request that made it happen."""
    if not settings.STRIPE_WEBHOOK_URL:
        return
    body, lie = _event(name, thing, cause), _event(name, _forged(thing), cause)
    forgeries = ((signed({}, body), lie), (_signed_by([WRONG_SECRET], lie), lie))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    delays = settings.RETRY_DELAYS
    message = Message(name, settings.STRIPE_WEBHOOK_URL, headers, body, forgeries, delays)
    schedule(NAME, payment.transaction_ref, message)


def _event(name: str, thing: dict[str, Any], cause: str | None) -> str:
    news = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now(),
        "data": {"object": thing},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": new_id("req") if cause else None, "idempotency_key": cause},
        "type": name,
    }
    return json.dumps(news, ensure_ascii=False, indent=2)


def _forged(thing: dict[str, Any]) -> dict[str, Any]:
    """What a forger wishes were true: that all was paid, and much of it."""
    paid = {"status": "complete", "payment_status": "paid", "amount_total": 98765400}
    taken = {"status": "succeeded", "amount": 98765400, "amount_received": 98765400}
    return thing | (paid if thing["object"] == "checkout.session" else taken)


def signed(headers: dict[str, str], body: str) -> dict[str, str]:
    return headers | _signed_by(settings.STRIPE_WEBHOOK_SECRETS, body)


def _signed_by(secrets: list[str], body: str) -> dict[str, str]:
    """One v1 a secret: there are two while one is rolled. v0 is a scheme for nobody."""
    at = now()
    made = [_hmac(secret.strip(), f"{at}.{body}") for secret in secrets]
    values = [f"t={at}", *(f"v1={value}" for value in made), f"v0={'0' * 64}"]
    return {"Stripe-Signature": ",".join(values)}


def _hmac(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()


HABITS[NAME] = Habits(sign=signed, is_heard=lambda status: 200 <= status < 300)
