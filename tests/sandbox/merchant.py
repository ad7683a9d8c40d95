"""A merchant for the sandbox's tests: calls the API, opens pages, hears notices."""

import hmac
import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

import requests

from tests.sandbox.process import PROFILE_ID, SERVER_KEY, SandboxProcess

T = TypeVar("T")
_numbers = itertools.count(1)


class Merchant:
    """Speaks PayTabs' API; every call is a page of its own unless told otherwise."""

    def __init__(self, base: str, hears_at: str = "") -> None:
        self.base = base
        self.hears_at = hears_at

    def post(self, path: str, body: Any, timeout: float = 30, **headers: str) -> requests.Response:
        headers = {"Authorization": SERVER_KEY} | headers
        return requests.post(self.base + path, json=body, headers=headers, timeout=timeout)

    def request(self, timeout: float = 30, **changes: Any) -> requests.Response:
        return self.post("/payment/request", self.page_request(**changes), timeout)

    def query(self, timeout: float = 30, **by: Any) -> requests.Response:
        return self.post("/payment/query", {"profile_id": PROFILE_ID} | by, timeout)

    def page_request(self, **changes: Any) -> dict[str, Any]:
        number = next(_numbers)
        asked = {
            "profile_id": PROFILE_ID,
            "tran_type": "sale",
            "tran_class": "ecom",
            "cart_id": f"order-{number}",
            "cart_description": f"Order {number}",
            "cart_currency": "AED",
            "cart_amount": 100,
            "callback": self.hears_at and f"{self.hears_at}/callback",
        } | changes
        return {name: value for name, value in asked.items() if value is not None}

    def page(self, **changes: Any) -> dict[str, Any]:
        """A page that is open and waits for its payer."""
        response = self.request(**changes)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def follow_up(
        self, kind: str, tran_ref: str, amount: float, **changes: Any
    ) -> requests.Response:
        asked: dict[str, Any] = {
            "tran_type": kind,
            "tran_ref": tran_ref,
            "cart_amount": amount,
            "callback": None,
        }
        return self.request(**(asked | changes))

    def choose(self, page: dict[str, Any], choice: str) -> requests.Response:
        """Press a button of the payment page, as a browser would."""
        return requests.post(
            page["redirect_url"], data={"choice": choice}, timeout=30, allow_redirects=False
        )


@dataclass
class Heard:
    """One delivery as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def news(self) -> dict[str, Any]:
        news: dict[str, Any] = json.loads(self.body)
        return news

    @property
    def is_authentic(self) -> bool:
        wanted = hmac.new(SERVER_KEY.encode(), self.body, "sha256").hexdigest()
        return hmac.compare_digest(self.headers.get("Signature", ""), wanted)


@dataclass
class Receiver:
    """Where the merchant hears: a real server that keeps what it got and answers as told."""

    heard: list[Heard] = field(default_factory=list)
    answers: Callable[[Heard], int] = lambda _: 200

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                heard = Heard(self.path, dict(self.headers), self.rfile.read(length))
                receiver.heard.append(heard)
                self.send_response(receiver.answers(heard))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def forget(self) -> None:
        self.heard, self.answers = [], lambda _: 200

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def of(self, ref: str, path: str = "") -> list[Heard]:
        """What was heard of one payment; another test's late news do not count."""
        ours = [heard for heard in self.heard if ref.encode() in heard.body]
        return [heard for heard in ours if heard.path.startswith(path or "/")]


def wait_until(condition: Callable[[], T], seconds: float = 10) -> T:
    """The first thing that is true of it; an error once it took too long."""
    gives_up_at = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < gives_up_at, "it did not happen in time"
        time.sleep(0.02)
    return found


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.method, self.action = "", ""
        self.fields: dict[str, str] = {}
        self.buttons: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.method, self.action = found.get("method", "get"), found.get("action", "")
        if tag == "input":
            self.fields[found["name"]] = found.get("value", "")
        if tag == "button" and "value" in found:
            self.buttons.append(found["value"])


def form_in(html: str) -> _Form:
    form = _Form()
    form.feed(html)
    return form


def paid(sandbox: SandboxProcess, merchant: Merchant, **changes: Any) -> str:
    ref: str = merchant.page(**changes)["tran_ref"]
    sandbox.act(ref, "approve")
    return ref


def assert_refused(response: requests.Response, status: int, code: int) -> None:
    assert response.status_code == status, response.text
    assert response.json()["code"] == code
    assert response.json()["message"]
    assert response.json()["trace"]
