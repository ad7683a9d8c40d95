"""How a company misbehaves towards those who call it.

Modes spoil the company's API only; its payment pages keep working, except when it is down.

    up                      all is well
    down                    the port refuses connections (see `server`)
    error                   every answer is a 500; whether the work was done, a coin decides
    flaky                   the same, for `error_rate` of the answers
    slow                    the work is done at once, the answer comes `latency_ms` later
    timeout_after_commit    the work is done, the answer never comes
"""

import select
import socket
import time
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from sandbox.companies import COMPANIES, View, company_of
from sandbox.dials import dice
from sandbox.models import Dials
from sandbox.server import cut

LONGEST_HOLD_SECONDS = 120


def inject_faults(get_response: View) -> View:
    """Middleware: between a company's API and its callers stand the faults."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        company = company_of(request)
        if company is None or request.path not in COMPANIES[company].API_PATHS:
            return get_response(request)
        return _spoiled(Dials.of(company), request, get_response)

    return middleware


def _spoiled(dials: Dials, request: HttpRequest, get_response: View) -> HttpResponseBase:
    if dials.mode == Dials.Mode.SLOW:
        response = get_response(request)
        time.sleep(dials.latency_ms / 1000)
        return response
    if dials.mode == Dials.Mode.TIMEOUT_AFTER_COMMIT:
        get_response(request)
        return StreamingHttpResponse(_silence(request.META["sandbox.connection"]))
    if _fails(dials):
        if dice(dials, "calls").random() < 0.5:
            get_response(request)
        return HttpResponse("<h1>500 Internal Server Error</h1>", status=500)
    return get_response(request)


def _fails(dials: Dials) -> bool:
    if dials.mode == Dials.Mode.FLAKY:
        return dice(dials, "calls").random() < dials.error_rate
    return dials.mode == Dials.Mode.ERROR


def _silence(connection: socket.socket) -> Iterator[bytes]:
    """Say nothing until the caller hangs up, then drop the line without a byte of answer."""
    yield from ()
    gives_up_at = time.monotonic() + LONGEST_HOLD_SECONDS
    while time.monotonic() < gives_up_at and not _has_left(connection):
        pass
    cut(connection)
    raise ConnectionAbortedError("the caller left without an answer, as it should")


def _has_left(connection: socket.socket) -> bool:
    line = select.poll()
    line.register(connection, select.POLLIN)
    if not line.poll(1000):
        return False
    try:
        if connection.recv(1, socket.MSG_PEEK) == b"":
            return True
    except OSError:
        return True
    # The caller sent more although no answer came; it is there, and it can wait.
    time.sleep(1)
    return False
