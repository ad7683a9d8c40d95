"""Walk along many rows, a page at a time.

No read stays open between two pages: on SQLite, who still reads cannot write any more once
somebody else has written.
"""

from collections.abc import Iterator
from typing import TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def paged(rows: QuerySet[Row], at_once: int = 500) -> Iterator[Row]:
    """Each of these rows, in the order of its key, with as many in memory at once."""
    ordered = rows.order_by("pk")
    page = list(ordered[:at_once])
    while page:
        yield from page
        page = list(ordered.filter(pk__gt=page[-1].pk)[:at_once])
