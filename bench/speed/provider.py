"""A Stripe that answers at once: every page it is asked for is open, whoever asks."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

_REFERENCE = "client_reference_id"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Open a page; its name ends as the operation's key does."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer(_page(parse_qs(body)[_REFERENCE][0]))

    def do_GET(self) -> None:
        """Show a page, by the name that it was given."""
        name = self.path.partition("?")[0].rpartition("/")[2]
        self._answer(self.server.pages[name])  # type: ignore[attr-defined]

    def _answer(self, page: dict[str, object]) -> None:
        self.server.pages[page["id"]] = page  # type: ignore[attr-defined]
        text = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's word
        """Nobody reads it."""


def _page(key: str) -> dict[str, object]:
    return {
        "id": f"cs_bench_{key[-12:]}",
        "object": "checkout.session",
        "amount_total": 12550,
        "client_reference_id": key,
        "currency": "aed",
        "metadata": {"ballast_operation": key},
        "mode": "payment",
        "payment_intent": None,
        "payment_status": "unpaid",
        "status": "open",
        "url": f"https://checkout.example.com/{key}",
    }


class Provider(ThreadingHTTPServer):
    """Serves from a thread of its own until it is closed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, dict[str, object]] = {}
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self) -> None:
        """Answer nobody any more."""
        self.shutdown()
        self.server_close()
