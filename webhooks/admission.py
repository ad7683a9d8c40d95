"""Who may knock: size, address, and rate of refusals.

Every refusal is told to the operator in the security log; the sender learns only its kind.
"""

from dataclasses import dataclass

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError

from payments.api import blocks
from payments.api.addresses import client_address, counted_address, is_within
from payments.api.limits import seconds_to_wait
from payments.gateways.wire import Headers
from payments.services.security import report_refusal
from payments.signals import SecurityFacts
from webhooks.signals import webhook_rejected

log = structlog.get_logger("security")
_NOT_THEIR_FAULT = (500, 503)
_UNVERIFIED = ("invalid_signature", "missing_header", "invalid_timestamp", "stale_timestamp")


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


def demand_patience(request: HttpRequest, kind: str) -> None:
    """Count it against its address. Raises Refused (429) where this limit is exceeded."""
    if wait := seconds_to_wait(request, kind, counted_address(request)):
        blocks.note_excess(request, blocks.address_of(request), kind)
        raise Refused(429, "rate_limited", f"Try again in {wait} s.", "", wait)


def turn_away_blocked(request: HttpRequest) -> None:
    """Let nobody waste our time again and again: for what failed already. Raises Refused (429)."""
    if wait := blocks.seconds_left(blocks.address_of(request)):
        detail = f"Too many refused deliveries; nothing is looked at for another {wait} s."
        raise Refused(429, "rate_limited", detail, "still_blocked", wait)


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
        report_refusal(facts)
    if refused.code in _UNVERIFIED:
        try:
            demand_patience(request, "webhook_rejected")
        except Refused as too_many:
            return too_many
    return refused
