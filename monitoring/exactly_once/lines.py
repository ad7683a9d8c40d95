"""Lines: what the providers' lists tell of money, kept aside while one check runs."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from uuid import UUID

_AT_ONCE = 500
_COLUMNS = "name, kind, key, about, payment, amount, currency, provider, is_foreign, agrees"
_KEEP = "INSERT OR IGNORE INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that moved money, as its provider lists it; `name` is the provider's for it.

    `about` is the operation of ours that it is or, where it is none (`is_foreign`), the charge of
    ours that it was made of; empty where it is nothing of ours at all. `agrees` says that we had
    it written down just so when it was read. `amount` is in minor units, None where none was told.
    """

    name: str
    kind: str
    key: str
    about: str
    payment: str
    amount: int | None
    currency: str
    provider: str = ""
    is_foreign: bool = False
    agrees: bool = False


class Lines:
    """All of them in a file that is gone with the process: memory stays bounded."""

    def __init__(self) -> None:
        # A database without a name is a temporary file; in memory is what is being read of it.
        self._file = sqlite3.connect("")
        self._file.execute(
            f"CREATE TABLE line ({_COLUMNS}, PRIMARY KEY (provider, name, kind)) WITHOUT ROWID"
        )
        self._file.execute("CREATE INDEX line_about ON line (about)")

    def keep(self, lines: Iterable[Line]) -> None:
        """Each once, however often it is listed."""
        rows = [astuple(line) for line in lines]
        self._file.executemany(_KEEP, rows)

    def about(self, operations: Iterable[UUID]) -> Mapping[str, list[Line]]:
        """Those of these operations, or made of them, by the operation's id."""
        found: dict[str, list[Line]] = defaultdict(list)
        wanted = [str(each) for each in operations]
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            for line in self._read(f"about IN ({marks})", some):
                found[line.about].append(line)
        return found

    def in_doubt(self) -> Iterator[UUID]:
        """The payments of which something is listed that we had not written down so, each once."""
        wanted = "SELECT DISTINCT payment FROM line WHERE payment != '' AND NOT agrees ORDER BY 1"
        for (payment,) in self._file.execute(wanted):
            yield UUID(payment)

    def of_nobody(self) -> Iterator[Line]:
        """What is nothing of ours."""
        yield from self._read("about = ''")

    def _read(self, which: str, values: Iterable[str] = ()) -> Iterator[Line]:
        question = f"SELECT {_COLUMNS} FROM line WHERE {which}"  # noqa: S608 - our own words
        for row in self._file.execute(question, tuple(values)):
            yield Line(*row[:-2], *map(bool, row[-2:]))
