"""The providers' vectors of signed notifications, and what all contract tests do alike."""

import base64
import json
from pathlib import Path
from typing import Any

from payments.gateways.contract import Evidence, Gateway, SignatureInvalid, Unreadable
from payments.gateways.messages import GatewayResult, Order
from payments.gateways.wire import WireResponse

CASES = Path(__file__).parent / "cases"
FOLDERS = sorted(each for each in CASES.iterdir() if (each / "vectors.json").exists())


def vectors_of(provider: str) -> list[dict[str, Any]]:
    text = (CASES / provider / "vectors.json").read_text(encoding="utf-8")
    vectors: list[dict[str, Any]] = json.loads(text)["vectors"]
    return vectors


# What a provider's server sends; what a payer's browser brings back is PayTabs' own affair.
VECTORS = [
    (folder.name, vector)
    for folder in FOLDERS
    for vector in vectors_of(folder.name)
    if not vector["kind"].startswith("return")
]


def name_of(vector: dict[str, Any]) -> str:
    name: str = vector["id"]
    return name


def body_of(vector: dict[str, Any]) -> bytes:
    return base64.b64decode(vector["body_base64"])


def verdict(gateway: Gateway, vector: dict[str, Any], evidence: Evidence) -> str:
    """Whether a gateway takes a vector's delivery for its own news: `accept` or `reject`."""
    headers = tuple((name, value) for name, value in vector["headers"])
    try:
        gateway.evidence_request(headers, evidence.now)
        gateway.verify(headers, body_of(vector), evidence)
        gateway.events_in(body_of(vector))
    except (SignatureInvalid, Unreadable):
        return "reject"
    return "accept"


def written(body: Any) -> bytes:
    """These bytes, or this as JSON."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def result_of(gateway: Gateway, order: Order, status: int, body: Any) -> GatewayResult:
    """What a gateway makes of an answer."""
    return gateway.result_of(order, WireResponse(status, {}, written(body)))
