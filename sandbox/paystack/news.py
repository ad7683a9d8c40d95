"""What Paystack tells the merchant: signed with the API key, again until it is heard.

There is no news of a failed charge: who wants to know must ask.
"""

import hmac
import json
from typing import Any

from django.conf import settings

from sandbox.models import Payment
from sandbox.notices import Message, schedule
from sandbox.paystack.records import NAME

WRONG_KEY = "sk_test_forged"
_FORGED_AMOUNT = 98_765_400


def notify(payment: Payment, event: str, data: dict[str, Any]) -> None:
    if not settings.PAYSTACK_WEBHOOK_URL:
        return
    body = _json(event, data)
    lie = _json(event, data | {"status": "success", "amount": _FORGED_AMOUNT})
    forgeries = ((_headers(body), lie), (_headers(lie, WRONG_KEY), lie))
    url, delays = settings.PAYSTACK_WEBHOOK_URL, settings.RETRY_DELAYS
    message = Message("webhook", url, _headers(body), body, forgeries, delays)
    schedule(NAME, payment.transaction_ref, message)


def _json(event: str, data: dict[str, Any]) -> str:
    return json.dumps({"event": event, "data": data}, separators=(",", ":"), ensure_ascii=False)


def _headers(body: str, key: str = "") -> dict[str, str]:
    key = key or settings.PAYSTACK_WEBHOOK_SECRET
    signature = hmac.new(key.encode(), body.encode(), "sha512").hexdigest()
    return {"Content-Type": "application/json", "x-paystack-signature": signature}
