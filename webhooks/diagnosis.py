"""Why a signature does not fit, as far as that can be found out: for operators, never for senders.

A mismatch says nothing by itself. So the same bytes are held against the mistakes that people
make: another provider's address or headers, another secret, one that was taken out, a proxy that
writes bodies anew. Nothing that fits here is believed for it, and no secret is ever shown.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from payments.gateways.contract import GENERIC, CannotJudge, Evidence, Gateway, SignatureInvalid
from payments.gateways.registry import TRANSLATORS, configured, gateway_named
from payments.gateways.wire import Headers, header_values
from webhooks import generic

_WORTH_A_LOOK = 64 * 1024
_EXPLICABLE = ("missing_header", "signature_mismatch")
# Of a provider's secrets, whatever they are for.
_SECRETS = ("webhook_secrets", "server_key", "secret_key", GENERIC.name)
_OLD = (
    "it is signed with number %d of %s_%s (the latest is number 1);"
    " give the sender the present one, unless this one leaked: then it is a forgery"
)


@dataclass(frozen=True, slots=True)
class _Way:
    """How signatures are made here: with which setting's secrets, and whether some fit a body."""

    setting: str
    present: tuple[str, ...]
    fits: Callable[[tuple[str, ...], bytes], bool]

    def __repr__(self) -> str:
        return f"<the way of {self.setting}>"


def diagnosed(gateway: Gateway, headers: Headers, body: bytes, reason: str) -> str:
    """The reason, or a better one: `code: what to look at`."""
    if len(body) > _WORTH_A_LOOK or reason.partition(":")[0] not in _EXPLICABLE:
        return reason
    for name in configured():
        if name != gateway.name and _is_of(gateway_named(name), headers, body):
            return f"another_providers: this is {name}'s, sent to {gateway.name}'s address"
    if reason == "signature_mismatch":
        reason = _mistake(gateway, _of_provider(gateway, headers), body) or _own_mixed_up(
            gateway, headers, body
        )
    return _with_strange(reason, headers, gateway.name)


def diagnosed_generic(
    gateway: Gateway, headers: Mapping[str, str], body: bytes, reason: str
) -> str:
    """The same for the generic webhook."""
    if len(body) > _WORTH_A_LOOK or reason.partition(":")[0] not in _EXPLICABLE:
        return reason
    if reason == "signature_mismatch":
        reason = _mistake(gateway, _of_generic(gateway, headers), body) or reason
    return _with_strange(reason, tuple(headers.items()), GENERIC.name)


def _is_of(other: Gateway, headers: Headers, body: bytes) -> bool:
    """By its signature, or by the name that only this provider gives to its deliveries."""
    return bool(other.delivery_id(headers)) or _fits(other, headers, body)


def _fits(gateway: Gateway, headers: Headers, body: bytes) -> bool:
    try:
        gateway.verify(headers, body, Evidence(datetime.now(UTC)))
    except SignatureInvalid as error:
        # Told only of a signature that fits.
        return error.reason.startswith("timestamp_outside_tolerance")
    except CannotJudge:
        return False
    return True


def _of_provider(gateway: Gateway, headers: Headers) -> _Way:
    """The provider's own way: the same gateway, believing in other secrets."""
    name = gateway.signed_with
    present = getattr(gateway, name, ())

    def fits(secrets: tuple[str, ...], body: bytes) -> bool:
        # One that has a single secret is tried with each.
        given = secrets if isinstance(present, str) else [secrets]
        return any(_fits(_believing(gateway, name, each), headers, body) for each in given)

    return _Way(name, _listed(present), fits)


def _believing(gateway: Gateway, name: str, secrets: Any) -> Gateway:
    believing: Any = replace(gateway, **{name: secrets})  # type: ignore[type-var]
    told: Gateway = believing
    return told


def _of_generic(gateway: Gateway, headers: Mapping[str, str]) -> _Way:
    present = settings.PROVIDERS[gateway.name][GENERIC.name]
    return _Way(GENERIC.name, _listed(present), lambda s, body: generic.fits(headers, body, s))


def _mistake(gateway: Gateway, way: _Way, body: bytes) -> str:
    """What fits this signature other than the present secrets and this body."""
    if not way.setting:
        return ""
    facts = settings.PROVIDERS[gateway.name]
    for name in _SECRETS:
        if name != way.setting and way.fits(_listed(facts.get(name)), body):
            return f"wrong_secret: it is signed with {name}, not with {way.setting}"
    retired = gateway.asked()[way.setting].retired
    for number, secret in enumerate(_listed(facts.get(retired.name)), 1):
        if way.fits((secret,), body):
            return f"retired_secret: {_OLD % (number, gateway.name.upper(), retired.variable)}"
    if any(way.fits(way.present, other) for other in written_otherwise(body)):
        return "body_altered: the signature fits this JSON written otherwise; ask your proxy"
    return ""


def _listed(given: Any) -> tuple[str, ...]:
    return tuple(filter(None, [given] if isinstance(given, str) else given or ()))


def _own_mixed_up(gateway: Gateway, headers: Headers, body: bytes) -> str:
    """A provider may sign in two ways at once, of which the better counts."""
    for name in gateway.signed_in:
        others = tuple(each for each in headers if each[0].lower() != name)
        if len(others) < len(headers) and _fits(gateway, others, body):
            return f"mixed_headers: it fits without its {name}, which is made with another secret"
    return "signature_mismatch"


def _with_strange(reason: str, headers: Headers, own: str) -> str:
    """What a family of headers tells that came instead of the right one, or beside it."""
    strange = _strange(headers, own) if reason.partition(":")[0] in _EXPLICABLE else ""
    if not strange:
        return reason
    code, _, hint = reason.partition(": ")
    if code == "missing_header":
        return f"mixed_headers: {hint}, but {strange}"
    return f"{code}: it bears {strange}, too"


def _strange(headers: Headers, own: str) -> str:
    """The first header of a signature that is made for another address, and for which."""
    families = {name: translator.signed_in for name, translator in TRANSLATORS.items()}
    addresses = {name: f"/webhooks/payments/{name}" for name in families}
    families[GENERIC.name] = (generic.SIGNATURE.lower(),)
    addresses[GENERIC.name] = "/payments/v2/webhook"
    ours = families.pop(own, ())
    for family, names in families.items():
        for name in names:
            if name not in ours and header_values(headers, name):
                return f"{name}, which is for {addresses[family]}"
    return ""


def written_otherwise(body: bytes) -> Iterator[bytes]:
    """What a well-meaning proxy may have been given before it sent us this."""
    yield body.strip()
    yield body + b"\n"
    with suppress(ValueError, RecursionError):
        value = json.loads(body)
        for ascii_only in (True, False):
            yield json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only).encode()
            yield json.dumps(value, ensure_ascii=ascii_only).encode()
