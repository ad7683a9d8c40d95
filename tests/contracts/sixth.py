"""A sixth provider that nobody knows: one file is all that it takes to be one of them."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from payments.crypto.redaction import redact
from payments.crypto.signatures import hmac_hex, same
from payments.errors import NotSupported
from payments.gateways.contract import (
    Capability,
    Evidence,
    Gateway,
    Setting,
    SignatureInvalid,
    Unreadable,
)
from payments.gateways.messages import (
    Charge,
    Failure,
    GatewayEvent,
    GatewayResult,
    Lookup,
    Order,
)
from payments.gateways.reading import json_in, text_of
from payments.gateways.wire import Headers, WireRequest, WireResponse, header_values
from payments.money import Money
from payments.statuses import FailureCode, OperationKind, Outcome

STATUSES = {
    "open": Outcome.ACTION_REQUIRED,
    "paid": Outcome.SUCCEEDED,
    "refused": Outcome.DECLINED,
}


@dataclass(frozen=True, slots=True)
class Sixth(Gateway):
    """Amounts in minor units, one path, one word for each status."""

    told: ClassVar[tuple[Setting, ...]] = (Setting("secret", "SECRET", is_credential=True),)
    home: ClassVar[str] = "https://sixth.test"

    secret: str
    base: str
    timeout: timedelta
    settling_time: timedelta
    name: str = "sixth"
    currencies: frozenset[str] = frozenset({"AED", "USD"})
    capabilities: frozenset[Capability] = frozenset({Capability.CHARGE})

    def __repr__(self) -> str:
        return f"<Sixth at {self.base}>"

    def request_for(self, order: Order, token: str = "") -> WireRequest:
        if not isinstance(order, Charge | Lookup) or order.kind is not OperationKind.CHARGE:
            raise NotSupported(f"Sixth cannot {order.kind}.")
        body: dict[str, Any] = {"key": order.key}
        if isinstance(order, Charge):
            body |= {"amount": order.money.amount, "currency": order.money.currency}
        path = "/find" if isinstance(order, Lookup) else "/pay"
        headers = {"X-Secret": self.secret}
        return WireRequest("POST", self.base + path, headers, json.dumps(body).encode())

    def result_of(self, order: Order, response: WireResponse) -> GatewayResult:
        answer = json_in(response.body)
        exchange = {"status": response.status, "answer": redact(answer)}
        if response.status == 429 and not isinstance(order, Lookup):
            return GatewayResult(Outcome.NOT_SENT, exchange=exchange)
        if response.status != 200 or not isinstance(answer, dict) or "status" not in answer:
            return GatewayResult(Outcome.UNKNOWN, exchange=exchange)
        return _result_in(answer, exchange)

    def verify(self, headers: Headers, body: bytes, evidence: Evidence) -> None:
        if not self.secret:
            raise SignatureInvalid("no_secret_configured")
        given = header_values(headers, "x-sixth")
        if len(given) != 1 or not same(given[0], hmac_hex(self.secret.encode(), body)):
            raise SignatureInvalid("signature_mismatch")

    def events_in(self, body: bytes) -> list[GatewayEvent]:
        news = json_in(body)
        if not isinstance(news, dict) or not text_of(news, "id"):
            raise Unreadable("no event")
        event_id = text_of(news, "id")[:100]
        result = _result_in(news, {})
        return [GatewayEvent(event_id, "payment", text_of(news, "key"), result)]


def _result_in(news: dict[str, Any], exchange: dict[str, Any]) -> GatewayResult:
    word = text_of(news, "status")
    outcome = STATUSES.get(word, Outcome.PENDING)
    amount, currency = news.get("amount"), text_of(news, "currency")
    is_money = type(amount) is int and 0 <= amount < 10**18 and currency in ("AED", "USD")
    declined = outcome is Outcome.DECLINED
    return GatewayResult(
        outcome,
        kind=OperationKind.CHARGE,
        reference=text_of(news, "reference")[:100],
        money=Money(int(str(amount)), currency) if is_money else None,
        redirect_url=text_of(news, "page"),
        failure=Failure(FailureCode.CARD_DECLINED, word) if declined else None,
        exchange=exchange,
        unlisted_word="" if word in STATUSES else word or "nothing",
    )
