"""Send an order to a gateway; verify a notification it sent us.

What must be had first is had here: a token where one must log in, a certificate where a
notification needs one. Tokens are kept in this process until shortly before they end.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from payments.errors import DomainError, NotSupported
from payments.gateways import documents, transport
from payments.gateways.contract import Evidence, Gateway
from payments.gateways.messages import (
    DisputeLookup,
    DisputeNews,
    GatewayResult,
    Order,
)
from payments.gateways.wire import Headers, Lost, NotSent, WireRequest, WireResponse

_TOKEN_MARGIN = timedelta(minutes=1)
_REFUSED_TOKEN = 401
_TOO_MANY = 429
_NO_TOKEN = ("", datetime.min.replace(tzinfo=UTC))
# A token and the moment of its end, by gateway. Threads may log in twice; the later token is as
# good as the earlier.
_tokens: dict[Gateway, tuple[str, datetime]] = {}


class CannotSay(DomainError):
    """An order that this gateway's own language has no words for."""


def execute(gateway: Gateway, order: Order, timeout: timedelta | None = None) -> GatewayResult:
    """Ask a gateway, within its timeout or a shorter one. Raises NotSent or Lost."""
    return exchange(gateway, order, timeout)[1]


def exchange(
    gateway: Gateway, order: Order, timeout: timedelta | None = None
) -> tuple[WireResponse, GatewayResult]:
    """The same, with the answer as it came."""
    response = exchanged(gateway, lambda token: gateway.request_for(order, token), timeout)
    return response, gateway.result_of(order, response)


def look_up_dispute(
    gateway: Gateway, order: DisputeLookup, timeout: timedelta
) -> DisputeNews | None:
    """What a gateway itself says of a dispute; None where it knows of none of this charge.

    Raises NotSupported where it cannot be asked, NotSent or Lost where it did not answer.
    """

    def question(token: str) -> WireRequest:
        if request := gateway.dispute_request(order, token):
            return request
        raise NotSupported(f"{gateway.name} cannot be asked about this dispute.")

    question("")  # before anybody logs in for it
    return gateway.dispute_of(order, well_told(gateway, exchanged(gateway, question, timeout)))


def well_told(gateway: Gateway, response: WireResponse) -> WireResponse:
    """The same answer. Raises Lost where it tells of their trouble and of nothing else."""
    if response.status >= 500 or response.status == _TOO_MANY:
        raise Lost(f"{gateway.name} answered {response.status}")
    return response


def exchanged(
    gateway: Gateway, request_with: Callable[[str], WireRequest], timeout: timedelta | None
) -> WireResponse:
    """One request and its answer; logging in, before and anew, shares its deadline.

    Raises NotSent or Lost.
    """
    limit = min(timeout, gateway.timeout) if timeout else gateway.timeout
    ends_at = _clock() + limit
    response = _sent(gateway, request_with, ends_at)
    if response.status == _REFUSED_TOKEN and gateway in _tokens:
        _tokens.pop(gateway, _NO_TOKEN)
        # The token ended early, so nothing was done: log in anew, once.
        response = _sent(gateway, request_with, ends_at)
    return response


def _sent(
    gateway: Gateway, request_with: Callable[[str], WireRequest], ends_at: timedelta
) -> WireResponse:
    token = _token_for(gateway, ends_at)
    try:
        request = request_with(token)
    except DomainError as error:
        raise CannotSay(error.detail) from error
    return transport.send(gateway.name, request, _left(gateway, ends_at))


def _clock() -> timedelta:
    """A clock that nobody sets back while a call is under way."""
    return timedelta(seconds=time.monotonic())


def _left(gateway: Gateway, ends_at: timedelta) -> timedelta:
    left = ends_at - _clock()
    if left <= timedelta(0):
        raise NotSent(f"The time for {gateway.name} was over before this could be sent.")
    return left


def _token_for(gateway: Gateway, ends_at: timedelta) -> str:
    request = gateway.token_request()
    if request is None:
        return ""
    text, good_until = _tokens.get(gateway, _NO_TOKEN)
    if datetime.now(UTC) < good_until:
        return text
    try:
        answer = transport.send(gateway.name, request, _left(gateway, ends_at))
    except Lost as error:
        raise NotSent(f"{gateway.name} did not answer the log-in: {error}") from error
    token = gateway.token_of(answer)
    if token is None:
        raise NotSent(f"{gateway.name} refused the log-in; check its credentials.")
    _tokens[gateway] = (token.text, datetime.now(UTC) + token.lifetime - _TOKEN_MARGIN)
    return token.text


def verify_notification(gateway: Gateway, headers: Headers, body: bytes) -> None:
    """Verify the raw bytes, before anybody reads them.

    Raises SignatureInvalid, or CannotJudge where what is needed cannot be had now.
    """
    request = gateway.evidence_request(headers, datetime.now(UTC))
    document = documents.fetched(gateway.name, request) if request else b""
    gateway.verify(headers, body, Evidence(datetime.now(UTC), document))
