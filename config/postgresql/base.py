"""PostgreSQL for processes with somebody who waits: a server that hangs is not waited for.

The machine of a frozen server goes on acknowledging what it is sent, so that TCP sees nothing
wrong, and its own statement timeout is frozen with it. What helps is to turn away: the connection
is closed, and for a moment none is opened, or each request would wait anew. A commit that was on
its way then may come true later, as when a server dies: callers hear 503 and may repeat.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import psycopg
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

_LEFT_ALONE_FOR = 2.0  # seconds


class DatabaseWrapper(base.DatabaseWrapper):
    """`patience` bounds each wait of this process for its server; None waits to the end."""

    patience: ClassVar[timedelta | None] = None
    # Until then no connection is opened, unless the server answers on another one.
    ask_again_at: ClassVar[float] = 0

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.patience is None:
            return super().get_new_connection(conn_params)
        if time.monotonic() < self.ask_again_at:
            raise psycopg.OperationalError("The server hung a moment ago, and is left alone.")
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.errors.ConnectionTimeout:
            _leave_alone()
            raise
        connection.wait = _bounded(connection, self.patience.total_seconds())
        return connection


def _bounded(connection: psycopg.Connection[Any], seconds: float) -> Callable[..., Any]:
    """How this connection waits, but for so long at most."""
    wait = connection.wait

    def bounded(generator: Any, **facts: Any) -> Any:
        try:
            answer = wait(generator, **({"timeout": seconds} | facts))
        except psycopg.OperationalError as error:
            is_under_way = connection.pgconn.transaction_status == TransactionStatus.ACTIVE
            if is_under_way and error.sqlstate is None:  # the server has said nothing
                _leave_alone()
                connection.pgconn.finish()
            raise
        if DatabaseWrapper.ask_again_at:
            DatabaseWrapper.ask_again_at = 0
        return answer

    return bounded


def _leave_alone() -> None:
    DatabaseWrapper.ask_again_at = time.monotonic() + _LEFT_ALONE_FOR
