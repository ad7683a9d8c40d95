"""The transport tells *not sent* from *lost*, against real sockets that misbehave."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from payments.gateways import transport
from payments.gateways.transport import LARGEST_ANSWER, send, session_for
from payments.gateways.wire import Crowded, Lost, NotSent, WireRequest

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[[socket.socket], None]


@pytest.fixture(autouse=True)
def _fresh_sessions() -> Iterator[None]:
    session_for.cache_clear()
    yield
    session_for.cache_clear()


@contextmanager
def peer(script: Script, connections: int = 1) -> Iterator[str]:
    """A server that treats each connection as the script says, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            for _ in range(connections):
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(10)
                    with suppress(OSError):
                        script(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def ask(url: str, seconds: float = 5.0, body: bytes = b"{}") -> tuple[int, bytes]:
    response = send("test", WireRequest("POST", url, {}, body), timedelta(seconds=seconds))
    return response.status, response.body


def reads_then(answer: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return script


def test_an_answer_is_an_answer_whatever_its_status() -> None:
    with peer(reads_then(OK)) as url:
        assert ask(url) == (200, b"ok")
    with peer(reads_then(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")) as url:
        assert ask(url) == (503, b"")


def test_a_refused_connection_was_never_sent() -> None:
    with socket.socket() as unlistened:
        unlistened.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent):
            ask(f"http://127.0.0.1:{unlistened.getsockname()[1]}/")


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/", "nonsense", "http://"])
def test_an_address_that_leads_nowhere_was_never_sent(url: str) -> None:
    with pytest.raises(NotSent):
        ask(url)


def test_a_failed_tls_handshake_was_never_sent() -> None:
    with peer(reads_then(b"this is not TLS")) as url, pytest.raises(NotSent):
        ask(url.replace("http://", "https://"))


def test_a_tls_handshake_that_hangs_ends_with_the_deadline_and_was_never_sent() -> None:
    with peer(lambda c: time.sleep(1.5)) as url, pytest.raises(NotSent):
        ask(url.replace("http://", "https://"), seconds=0.3)


def test_a_connection_closed_after_the_request_is_lost() -> None:
    with peer(reads_then(b"")) as url, pytest.raises(Lost):
        ask(url)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxxx",
    ],
    ids=["short body", "cut chunk", "nonsense", "broken gzip"],
)
def test_an_answer_that_breaks_off_is_lost(answer: bytes) -> None:
    with peer(reads_then(answer)) as url, pytest.raises(Lost):
        ask(url)


def test_an_answer_cut_in_its_headers_holds_nothing_that_could_be_believed() -> None:
    # A peer that closes while we still write resets the connection: lost, which is as good.
    with peer(reads_then(b"HTTP/1.1 200 OK\r\nContent-")) as url, suppress(Lost):
        assert ask(url)[1] == b""


def test_silence_after_the_request_is_lost_at_the_deadline() -> None:
    with peer(lambda c: time.sleep(1.5)) as url, pytest.raises(Lost, match=r"within 0\.3 s"):
        ask(url, seconds=0.3)


def drip(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"x")
        time.sleep(0.02)


def drip_headers(connection: socket.socket) -> None:
    connection.recv(65536)
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


@pytest.mark.parametrize("script", [drip, drip_headers])
def test_dripping_bytes_do_not_outlive_the_deadline(script: Script) -> None:
    # The server would drip for 20 s and more; every single read is quick.
    started = time.monotonic()
    with peer(script) as url, pytest.raises(Lost):
        ask(url, seconds=0.5)
    assert time.monotonic() - started < 10


def test_a_body_without_length_that_the_deadline_cuts_is_lost_not_taken_for_whole() -> None:
    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b'HTTP/1.1 200 OK\r\n\r\n{"code": 0}')
        time.sleep(1.5)

    with peer(script) as url, pytest.raises(Lost):
        ask(url, seconds=0.3)


def test_an_endless_answer_is_not_read_to_the_end() -> None:
    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(LARGEST_ANSWER // 65536 + 10):
            connection.sendall(b"x" * 65536)

    with peer(script) as url, pytest.raises(Lost):
        ask(url)


def test_a_kept_connection_that_died_meanwhile_is_lost_never_silently_repeated() -> None:
    # The first answer promises to keep the connection; the server hangs up all the same.
    with peer(reads_then(OK), connections=1) as url:
        assert ask(url) == (200, b"ok")
        time.sleep(0.05)
        with pytest.raises((Lost, NotSent)):
            ask(url)


def test_redirects_are_not_followed_and_cookies_not_kept() -> None:
    headers = b"Location: http://127.0.0.1:1/\r\nSet-Cookie: a=b\r\nContent-Length: 0"
    answer = b"HTTP/1.1 302 Go\r\n" + headers + b"\r\n\r\n"
    with peer(reads_then(answer)) as url:
        assert ask(url)[0] == 302
    assert not session_for("test").cookies


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with peer(reads_then(OK)) as url:
        assert ask(url) == (200, b"ok")


def test_calls_run_side_by_side_and_each_keeps_its_own_deadline() -> None:
    release = threading.Event()

    def held(connection: socket.socket) -> None:
        connection.recv(65536)
        release.wait(5)
        connection.sendall(OK)

    answers: list[object] = []

    def slow() -> None:
        answers.append(ask(slow_url, seconds=5))

    with peer(held) as slow_url, peer(lambda c: time.sleep(1)) as silent_url:
        thread = threading.Thread(target=slow)
        thread.start()
        with pytest.raises(Lost):
            ask(silent_url, seconds=0.2)
        release.set()
        thread.join()
    assert answers == [(200, b"ok")]


@pytest.mark.parametrize("patience", [0.2, 5], ids=["in vain", "for a moment"])
def test_who_finds_every_connection_busy_waits_a_little_and_has_sent_nothing(
    monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(transport, "POOL_SIZE", 1)
    monkeypatch.setattr(transport, "POOL_TIMEOUT", patience)
    arrived, release = threading.Event(), threading.Event()

    def held(connection: socket.socket) -> None:
        for _ in range(2):
            connection.recv(65536)
            arrived.set()
            release.wait(10)
            connection.sendall(OK)

    with peer(held) as url, ThreadPoolExecutor(2) as callers:
        first = callers.submit(ask, url, 10, b"")  # one packet, and one answer to it
        arrived.wait(5)
        second = callers.submit(ask, url, 10, b"")
        if patience < 1:
            assert isinstance(second.exception(5), Crowded)
        release.set()
        assert first.result() == (200, b"ok")
        assert patience < 1 or second.result() == (200, b"ok")
