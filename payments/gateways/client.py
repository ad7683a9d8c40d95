"""Send an order to a gateway; open a notification it sent us.

What must be had first is had here: a token where one must log in, a certificate where a
notification needs one. Both are kept in this process until shortly before they end.
"""

from datetime import UTC, datetime, timedelta

from payments.errors import DomainError
from payments.gateways import transport
from payments.gateways.contract import CannotJudge, Evidence, Gateway
from payments.gateways.messages import Failure, GatewayEvent, GatewayResult, Lookup, Order
from payments.gateways.wire import Headers, Lost, NotSent, WireResponse
from payments.statuses import FailureCode, Outcome

_DOCUMENT_TIMEOUT = timedelta(seconds=5)
_DOCUMENT_LIFETIME = timedelta(days=1)
_TOKEN_MARGIN = timedelta(minutes=1)
_REFUSED_TOKEN = 401
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NO_TOKEN = ("", _LONG_AGO)
_NO_DOCUMENT = (b"", _LONG_AGO)
# Value and the moment of its end, by what it belongs to. Threads may fetch the same thing twice;
# the later answer is as good as the earlier.
_tokens: dict[Gateway, tuple[str, datetime]] = {}
_documents: dict[str, tuple[bytes, datetime]] = {}


class CannotSay(DomainError):
    """An order that this gateway's own language has no words for."""


def execute(gateway: Gateway, order: Order, timeout: timedelta | None = None) -> GatewayResult:
    """Ask a gateway, within its timeout or a shorter one. Raises NotSent or Lost."""
    limit = min(timeout, gateway.timeout) if timeout else gateway.timeout
    response = _sent(gateway, order, limit)
    if response.status == _REFUSED_TOKEN and gateway in _tokens:
        _tokens.pop(gateway, _NO_TOKEN)
        # The token ended early, so nothing was done: log in anew, once.
        response = _sent(gateway, order, limit)
    return gateway.result_of(order, response)


def _sent(gateway: Gateway, order: Order, limit: timedelta) -> WireResponse:
    token = _token_for(gateway, limit)
    try:
        request = gateway.request_for(order, token)
    except DomainError as error:
        raise CannotSay(error.detail) from error
    return transport.send(gateway.name, request, limit)


def _token_for(gateway: Gateway, limit: timedelta) -> str:
    request = gateway.token_request()
    if request is None:
        return ""
    text, ends_at = _tokens.get(gateway, _NO_TOKEN)
    if datetime.now(UTC) < ends_at:
        return text
    try:
        token = gateway.token_of(transport.send(gateway.name, request, limit))
    except Lost as error:
        raise NotSent(f"{gateway.name} did not answer the log-in: {error}") from error
    if token is None:
        raise NotSent(f"{gateway.name} refused the log-in; check its credentials.")
    _tokens[gateway] = (
        token.text,
        datetime.now(UTC) + token.lifetime - _TOKEN_MARGIN,
    )
    return token.text


def attempt(gateway: Gateway, order: Order, timeout: timedelta | None = None) -> GatewayResult:
    """The same, with failures as outcomes: a Lookup that fails tells nothing, so UNKNOWN."""
    unasked = Outcome.UNKNOWN if isinstance(order, Lookup) else Outcome.NOT_SENT
    try:
        return execute(gateway, order, timeout)
    except NotSent as error:
        return GatewayResult(unasked, exchange={"error": str(error)})
    except CannotSay as error:
        # What cannot be said in the gateway's own units was refused before anything was sent.
        failure = Failure(FailureCode.PROVIDER_ERROR, error.detail)
        return GatewayResult(unasked, failure=failure, exchange={"error": error.detail})
    except (Lost, DomainError) as error:
        return GatewayResult(Outcome.UNKNOWN, exchange={"error": str(error)})


def open_notification(gateway: Gateway, headers: Headers, body: bytes) -> list[GatewayEvent]:
    """Verify the raw bytes, then translate.

    Raises SignatureInvalid, Unreadable, or CannotJudge where what is needed cannot be had now.
    """
    evidence = Evidence(datetime.now(UTC), _document_for(gateway, headers))
    gateway.verify(headers, body, evidence)
    return gateway.events_in(body)


def _document_for(gateway: Gateway, headers: Headers) -> bytes:
    request = gateway.evidence_request(headers)
    if request is None:
        return b""
    document, ends_at = _documents.get(request.url, _NO_DOCUMENT)
    if datetime.now(UTC) < ends_at:
        return document
    try:
        response = transport.send(f"{gateway.name}-documents", request, _DOCUMENT_TIMEOUT)
    except (NotSent, Lost) as error:
        raise CannotJudge(f"{gateway.name}'s certificate cannot be fetched: {error}") from error
    if response.status != 200 or b"BEGIN CERTIFICATE" not in response.body:
        raise CannotJudge(
            f"{gateway.name} answered {response.status} to its certificate's address."
        )
    _documents[request.url] = (response.body, datetime.now(UTC) + _DOCUMENT_LIFETIME)
    return response.body
