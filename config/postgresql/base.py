"""Django's PostgreSQL, spared what it would ask or read anew for every request."""

import select

from django.db.backends.postgresql import base
from psycopg import _queries

# psycopg remembers where the placeholders of a statement stand, but not of one this long: it
# expects those to be different each time. Ours are few and the same (see `payments.rows`).
_queries.MAX_CACHED_STATEMENT_LENGTH = 16_384
_queries.MAX_CACHED_STATEMENT_PARAMS = 200


class DatabaseWrapper(base.DatabaseWrapper):
    """Knows of a kept connection without a question whether its server is still there."""

    def is_usable(self) -> bool:
        """Whether the server has not hung up. It says nothing on its own before it does so.

        One that is gone without a word is found out by the first statement, as it would be by a
        question of our own.
        """
        if self.connection is None or self.connection.closed:
            return False
        heard = select.poll()
        heard.register(self.connection.fileno(), select.POLLIN)
        return not heard.poll(0)
