"""Notifications to merchants: written down first, sent by one thread, tried again.

What is written down survives a restart. A crash between a delivery and its note sends it a
second time, as a company's own notifier would.
"""

import http.client
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from sandbox.dials import dice
from sandbox.models import Dials, Notice

TIMEOUT_SECONDS = 10
LONGEST_SLEEP_SECONDS = 1.0
LONGEST_HUSH_SECONDS = 2.0
# Notices that came up together are spread over this time when they are shuffled.
SHUFFLE_SECONDS = 0.5
logger = logging.getLogger(__name__)
_wake = threading.Event()
_sending = threading.Lock()


@dataclass(frozen=True, slots=True)
class Habits:
    """How a company delivers: what it signs anew for every try, and which answers satisfy it."""

    sign: Callable[[dict[str, str], str], dict[str, str]] = lambda headers, _: headers
    is_heard: Callable[[int], bool] = lambda status: status == 200


# Filled by the companies whose habits are not the usual ones.
HABITS: dict[str, Habits] = {}


@dataclass(frozen=True, slots=True)
class Message:
    """What one notice says, and the lies that a forger would send in its place."""

    channel: str
    url: str
    headers: dict[str, str]
    body: str
    forgeries: Sequence[tuple[dict[str, str], str]] = ()
    retry_delays: Sequence[float] = ()


def schedule(company: str, transaction_ref: str, message: Message) -> None:
    """Write down the deliveries of a message: one, none or many, as the dials want it.

    Everything is decided here, in the order of the news, so that a seed repeats it. A notice
    dropped by the dice is lost with all its tries; a forgery comes on top of the real one.
    """
    dials = Dials.of(company)
    throw = dice(dials, "notices").random
    copies = [_delivery(company, transaction_ref, message) for _ in range(1 + dials.duplicates)]
    if throw() < dials.drop_rate:
        for copy in copies:
            copy.status = Notice.Status.DROPPED
    if message.forgeries and throw() < dials.forge_rate:
        copies.append(_forgery(company, transaction_ref, message, throw))
    for copy in copies:
        jitter = throw() * SHUFFLE_SECONDS if dials.shuffle else 0
        copy.due_at = timezone.now() + timedelta(milliseconds=dials.delay_ms, seconds=jitter)
        if not dials.webhooks_enabled:
            copy.status = Notice.Status.DISABLED
    Notice.objects.bulk_create(copies)
    transaction.on_commit(_wake.set)


def _delivery(company: str, transaction_ref: str, message: Message) -> Notice:
    return Notice(
        company=company,
        transaction_ref=transaction_ref,
        channel=message.channel,
        url=message.url,
        headers=message.headers,
        body=message.body,
        retry_delays=list(message.retry_delays),
    )


def _forgery(
    company: str, transaction_ref: str, message: Message, throw: Callable[[], float]
) -> Notice:
    headers, body = message.forgeries[int(throw() * len(message.forgeries))]
    forgery = _delivery(company, transaction_ref, message)
    forgery.headers, forgery.body, forgery.forged = headers, body, True
    forgery.retry_delays = []
    return forgery


class Sender:
    """The thread that sends what is due."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="notices")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End soon; a delivery that hangs is left behind and sent again at the next start."""
        self._stopping.set()
        _wake.set()
        self._thread.join(timeout=0.5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._send_or_sleep()
            except Exception:
                logger.exception("a notice could not be handled")
                connection.close()
                self._stopping.wait(LONGEST_SLEEP_SECONDS)

    def _send_or_sleep(self) -> None:
        _wake.clear()
        with _sending:
            seconds = _send_what_is_due()
        if seconds > 0:
            _wake.wait(min(seconds, LONGEST_SLEEP_SECONDS))


def _send_what_is_due() -> float:
    """Send the first notice whose time has come; answers the seconds until the next one's."""
    waiting = Notice.objects.filter(status=Notice.Status.WAITING)
    if (notice := waiting.order_by("due_at", "id").first()) is None:
        return LONGEST_SLEEP_SECONDS
    seconds = (notice.due_at - timezone.now()).total_seconds()
    if seconds <= 0:
        _note(notice, *_deliver(notice))
    return seconds


@contextmanager
def silence() -> Iterator[None]:
    """Nothing is sent meanwhile, and nothing is still under way (unless it hangs)."""
    is_ours = _sending.acquire(timeout=LONGEST_HUSH_SECONDS)
    try:
        yield
    finally:
        if is_ours:
            _sending.release()


def _note(notice: Notice, delivered: bool, answer: str) -> None:
    """Write down how the try went; an update, for a reset may have removed the row."""
    changes: dict[str, Any] = {"attempts": notice.attempts + 1, "last_answer": answer[:200]}
    if delivered:
        changes["status"] = Notice.Status.DELIVERED
    elif notice.retry_delays:
        delay, *later = notice.retry_delays
        changes |= {"due_at": _seconds_from_now(delay), "retry_delays": later}
    else:
        changes["status"] = Notice.Status.FAILED
    Notice.objects.filter(pk=notice.pk).update(**changes)


def _seconds_from_now(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A notifier posts to where it was told to, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


# No proxy either: whatever the environment says, the receivers are neighbours.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def _deliver(notice: Notice) -> tuple[bool, str]:
    """Post it; delivered means that the merchant answered what the company wants to hear."""
    habits = HABITS.get(notice.company, Habits())
    # A forger has signed already, as well as they could.
    headers = notice.headers if notice.forged else habits.sign(notice.headers, notice.body)
    request = urllib.request.Request(  # noqa: S310 # addresses are checked when they are given
        notice.url, notice.body.encode(), headers, method="POST"
    )
    try:
        with _opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            return habits.is_heard(response.status), str(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return False, str(error.code)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return False, str(getattr(error, "reason", error)) or type(error).__name__
