"""What Flutterwave tells the merchant: failures too; with a shared word for a signature."""

import json
from typing import Any

from django.conf import settings

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
    if url := settings.FLUTTERWAVE_WEBHOOK_URL:
        forgeries = ((_headers("a guess"), lie), (_headers(""), lie))
        headers, delays = _headers(settings.FLUTTERWAVE_WEBHOOK_SECRET), settings.RETRY_DELAYS
        message = Message("webhook", url, headers, body, forgeries, delays[: TRIES - 1])
        schedule(NAME, payment.transaction_ref, message)


def _json(news: dict[str, Any]) -> str:
    return json.dumps(news, separators=(",", ":"), ensure_ascii=False)


def _headers(word: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "verif-hash": word}
