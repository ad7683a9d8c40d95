"""Statements that take longer than SLOW_QUERY_THRESHOLD are logged, each in its conversation.

What is logged is a statement's shape: values come apart from it, and what stands in it is taken
out. So neither a name nor an amount is ever in the log. A quick statement costs two looks at the
clock.
"""

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

log = structlog.get_logger(__name__)
_LITERALS = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
_LISTS = re.compile(r"(%s|\?)(?:\s*,\s*(?:%s|\?))+")
_ROWS = re.compile(r"(\([^()]*\))(?:\s*,\s*\1)+")
_LONGEST = 2000


@receiver(connection_created, dispatch_uid="monitoring.watch_statements")
def watch_statements(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Look at the clock around every statement of a new connection."""
    if _watched not in connection.execute_wrappers:
        # Before those who listen for a while: each of them takes away what stands last.
        connection.execute_wrappers.insert(0, _watched)


def _watched(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    began = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        took = timedelta(seconds=time.perf_counter() - began)
        if took >= settings.SLOW_QUERY_THRESHOLD:
            ms = took // timedelta(milliseconds=1)
            log.warning("slow_query", ms=ms, statement=shape_of(sql))


def shape_of(sql: str) -> str:
    """A statement without its values, on one line; lists and rows of them stand for all."""
    shape = _LITERALS.sub("?", " ".join(str(sql).split()))
    return _ROWS.sub(r"\1, …", _LISTS.sub(r"\1, …", shape))[:_LONGEST]
