"""Loopback ports that answer HTTP, and that can be shut without being given away.

A port that is shut must refuse connections, and yet nobody else may take it meanwhile: coming
back would fail. On Linux one socket can do both: `shutdown` ends its listening and keeps its
address, `listen` resumes it.
"""

import socket
import sys
import threading
from contextlib import suppress
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

LOOPBACK = "127.0.0.1"
BACKLOG = 128
# How often a port looks whether it should shut; bounds how long shutting takes.
POLL_SECONDS = 0.05


class _Handler(WSGIRequestHandler):
    """Answers one connection; tells the application whose port it came in at."""

    server: "_Server"
    # Head and body are written apart: without this a kept connection waits 40 ms for the body.
    disable_nagle_algorithm = True

    def get_environ(self) -> dict[str, Any]:
        return super().get_environ() | {
            "sandbox.company": self.server.company,
            "sandbox.connection": self.connection,
        }

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # so named there
        """No access log: callers keep their own."""


class _Server(ThreadedWSGIServer):
    """One thread a connection; remembers the connections, to be able to cut them."""

    request_queue_size = BACKLOG

    def __init__(self, port: int, company: str | None) -> None:
        super().__init__((LOOPBACK, port), _Handler, bind_and_activate=False)
        self.company = company
        self._clients: set[socket.socket] = set()
        self._lock = threading.Lock()

    def get_request(self) -> tuple[socket.socket, Any]:
        client, address = super().get_request()
        with self._lock:
            self._clients.add(client)
        return client, address

    def close_request(self, request: Any) -> None:
        with self._lock:
            self._clients.discard(request)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in mid-answer is everyday life here."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def cut_clients(self) -> None:
        with self._lock:
            for client in self._clients:
                cut(client)


class Port:
    """A port of ours, open or shut."""

    def __init__(self, number: int, company: str | None = None) -> None:
        self._server = _Server(number, company)
        try:
            self._server.server_bind()
        except OSError:
            self._server.server_close()
            raise
        self._server.set_app(WSGIHandler())
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        with self._lock:
            if self._thread is None:
                self._allow_sharing(allowed=True)
                self._server.socket.listen(BACKLOG)
                self._thread = threading.Thread(
                    target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True
                )
                self._thread.start()

    def shut(self) -> None:
        """Refuse connections from now on, and cut those that are open, like a fallen machine."""
        with self._lock:
            if self._thread is not None:
                self._server.shutdown()
                self._thread.join()
                self._server.socket.shutdown(socket.SHUT_RDWR)
                self._allow_sharing(allowed=False)
                self._server.cut_clients()
                self._thread = None

    def close(self) -> None:
        self.shut()
        self._server.server_close()

    def _allow_sharing(self, *, allowed: bool) -> None:
        # Wanted while listening, so that old connections in TIME_WAIT do not stand in the way
        # of a restart. Unwanted while shut: a socket that listens is safe, one that is merely
        # bound could be shared by a stranger who asks for the same.
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(allowed))


def cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it may be gone already
        connection.shutdown(socket.SHUT_RDWR)


# Filled at start: the open and shut doors of the companies.
PORTS: dict[str, Port] = {}


def obey(company: str, mode: str) -> None:
    """Shut or open the company's port, as its mode wants it."""
    if port := PORTS.get(company):
        if mode == "down":
            port.shut()
        else:
            port.open()
