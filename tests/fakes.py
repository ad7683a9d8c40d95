"""FakeTransport: stands where the socket would be, and remembers what it heard."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from payments.gateways.wire import WireRequest, WireResponse

Reply = WireResponse | BaseException | Callable[[dict[str, Any]], WireResponse]


def answer(body: Any, status: int = 200) -> WireResponse:
    return WireResponse(status, {}, json.dumps(body).encode())


def page(body: dict[str, Any]) -> WireResponse:
    reference = f"TST{body['cart_id'][-12:]}"
    return answer({"tran_ref": reference, "redirect_url": f"https://pay.test/{reference}"})


class FakeTransport:
    """Answers requests by their path: `request` for pages, `query` for lookups."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.replies: dict[str, Reply] = {"request": page, "query": answer([])}

    def send(self, gateway: str, request: WireRequest, timeout: timedelta) -> WireResponse:
        path = request.url.rsplit("/", 1)[-1]
        body = json.loads(request.body)
        self.heard.append((path, body))
        reply = self.replies[path]
        if isinstance(reply, BaseException):
            raise reply
        return reply if isinstance(reply, WireResponse) else reply(body)

    def count(self, path: str) -> int:
        return sum(1 for heard, _ in self.heard if heard == path)


def notification(key: str, reference: str, status: str = "A", **facts: Any) -> bytes:
    """A PayTabs callback about an operation of ours, of 125.50 AED unless told otherwise."""
    body = {
        "tran_ref": reference,
        "profile_id": 100001,
        "cart_id": key,
        "tran_currency": "AED",
        "tran_total": "125.50",
        "tran_type": "Sale",
        "customer_details": {"name": "Amal", "email": "amal@example.test"},
        "payment_result": {"response_status": status, "response_code": "G1"},
        "payment_info": {"payment_method": "Visa"},
    }
    return json.dumps(body | facts).encode()
