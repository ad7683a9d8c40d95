"""The payments that a load is about: copied in numbered rows, told of once each."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count

from bench.speed.load import Tally
from bench.speed.notices import FIRST_NUMBER, Names, Stationery
from bench.speed.rivals import ENDPOINT
from bench.speed.stage import Stage

Execute = Callable[[list[str]], None]
# More than any of them takes in a second.
PER_SECOND = 2500


class Payments:
    """One service's payments, by number: those that are new to it, and those it has heard of."""

    def __init__(self, stationery: Stationery, copies: list[str], execute: Execute) -> None:
        self._stationery, self._copies, self._execute = stationery, copies, execute
        self._next = self._end = FIRST_NUMBER
        self._told = range(FIRST_NUMBER, FIRST_NUMBER + 1)
        self._again = count()

    def stock(self, wanted: int) -> None:
        """Let so many be new."""
        missing = self._next + wanted - self._end
        if missing <= 0:
            return
        first, last = str(self._end), str(self._end + missing - 1)
        self._execute([c.replace("{first}", first).replace("{last}", last) for c in self._copies])
        self._end += missing

    def take(self, wanted: int) -> range:
        """So many new ones for somebody else."""
        self.stock(wanted)
        taken = range(self._next, self._next + wanted)
        self._next += wanted
        return taken

    def new(self, seconds: float) -> list[bytes]:
        """The notice of each payment that was not told of yet; say later how many were `used`."""
        wanted = int(PER_SECOND * seconds)
        self.stock(wanted)
        numbers = range(self._next, self._next + wanted)
        return [self._stationery.request(number, str(number)) for number in numbers]

    def used(self, tally: Tally) -> None:
        """So many notices were sent, in order."""
        self._told = range(self._next, self._next + tally.sent)
        self._next += tally.sent

    def known(self, some: int) -> Iterator[bytes]:
        """Notices that came last, again and again."""
        numbers = self._told[-some:]
        requests = [self._stationery.request(number, str(number)) for number in numbers]
        return (requests[place % len(requests)] for place in count())

    def more_of(self, payments: int, seconds: float) -> list[bytes]:
        """New events of payments that are paid already, in turn."""
        numbers = self._told[-payments:]
        names = (f"{next(self._again)}_again" for _ in range(int(PER_SECOND * seconds)))
        return [
            self._stationery.request(numbers[place % len(numbers)], name)
            for place, name in enumerate(names)
        ]

    def forged(self, seconds: float) -> list[bytes]:
        """Notices that somebody else has signed."""
        return [
            self._stationery.request(FIRST_NUMBER + number, f"{number}_forged", is_forged=True)
            for number in range(int(PER_SECOND * seconds))
        ]


def of_service(stage: Stage, at: str) -> tuple[Payments, Names, str]:
    """Those of the service on PostgreSQL or SQLite; with what they are called, and an API key."""
    made = stage.ask("seed", at=at)
    names = Names(made["operation"], made["session"])
    secret = stage.environments[at]["STRIPE_WEBHOOK_SECRET"]
    stationery = Stationery("/webhooks/payments/stripe", secret, names)
    execute = _on_sqlite(stage) if at == "sqlite" else _on_postgres(stage, "ballast")
    return Payments(stationery, made["copies"], execute), names, made["api_key"]


def of_rival(stage: Stage, names: Names) -> Payments:
    """Those that dj-stripe's handler marks."""
    secret = stage.environments["service"]["STRIPE_WEBHOOK_SECRET"]
    stationery = Stationery(f"/stripe/webhook/{ENDPOINT}/", secret, names)
    copy = (
        f"INSERT INTO rival_payment SELECT '{names.session}' || n, 'open'"  # noqa: S608
        " FROM generate_series({first}, {last}) AS n"
    )
    return Payments(stationery, [copy], _on_postgres(stage, "rival"))


def of_nobody(names: Names) -> Payments:
    """Those that the empty view is told of; it keeps none."""
    return Payments(Stationery("/receive", "nobody's", names), [], lambda statements: None)


def _on_postgres(stage: Stage, database: str) -> Execute:
    def execute(statements: list[str]) -> None:
        with stage.connection_to(database) as connection:
            with connection.transaction():
                for statement in statements:
                    connection.execute(statement)
            connection.execute("ANALYZE")

    return execute


def _on_sqlite(stage: Stage) -> Execute:
    def execute(statements: list[str]) -> None:
        with closing(sqlite3.connect(stage.sqlite_file, timeout=30)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return execute
