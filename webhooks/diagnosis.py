"""Why a signature does not fit, as far as that can be found out: for operators, never for senders.

A mismatch says nothing by itself. So the same bytes are held against the mistakes that people
make: another provider's address, another secret, a proxy that writes bodies anew.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from payments.gateways.contract import CannotJudge, Evidence, Gateway, SignatureInvalid
from payments.gateways.registry import configured, gateway_named
from payments.gateways.wire import Headers

_WORTH_A_LOOK = 64 * 1024


def diagnosed(gateway: Gateway, headers: Headers, body: bytes, reason: str) -> str:
    """The reason, or a better one: `code: what to look at`."""
    if len(body) > _WORTH_A_LOOK:
        return reason
    if reason in ("missing_header", "signature_mismatch"):
        for name in configured():
            if name != gateway.name and _is_of(gateway_named(name), headers, body):
                return f"another_providers: this is {name}'s, sent to {gateway.name}'s address"
    if reason == "signature_mismatch":
        return _mistake(gateway, headers, body) or reason
    return reason


def _is_of(other: Gateway, headers: Headers, body: bytes) -> bool:
    """By its signature, or by the name that only this provider gives to its deliveries."""
    return bool(other.delivery_id(headers)) or _fits(other, headers, body)


def _mistake(gateway: Gateway, headers: Headers, body: bytes) -> str:
    for name, other in _with_other_secrets(gateway):
        if _fits(other, headers, body):
            return f"wrong_secret: it is signed with {name}, not with the webhook secret"
    if any(_fits(gateway, headers, other) for other in written_otherwise(body)):
        return "body_altered: the signature fits this JSON written otherwise; ask your proxy"
    return ""


def _with_other_secrets(gateway: Gateway) -> Iterator[tuple[str, Gateway]]:
    """The same gateway, believing in one of the provider's other secrets."""
    if "webhook_secrets" not in {each.name for each in fields(gateway)}:  # type: ignore[arg-type]
        return
    facts = settings.PROVIDERS[gateway.name]
    for name in ("secret_key", "generic_webhook_secrets"):
        given = facts.get(name) or []
        secrets = (given,) if isinstance(given, str) else tuple(given)
        if secrets:
            believing: Any = replace(gateway, webhook_secrets=secrets)  # type: ignore[type-var]
            yield name, believing


def written_otherwise(body: bytes) -> Iterator[bytes]:
    """What a well-meaning proxy may have been given before it sent us this."""
    if len(body) > _WORTH_A_LOOK:
        return
    yield body.strip()
    yield body + b"\n"
    with suppress(ValueError, RecursionError):
        value = json.loads(body)
        for ascii_only in (True, False):
            yield json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only).encode()
            yield json.dumps(value, ensure_ascii=ascii_only).encode()


def _fits(gateway: Gateway, headers: Headers, body: bytes) -> bool:
    try:
        gateway.verify(headers, body, Evidence(datetime.now(UTC)))
    except (SignatureInvalid, CannotJudge):
        return False
    return True
