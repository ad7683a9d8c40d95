"""What Flutterwave tells the merchant: failures too; with a shared word for a signature."""

import base64
import hmac
import json
import secrets
from typing import Any

from django.conf import settings
from django.utils import timezone

from sandbox.flutterwave.records import NAME
from sandbox.models import Payment
from sandbox.notices import Message, schedule

TRIES = 3
_FORGED_AMOUNT = 987_654


def notify(payment: Payment, event: str, data: dict[str, Any]) -> None:
    """In v3's envelope: the header is the merchant's own secret word, and proves no body."""
    kind = {"event.type": "CARD_TRANSACTION"}
    body = _json({"event": event, "data": data} | kind)
    paid = {"status": "successful", "amount": _FORGED_AMOUNT}
    lie = _json({"event": event, "data": data | paid} | kind)
    forgeries = ((_headers("verif-hash", "a guess"), lie), (_headers("verif-hash", ""), lie))
    _send(payment, _headers("verif-hash", settings.FLUTTERWAVE_WEBHOOK_SECRET), body, forgeries)


def notify_as_v4(payment: Payment, event: str, data: dict[str, Any]) -> None:
    """In v4's envelope, whose signature covers the body."""
    now = int(timezone.now().timestamp() * 1000)
    known = {"webhook_id": f"wbk_{secrets.token_hex(8)}", "timestamp": now, "type": event}
    body, lie = _json(known | {"data": data}), _json(known | {"data": data | {"status": "won"}})
    _send(payment, _signed(body), body, ((_signed(body), lie),))


def _send(
    payment: Payment,
    headers: dict[str, str],
    body: str,
    forgeries: tuple[tuple[dict[str, str], str], ...],
) -> None:
    if url := settings.FLUTTERWAVE_WEBHOOK_URL:
        delays = settings.RETRY_DELAYS[: TRIES - 1]
        message = Message("webhook", url, headers, body, forgeries, delays)
        schedule(NAME, payment.transaction_ref, message)


def _json(news: dict[str, Any]) -> str:
    return json.dumps(news, separators=(",", ":"), ensure_ascii=False)


def _headers(name: str, value: str) -> dict[str, str]:
    return {"Content-Type": "application/json", name: value}


def _signed(body: str) -> dict[str, str]:
    secret = settings.FLUTTERWAVE_WEBHOOK_SECRET.encode()
    digest = hmac.digest(secret, body.encode(), "sha256")
    return _headers("flutterwave-signature", base64.b64encode(digest).decode())
