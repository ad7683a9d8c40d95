"""Who may knock: size, rate of refusals, and the generic webhook's own signature and clock.

Every refusal is told to the operator in the security log; the sender learns only its kind.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, UnreadablePostError

from payments.api.addresses import client_address, counted_address, is_within
from payments.api.limits import seconds_to_wait
from payments.crypto.signatures import hmac_hex, same
from payments.gateways.wire import Headers
from payments.services.security import report_refusal
from payments.signals import SecurityFacts
from webhooks.diagnosis import written_otherwise
from webhooks.signals import webhook_rejected

log = structlog.get_logger("security")
_NOT_THEIR_FAULT = (500, 503)


@dataclass(eq=False)
class Refused(Exception):
    """A delivery that is turned away. `detail` is for the sender.

    `reason` is for the operator: a code, or `code: what to look at`.
    """

    status: int
    code: str
    detail: str
    reason: str = ""
    retry_after: int = 0


def body_of(request: HttpRequest) -> bytes:
    """The raw bytes, if they are not too many. Raises Refused."""
    limit = settings.WEBHOOK_MAX_BODY
    too_large = Refused(413, "body_too_large", f"A notification may have {limit} bytes at most.")
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise too_large
    try:
        body = request.body
    except RequestDataTooBig:
        raise too_large from None
    except UnreadablePostError:
        raise Refused(400, "body_unreadable", "The body broke off.") from None
    if len(body) > limit:
        raise too_large
    return body


def headers_of(request: HttpRequest) -> Headers:
    """The headers as pairs, as far as the server lets us see them."""
    return tuple(request.headers.items())


def demand_known_source(request: HttpRequest, provider: str) -> None:
    """Where the provider's addresses are listed, let nobody else in. Raises Refused."""
    allowed = settings.PROVIDERS[provider]["ip_whitelist"]
    source = client_address(request)
    if allowed and not is_within(source, allowed):
        raise Refused(403, "address_not_allowed", "This address may not deliver here.")


def reported(request: HttpRequest, provider: str, refused: Refused) -> Refused:
    """Tell the operator, count it against its source, and answer what the sender is told.

    Only what fails verification is counted and only that is turned away for being too much: a
    provider that shares its address with a forger is still heard.
    """
    source = client_address(request)
    reason, _, hint = (refused.reason or refused.code).partition(": ")
    log.warning("webhook_rejected", provider=provider, reason=reason, hint=hint, source=source)
    # A name that we do not know is a stranger's choice, and must not multiply events.
    named = provider if provider in settings.PROVIDERS else "unknown"
    facts = SecurityFacts(named, reason, hint, source)
    webhook_rejected.send_robust(sender=None, facts=facts)
    if refused.status not in _NOT_THEIR_FAULT:
        _keep(facts)
    if refused.status == 401 and (wait := _wait_after_this(request)):
        detail = f"Too many refused deliveries; try again in {wait} s."
        return Refused(429, "rate_limited", detail, reason, wait)
    return refused


def _wait_after_this(request: HttpRequest) -> int:
    return seconds_to_wait(request, "webhook_rejected", counted_address(request))


def _keep(facts: SecurityFacts) -> None:
    try:
        report_refusal(facts)
    except DatabaseError:
        log.exception("refusal_not_kept", provider=facts.provider, reason=facts.reason)


def verify_generic(headers: Mapping[str, str], body: bytes, secrets: list[str]) -> None:
    """Check `X-Webhook-Signature` over `{timestamp}.{raw body}`. Raises Refused."""
    timestamp, given = headers.get("X-Webhook-Timestamp"), headers.get("X-Webhook-Signature")
    if not timestamp or not given:
        detail = "X-Webhook-Timestamp and X-Webhook-Signature are both needed."
        raise Refused(400, "missing_header", detail)
    _demand_fresh(timestamp)

    def fits(written: bytes) -> bool:
        message = timestamp.encode() + b"." + written
        return any(same(given, hmac_hex(each.encode(), message)) for each in secrets if each)

    if not fits(body):
        reason = "signature_mismatch" if secrets else "no_secret_configured"
        if any(fits(other) for other in written_otherwise(body)):
            reason = "body_altered: the signature fits this JSON written otherwise; ask your proxy"
        raise Refused(401, "invalid_signature", "The signature does not fit the body.", reason)


def _demand_fresh(timestamp: str) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise Refused(400, "invalid_timestamp", "X-Webhook-Timestamp must be whole seconds.")
    skew = int(timestamp) - time.time()
    tolerance = settings.WEBHOOK_TIMESTAMP_TOLERANCE.total_seconds()
    if abs(skew) > tolerance:
        detail = "The timestamp is too old or too far ahead."
        raise Refused(
            400, "stale_timestamp", detail, f"stale_timestamp: clock differs by {skew:.0f} s"
        )
