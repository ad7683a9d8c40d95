"""PayPal: Orders v2 and Payments v2.

Sources: PayPal's own API descriptions (checkout_orders_v2, payments_payment_v2,
notifications_webhooks_v1, customer_disputes_v1) and its SDKs. Four habits of PayPal shape this
folder: an order that its payer approved must still be captured, an order can be COMPLETED while
its capture is PENDING or DECLINED, a signature covers a checksum of the body and not the body,
and amounts are decimal strings.
"""

import base64
import json
import re
import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import quote

import certifi

from payments.gateways.contract import (
    BY_PAGE,
    Capability,
    Evidence,
    Facts,
    Form,
    Setting,
    SignatureInvalid,
    Token,
    Unreadable,
)
from payments.gateways.messages import (
    DisputeLookup,
    DisputeNews,
    GatewayEvent,
    GatewayResult,
    Lookup,
    Order,
)
from payments.gateways.paypal.answers import answered, found
from payments.gateways.paypal.certificates import check_signature
from payments.gateways.paypal.listing import PayPalList
from payments.gateways.paypal.news import dispute_in, event_in, names_charge
from payments.gateways.paypal.orders import effect_of, lookup_path
from payments.gateways.paypal.reading import kept, mapping, part, text
from payments.gateways.paypal.words import BASES, CERTIFICATE_HOSTS, CURRENCIES
from payments.gateways.reading import moment_in, skew_told, sole_header
from payments.gateways.wire import Headers, WireRequest, WireResponse, header_values

__all__ = ["BASES", "CERTIFICATE_HOSTS", "PayPal"]

_SIGNATURE_HEADERS = (
    "transmission-id",
    "transmission-time",
    "transmission-sig",
    "cert-url",
    "auth-algo",
)
_CERTIFICATE_URL = re.compile(r"(https?)://([a-z0-9.:-]+)/v1/notifications/certs/[\w-]+", re.ASCII)
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.ASCII)
_AHEAD = timedelta(minutes=5)
_LONGEST_TOKEN_LIFE = 86400


@dataclass(frozen=True, slots=True)
class PayPal(PayPalList):
    """The translator for one PayPal application.

    A notification's certificate is fetched from `certificate_hosts` only (over plain http from
    this very machine only), and must be issued by one of `trusted_roots` or be among them.
    PayPal tries for three days, so a notification may be `tolerance` old: what keeps repeats out
    is the id of the event.
    """

    told: ClassVar[tuple[Setting, ...]] = (
        Setting("client_id", "CLIENT_ID", is_credential=True),
        Setting("client_secret", "CLIENT_SECRET", is_credential=True),
        Setting("webhook_id", "WEBHOOK_ID", is_credential=True),
        # For sandboxes only; the deploy check refuses both.
        Setting("test_certificate_hosts", "TEST_CERTIFICATE_HOST", Form.ITEMS),
        Setting("test_root", "TEST_ROOT"),
    )
    home: ClassVar[str] = BASES["live"]
    signed_in: ClassVar[tuple[str, ...]] = tuple(f"paypal-{name}" for name in _SIGNATURE_HEADERS)

    client_id: str
    client_secret: str = field(repr=False)
    webhook_id: str
    base: str
    timeout: timedelta
    settling_time: timedelta
    certificate_hosts: frozenset[str] = frozenset().union(*CERTIFICATE_HOSTS.values())
    trusted_roots: tuple[bytes, ...] = field(default=(), repr=False)
    tolerance: timedelta = timedelta(days=4)
    name: str = "paypal"
    currencies: frozenset[str] = CURRENCIES
    capabilities: frozenset[Capability] = BY_PAGE | {Capability.LIST}
    key_memory: timedelta = timedelta(hours=6)
    finds_by_key: bool = False
    proves_body: bool = False

    def __repr__(self) -> str:
        return f"<PayPal application {self.client_id} at {self.base}>"

    @classmethod
    def made(cls, told: Facts, usual: Facts) -> Self:
        mode = "sandbox" if usual["base"] == BASES["sandbox"] else "live"
        root = Path(told["test_root"] or certifi.where())
        return cls(
            told["client_id"],
            told["client_secret"],
            told["webhook_id"],
            certificate_hosts=CERTIFICATE_HOSTS[mode] | set(told["test_certificate_hosts"]),
            trusted_roots=(root.read_bytes(),),
            **usual,
        )

    def token_request(self) -> WireRequest:
        pair = f"{self.client_id}:{self.client_secret}".encode()
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = b"grant_type=client_credentials"
        return WireRequest("POST", self.base + "/v1/oauth2/token", headers, body)

    def token_of(self, response: WireResponse) -> Token | None:
        answer = mapping(response.json_value())
        token, seconds = text(answer, "access_token"), answer.get("expires_in")
        if response.status != 200 or type(seconds) is not int or seconds <= 0:
            return None
        if not re.fullmatch(r"[!-~]+", token):
            return None
        return Token(token, timedelta(seconds=min(seconds, _LONGEST_TOKEN_LIFE)))

    def request_for(self, order: Order, token: str = "") -> WireRequest:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if isinstance(order, Lookup):
            return WireRequest("GET", self.base + lookup_path(order), headers)
        path, body = effect_of(order)
        # One key may be the charge's and its capture's: the kind keeps the two apart.
        headers["PayPal-Request-Id"] = f"{order.kind}-{order.key}"
        headers["Prefer"] = "return=representation"
        return WireRequest("POST", self.base + path, headers, json.dumps(body).encode())

    def result_of(self, order: Order, response: WireResponse) -> GatewayResult:
        answer = response.json_value()
        exchange = {"status": response.status, "answer": kept(answer)}
        if isinstance(order, Lookup):
            return replace(found(order, response.status, answer), exchange=exchange)
        return replace(answered(order, response.status, answer), exchange=exchange)

    def dispute_request(self, order: DisputeLookup, token: str = "") -> WireRequest | None:
        if not order.reference:
            return None
        path = f"/v1/customer/disputes/{quote(order.reference, safe='')}"
        return WireRequest("GET", self.base + path, {"Authorization": f"Bearer {token}"})

    def dispute_of(self, order: DisputeLookup, response: WireResponse) -> DisputeNews | None:
        dispute = mapping(response.json_value()) if response.status == 200 else {}
        is_it = text(dispute, "dispute_id") == order.reference and names_charge(dispute, order)
        return dispute_in(dispute) if is_it else None

    def delivery_id(self, headers: Headers) -> str:
        # The signature covers a checksum of the body alone, so another body can be made to fit.
        return "".join(header_values(headers, "paypal-transmission-id"))

    def evidence_request(self, headers: Headers, now: datetime) -> WireRequest:
        given = self._signature(headers)
        self._check_time(given["transmission-time"], now)
        return WireRequest("GET", given["cert-url"])

    def verify(self, headers: Headers, body: bytes, evidence: Evidence) -> None:
        given = self._signature(headers)
        self._check_time(given["transmission-time"], evidence.now)
        parts = (given["transmission-id"], given["transmission-time"], self.webhook_id)
        message = "|".join((*parts, str(zlib.crc32(body))))
        try:
            signature = base64.b64decode(given["transmission-sig"], validate=True)
            signed = message.encode("ascii")
        except ValueError:
            raise SignatureInvalid("malformed_header") from None
        check_signature(evidence.document, self.trusted_roots, evidence.now, signature, signed)

    def _signature(self, headers: Headers) -> dict[str, str]:
        """The headers that make the signature, each once, and none chooses a weaker way."""
        if not self.webhook_id:
            raise SignatureInvalid("no_secret_configured")
        given = {name: sole_header(headers, f"paypal-{name}") for name in _SIGNATURE_HEADERS}
        if given["auth-algo"] != "SHA256withRSA":
            raise SignatureInvalid("algorithm_not_allowed: paypal-auth-algo is not SHA256withRSA")
        self._check_certificate_url(given["cert-url"])
        return given

    def _check_time(self, written: str, now: datetime) -> None:
        sent_at = moment_in(written)
        if sent_at is None:
            raise SignatureInvalid("malformed_header")
        if not -_AHEAD <= now - sent_at <= self.tolerance:
            raise SignatureInvalid(f"transmission_time_out_of_bounds: {skew_told(sent_at - now)}")

    def _check_certificate_url(self, url: str) -> None:
        found = _CERTIFICATE_URL.fullmatch(url)
        if found is None or found[2] not in self.certificate_hosts:
            raise SignatureInvalid("cert_url_not_allowed")
        if found[1] == "http" and not _LOOPBACK.fullmatch(found[2]):
            raise SignatureInvalid("cert_url_not_allowed")

    def events_in(self, body: bytes) -> list[GatewayEvent]:
        try:
            news = json.loads(body)
        except (ValueError, RecursionError):
            raise Unreadable("the body is not JSON") from None
        if not text(news, "id") or not text(news, "event_type") or not part(news, "resource"):
            raise Unreadable("the body is no event")
        return [event_in(news)]
