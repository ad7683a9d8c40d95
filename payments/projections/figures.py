"""Statistics, read from what was counted; amounts of two currencies are never added up."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import QuerySet, Sum

from payments.models import DailyFigures
from payments.money import Money
from payments.projections.durations import percentile
from payments.projections.progress import as_of

_SUMS = ("pending", "successful", "failed", "amount", "milliseconds")


@dataclass(frozen=True, slots=True)
class Tally:
    """Payments counted; `amount` is what the successful ones captured, in minor units."""

    pending: int = 0
    successful: int = 0
    failed: int = 0
    amount: int = 0

    @property
    def total(self) -> int:
        """All of them, whatever became of them."""
        return self.pending + self.successful + self.failed

    @property
    def success_rate(self) -> float | None:
        """Per cent of those that have ended; None where none has."""
        ended = self.successful + self.failed
        return round(100 * self.successful / ended, 2) if ended else None

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.pending + other.pending,
            self.successful + other.successful,
            self.failed + other.failed,
            self.amount + other.amount,
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whose payments, of which days of creation (UTC, both included), provider and currency.

    `owner` None means everybody's.
    """

    owner: str | None = None
    since: date | None = None
    until: date | None = None
    provider: str = ""
    currency: str = ""

    def rows(self) -> QuerySet[DailyFigures]:
        """The days' figures that this is about."""
        wanted = {
            "owner": self.owner,
            "day__gte": self.since,
            "day__lte": self.until,
            "provider": self.provider or None,
            "currency": self.currency or None,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        return DailyFigures.objects.filter(**given)


@dataclass(slots=True)
class Statistics:
    """What `GET /stats` tells. Durations are milliseconds."""

    as_of: datetime
    all: Tally = field(default_factory=Tally)
    by_currency: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    by_provider: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    durations: Counter[str] = field(default_factory=Counter)
    milliseconds: int = 0

    @property
    def processing_time(self) -> dict[str, int | None]:
        """From the beginning at the provider to the payment; percentiles within a twentieth."""
        measured = self.durations.total()
        return {
            "mean": round(self.milliseconds / measured) if measured else None,
            "p95": percentile(self.durations, 0.95),
            "p99": percentile(self.durations, 0.99),
        }


def read(chosen: Chosen) -> Statistics:
    """Add the days up."""
    found = Statistics(as_of("keep_statistics"))
    told = ("currency", "provider", *_SUMS, "durations")
    for currency, provider, *sums, durations in chosen.rows().order_by().values_list(*told):
        *counts, milliseconds = sums
        found.milliseconds += milliseconds
        found.durations.update(durations)
        if any(counts):  # else all went elsewhere since
            tally = Tally(*counts)
            found.all += tally
            found.by_currency[currency] += tally
            found.by_provider[provider] += tally
    return found


def counted(chosen: Chosen) -> Iterator[tuple[str, str, Tally, int]]:
    """Each currency and provider, with how many and how many milliseconds in all."""
    sums = {name: Sum(name) for name in _SUMS}
    kinds = chosen.rows().order_by().values_list("currency", "provider")
    for currency, provider, *counts, milliseconds in kinds.annotate(**sums):
        if any(counts):  # else all went elsewhere since
            yield currency, provider, Tally(*counts), milliseconds


def average(tally: Tally, currency: str) -> str:
    """What a successful payment captured on average, in major units, rounded down."""
    return Money(tally.amount // max(tally.successful, 1), currency).major
