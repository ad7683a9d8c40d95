"""One round: everything once, in turns, so that its figures met the same minute of the machine."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from bench.speed import FOLDER
from bench.speed.goals import EVENTS, Figures
from bench.speed.load import Load, Right, Tally
from bench.speed.notices import api_request
from bench.speed.payments import PER_SECOND, Payments, of_nobody, of_rival, of_service
from bench.speed.pgbench import Pgbench
from bench.speed.stage import Stage

Progress = Callable[[str], None]
SIZES = {"1k": 1_000, "100k": 100_000, "1M": 1_000_000}
PAYMENTS = {"10k": 10_000, "100k": 100_000, "1M": 1_000_000}
_NEW = Right(word=b'"processed"')
_DUPLICATE = Right(word=b'"duplicate"')
# Once a forger has been refused often enough, it is told to wait.
_REFUSED = Right((401, 429))
_LONGEST_CLAIMING = 2
# An API call takes no notice of how long a round is.
_API_CALLS = 200


class Rounds:
    """Measures on one stage, each figure under its name."""

    def __init__(self, stage: Stage, seconds: int, progress: Progress) -> None:
        self._stage, self._seconds, self._progress = stage, seconds, progress
        self._figures: Figures = {}
        progress("payments")
        self._ours, names, self._key = of_service(stage, "service")
        self._embedded, *_ = of_service(stage, "sqlite")
        self._rivals, self._nobodys = of_rival(stage, names), of_nobody(names)
        self._pgbench = Pgbench(stage, self._ours, names)
        for name, size in SIZES.items():
            progress(f"{name} stored events")
            stage.create_database(f"claims_{name}", template="claims")
            stage.ask("claims", "fill", str(size), database=f"claims_{name}".lower())
        stage.create_database("backbone", template="claims")
        progress(f"{EVENTS:,} events")
        stage.create_database("audit", template="claims")
        stage.ask("audit", "fill", str(EVENTS), database="audit")
        self._readers = {name: self._filled(name, size) for name, size in PAYMENTS.items()}

    def _filled(self, name: str, payments: int) -> str:
        """A database with so many payments; the API key of one of its merchants."""
        self._progress(f"{name} payments")
        database = f"reads_{name}".lower()
        self._stage.create_database(database, template="claims")
        said = self._stage.ask("reads", "fill", str(payments), database=database)
        return str(said["api_key"])

    @property
    def statements(self) -> int:
        """How many statements a new event costs."""
        return self._pgbench.statements

    def warm_up(self) -> None:
        """Every connection opened, every statement prepared; nothing of it counts."""
        before, self._seconds = self._seconds, 1
        self._compared()
        self._seconds = before

    def measure(self, *, is_first: bool) -> Figures:
        """The figures of one round; the first takes those as well that are in no ratio."""
        self._figures = {}
        self._stock()
        self._compared()
        self._claims()
        self._backbone()
        self._reads()
        self._progress("breakers")
        self._figures["breakers"] = self._stage.ask("breakers", "0.3")
        if is_first:
            self._for_orientation()
        return self._figures

    def _stock(self) -> None:
        """Rows are made before the round, and written to the disk."""
        self._progress("payments")
        self._ours.stock(self._pgbench.wanted(self._seconds) + 3 * PER_SECOND * self._seconds)
        self._embedded.stock(PER_SECOND * self._seconds)
        self._rivals.stock(PER_SECOND * self._seconds)
        with self._stage.connection_to("ballast") as connection:
            connection.execute("CHECKPOINT")

    def _compared(self) -> None:
        for connections in (8, 32):
            self._new(f"new@{connections}", "service", self._ours, connections, _NEW)
        self._new("dj-stripe new@8", "djstripe", self._rivals, 8, Right())
        self._progress("pgbench@8")
        self._figures["pgbench@8"] = {"rate": self._pgbench.rate(self._seconds)}
        self._duplicates(8)
        self._load("dj-stripe duplicate@8", "djstripe", self._rivals.known(500), 8, Right())
        self._load("empty view@8", "empty", self._nobodys.known(500), 8, Right(word=b"received"))
        for name, payments in (("one payment", 1), ("many payments", 1000)):
            more = self._ours.more_of(payments, self._seconds)
            self._load(f"{name}@100", "service", more, 100, _NEW)
        self._new("sqlite new@8", "sqlite", self._embedded, 8, _NEW)
        self._figures["sqlite new@8"]["locked"] = _times_locked()

    def _for_orientation(self) -> None:
        self._new("new@1", "service", self._ours, 1, _NEW)
        for connections in (1, 32):
            self._duplicates(connections)
        self._new("dj-stripe untuned new@8", "djstripe-plain", self._rivals, 8, Right())
        known = self._rivals.known(500)
        self._load("dj-stripe untuned dup@8", "djstripe-plain", known, 8, Right())
        for connections in (1, 8, 32):
            forged = self._ours.forged(self._seconds)
            self._load(f"forged@{connections}", "service", forged, connections, _REFUSED)
        self._api()
        said = self._stage.ask("reads", "mix", self._readers["10k"], database="reads_10k")
        self._figures["remembered"] = said

    def _new(
        self, name: str, port: str, payments: Payments, connections: int, right: Right
    ) -> None:
        payments.used(self._load(name, port, payments.new(self._seconds), connections, right))

    def _duplicates(self, connections: int) -> None:
        name = f"duplicate@{connections}"
        self._load(name, "service", self._ours.known(500), connections, _DUPLICATE)

    def _load(
        self, name: str, port: str, requests: Iterable[bytes], connections: int, right: Right
    ) -> Tally:
        self._progress(name)
        load = Load(self._stage.ports[port], connections, right)
        tally = load.run(requests, self._seconds)
        self._figures[name] = _figure(tally)
        return tally

    def _claims(self) -> None:
        """All sizes at the same time: whatever else slows the machine slows each of them."""
        self._progress("claims")
        seconds = str(min(self._seconds, _LONGEST_CLAIMING))

        def measured(name: str) -> dict[str, float]:
            database = f"claims_{name}".lower()
            said: dict[str, float] = self._stage.ask(
                "claims", "measure", seconds, database=database
            )
            return said

        with ThreadPoolExecutor(len(SIZES)) as programs:
            found = programs.map(measured, SIZES)
            self._figures |= {f"claims {n}": said for n, said in zip(SIZES, found, strict=True)}

    def _backbone(self) -> None:
        for what in ("appends", "relay"):
            self._progress(what)
            seconds = str(self._seconds)
            self._figures[what] = self._stage.ask("backbone", what, seconds, database="backbone")
        self._progress("audit")
        self._figures["audit"] = self._stage.ask("audit", "measure", database="audit")

    def _reads(self) -> None:
        for name, key in self._readers.items():
            self._progress(f"reads of {name} payments")
            database = f"reads_{name}".lower()
            self._figures[f"reads {name}"] = self._stage.ask(
                "reads", "measure", key, database=database
            )

    def _api(self) -> None:
        """A payment's road, its provider answering at once."""
        wanted = {"amount": "125.50", "currency": "AED", "customer": {"id": "c-1"}}
        calls = [api_request("POST", "/payments/v2/create", self._key, wanted)] * _API_CALLS
        made = self._call("create", calls, 201)
        ids = [payment["id"] for payment in made]
        process = "/payments/v2/process/"
        calls = [api_request("POST", f"{process}{each}", self._key, {}) for each in ids]
        sent = self._call("process", calls, 200)
        verify = "/payments/v2/verify/{transaction_ref}/{id}"
        self._call(
            "verify", [api_request("GET", verify.format(**each), self._key) for each in sent], 200
        )

    def _call(self, name: str, calls: list[bytes], status: int) -> list[dict[str, str]]:
        self._progress(name)
        load = Load(self._stage.ports["service"], 4, Right((status,)), keep=True)
        tally = load.run(calls, 60)
        self._figures[f"API {name}@4"] = _figure(tally)
        return [json.loads(answer.body) for answer in tally.answers if answer.status == status]


def _figure(tally: Tally) -> dict[str, float]:
    latencies = {f"p{percent}": tally.milliseconds(percent) for percent in (50, 95, 99)}
    return {"rate": tally.rate, **latencies, "errors": tally.errors.total()}


def _times_locked() -> int:
    log = (FOLDER / "sqlite.log").read_text(errors="replace")
    return sum("database is locked" in line for line in log.splitlines())
