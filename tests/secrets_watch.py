"""Everything that the suite writes, held against every secret that it knows.

Logs as they are formatted, every parameter of a statement that writes, every answer that is
given: none may bear a provider's credential, an API key, our own keys, or a payer's mail address
(which only answers to its own merchant may).
"""

import base64
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.conf import settings
from django.db import connections
from django.db.backends.signals import connection_created
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tests.sandbox import process as sandbox

API_KEY = r"bk_[0-9a-f]{12}_[\w-]{43}"
PAYER = "amal@example.test"
OWN = (
    "STESTONLY01-TESTONLYKEY02-TESTONLY03",
    "generic-secret-for-tests-only",
    "s3cr3t-of-nobody",
    sandbox.STRIPE_KEY,
    sandbox.STRIPE_SECRET,
    sandbox.PAYPAL_SECRET,
    sandbox.FLUTTERWAVE_KEY,
    sandbox.FLUTTERWAVE_SECRET,
    sandbox.PAYSTACK_KEY,
    # Those of the contracts' cases.
    "sk_test_TESTONLY",
    "whsec_TESTONLY",
    "ESECRETOFTHETESTS",
    base64.b64encode(b"AtheClient:ESECRETOFTHETESTS").decode(),
    "paystack-webhook-TESTONLY",
    "FLWSECK_TEST-0001-X",
    "flw-secret-hash-TESTONLY",
    "sk_test_TESTONLY_0001",
    "sixth-secret-TESTONLY",
    "A21.a-log-in",
)
SHOWN_ONCE = ("/admin/payments/apikey/make-a-key/",)
_WRITES = ("INSERT", "UPDATE", "WITH")
found: list[str] = []


def _keys() -> Iterator[str]:
    yield settings.AUDIT_KEY.hex()
    yield settings.SECRET_KEY


def _pattern(*more: str) -> re.Pattern[str]:
    return re.compile("|".join([API_KEY, *map(re.escape, (*OWN, *_keys(), *more))]))


class Watch(logging.Handler):
    """Looks at what is about to be written; what it finds is kept in `found`, masked."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden = _pattern(PAYER)
        self.setFormatter(_formatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.look(self.format(record), f"a log line of {record.name}")

    def statement(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        if sql.lstrip().upper().startswith(_WRITES):
            for value in _texts(params):
                self.look(value, f"a statement: {sql[:60]}")
        return execute(sql, params, many, context)

    def look(self, text: str, where: str) -> None:
        if hit := self.forbidden.search(text):
            found.append(f"{hit.group()[:6]}… in {where}")


def _formatter() -> logging.Formatter | None:
    """The one that production's lines are written with."""
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    return next(f for f in formatters if isinstance(f, structlog.stdlib.ProcessorFormatter))


def _texts(params: Any) -> Iterator[str]:
    for value in params if isinstance(params, Iterable) and not isinstance(params, str) else ():
        if isinstance(value, bytes | memoryview):
            yield bytes(value).decode(errors="replace")
        elif isinstance(value, list | tuple):
            yield from _texts(value)
        else:
            yield str(getattr(value, "obj", value))


class WatchAnswers:
    """Middleware of the suite alone: no answer bears a secret."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response, self.secrets = get_response, _pattern()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        text = str(response.headers) + getattr(response, "content", b"").decode(errors="replace")
        hit = self.secrets.search(text)
        if hit and request.path not in SHOWN_ONCE:
            found.append(f"{hit.group()[:6]}… in the answer to {request.path}")
        return response


@contextmanager
def watching() -> Iterator[None]:
    """Watch logs and databases of this process, those of threads that begin later too."""
    watch = Watch()

    def follow(connection: Any, **_: Any) -> None:
        if watch.statement not in connection.execute_wrappers:
            connection.execute_wrappers.append(watch.statement)

    connection_created.connect(follow, weak=False)
    for connection in connections.all():
        follow(connection)
    logging.getLogger().addHandler(watch)
    yield
    logging.getLogger().removeHandler(watch)
    connection_created.disconnect(follow)
