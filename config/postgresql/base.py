"""PostgreSQL, asked no more than it must be; and where somebody waits, not waited for if it hangs.

The machine of a frozen server goes on acknowledging what it is sent, so that TCP sees nothing
wrong, and its own statement timeout is frozen with it. What helps is to turn away: the connection
is closed, and for a moment none is opened, or each request would wait anew. A commit that was on
its way then may come true later, as when a server dies: callers hear 503 and may repeat.
"""

import select
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import psycopg
from django.db.backends.postgresql import base
from psycopg import _queries
from psycopg.pq import TransactionStatus

_LEFT_ALONE_FOR = 2.0  # seconds

# psycopg remembers where the placeholders of a statement stand, but not of one this long: it
# expects those to be different each time. Ours are few and the same (see `payments.rows`).
_queries.MAX_CACHED_STATEMENT_LENGTH = 131_072
_queries.MAX_CACHED_STATEMENT_PARAMS = 2_000


class DatabaseWrapper(base.DatabaseWrapper):
    """`patience` bounds each wait of this process for its server; None waits to the end."""

    patience: ClassVar[timedelta | None] = None
    # Of each database: until then no connection is opened, unless it answers on another one.
    ask_again_at: ClassVar[dict[str, float]] = {}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.patience is None:
            return super().get_new_connection(conn_params)
        if time.monotonic() < self.ask_again_at.get(self.alias, 0):
            raise psycopg.OperationalError("The server hung a moment ago, and is left alone.")
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.errors.ConnectionTimeout:
            _leave_alone(self.alias)
            raise
        connection.wait = _bounded(connection, self.patience.total_seconds(), self.alias)
        return connection

    def is_usable(self) -> bool:
        """Whether the server has not hung up, which a kept connection hears without asking.

        One that is gone without a word is found out by the first statement, as it would be by a
        question of our own.
        """
        if self.connection is None or self.connection.closed:
            return False
        heard = select.poll()
        heard.register(self.connection.fileno(), select.POLLIN)
        return not heard.poll(0)


def _bounded(connection: psycopg.Connection[Any], seconds: float, alias: str) -> Callable[..., Any]:
    """How this connection waits, but for so long at most."""
    wait = connection.wait

    def bounded(generator: Any, **facts: Any) -> Any:
        try:
            answer = wait(generator, **({"timeout": seconds} | facts))
        except psycopg.OperationalError as error:
            is_under_way = connection.pgconn.transaction_status == TransactionStatus.ACTIVE
            if is_under_way and error.sqlstate is None:  # the server has said nothing
                _leave_alone(alias)
                connection.pgconn.finish()
            raise
        DatabaseWrapper.ask_again_at.pop(alias, None)
        return answer

    return bounded


def _leave_alone(alias: str) -> None:
    DatabaseWrapper.ask_again_at[alias] = time.monotonic() + _LEFT_ALONE_FOR
