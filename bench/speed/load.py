"""Requests over kept connections, as fast as answers come: one thread that waits for sockets.

The generator shares two cores with what it measures, so it parses no more of an answer than it
takes to tell a right one from a wrong one.
"""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_PATIENCE = 15.0
_END_OF_HEADERS = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Right:
    """What a right answer is: one of these statuses, and a word in its body."""

    statuses: tuple[int, ...] = (200,)
    word: bytes = b""

    def problem_of(self, answer: "Answer") -> str:
        """What is wrong with an answer; nothing where it is right."""
        if answer.status not in self.statuses:
            return f"{answer.status} {answer.body[:60].decode(errors='replace')}"
        return "" if self.word in answer.body else answer.body[:60].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, as far as it is read."""

    status: int
    body: bytes


@dataclass(slots=True)
class Tally:
    """What came of a load: how long each right answer took, and what was wrong with the others."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    answers: list[Answer] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How many requests had an end."""
        return len(self.latencies) + self.errors.total()

    @property
    def rate(self) -> float:
        """Right answers a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def milliseconds(self, percent: int) -> float:
        """The latency that so many percent of the right answers did not exceed."""
        ordered = sorted(self.latencies)
        place = min(len(ordered) * percent // 100, len(ordered) - 1)
        return ordered[place] * 1000 if ordered else 0.0


class _Connection:
    """One kept connection with at most one request on its way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = b""
        self.began = 0.0

    def send(self, request: bytes) -> None:
        self._heard = b""
        self.began = time.perf_counter()
        self.socket.sendall(request)

    def read(self) -> Answer | None:
        """The answer, once all of it is here. Raises ConnectionError."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("closed before the answer")
        self._heard += chunk
        head, _, body = self._heard.partition(_END_OF_HEADERS)
        if not _is_whole(head.lower(), body):
            return None
        return Answer(int(head[9:12]), body)


def _is_whole(head: bytes, body: bytes) -> bool:
    _, has_length, rest = head.partition(b"content-length:")
    if has_length:
        return len(body) >= int(rest.partition(b"\r\n")[0])
    return body.endswith(_LAST_CHUNK)


class Load:
    """Sends requests over so many connections, until the time or the requests are over."""

    def __init__(self, port: int, connections: int, right: Right, *, keep: bool = False) -> None:
        self._port, self._connections, self._right, self._keep = port, connections, right, keep
        self._selector = selectors.DefaultSelector()
        self._tally = Tally()

    def run(self, requests: Iterable[bytes], seconds: float) -> Tally:
        """What came of it. What is on its way when the time is over is waited for and counted."""
        waiting = iter(requests)
        with self._selector:
            connections = [_Connection(self._port) for _ in range(self._connections)]
            began = time.perf_counter()
            for connection in connections:
                self._send_next(connection, waiting)
            while self._selector.get_map():
                self._hear(waiting if time.perf_counter() - began < seconds else iter(()))
            self._tally.seconds = time.perf_counter() - began
            for connection in connections:
                connection.socket.close()
        return self._tally

    def _send_next(self, connection: _Connection, waiting: Iterator[bytes]) -> None:
        request = next(waiting, None)
        known = connection.socket in self._selector.get_map()
        if request is None:
            if known:
                self._selector.unregister(connection.socket)
            return
        if not known:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send(request)

    def _hear(self, waiting: Iterator[bytes]) -> None:
        ready = self._selector.select(_PATIENCE)
        if not ready:
            self._give_up()
        for key, _ in ready:
            connection: _Connection = key.data
            try:
                answer = connection.read()
            except OSError as error:
                self._tally.errors[str(error)] += 1
                self._selector.unregister(connection.socket)
                continue
            if answer is not None:
                self._note(answer, time.perf_counter() - connection.began)
                self._send_next(connection, waiting)

    def _give_up(self) -> None:
        for key in list(self._selector.get_map().values()):
            self._tally.errors["no answer"] += 1
            self._selector.unregister(key.fileobj)

    def _note(self, answer: Answer, latency: float) -> None:
        if problem := self._right.problem_of(answer):
            self._tally.errors[problem] += 1
        else:
            self._tally.latencies.append(latency)
        if self._keep:
            self._tally.answers.append(answer)
