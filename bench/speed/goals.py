"""What must hold, as ratios of figures taken in one round; absolute numbers are the machine's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

# How long a history is proven in a round.
EVENTS = 100_000
# By what was measured: its numbers.
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Goal:
    """One ratio; a target above its floor means that more is better."""

    name: str
    floor: float
    target: float
    of: Callable[[Figures], float]

    def value(self, rounds: Sequence[Figures]) -> float:
        """The median of the rounds: a noisy moment spoils one of them."""
        return median(self.of(each) for each in rounds)

    def is_held(self, value: float) -> bool:
        """Whether it is no worse than the floor."""
        return self._is_as_good(value, self.floor)

    def verdict(self, value: float) -> str:
        """In one word."""
        if self._is_as_good(value, self.target):
            return "reached"
        return "held" if self.is_held(value) else "MISSED"

    def _is_as_good(self, value: float, bound: float) -> bool:
        return value >= bound if self.target > self.floor else value <= bound


def ratio(one: str, other: str, number: str = "rate") -> Callable[[Figures], float]:
    """How the number of one figure stands to that of the other."""
    return lambda figures: figures[one][number] / figures[other][number]


def _calls(one: str, other: str) -> Callable[[Figures], float]:
    return lambda figures: figures["breakers"][one] / figures["breakers"][other]


def _of_a_million(what: str) -> Callable[[Figures], float]:
    return lambda figures: figures["reads 1M"][what] / figures["reads 1M"]["added up"]


def _of_more(what: str) -> Callable[[Figures], float]:
    return ratio("reads 1M", "reads 10k", what)


def _proof_of_a_million(figures: Figures) -> float:
    """Its cost grows with its length alone."""
    return figures["audit"]["proven"] * 1_000_000 / EVENTS


def _errors(figures: Figures) -> float:
    return sum(figure.get("errors", 0) for figure in figures.values())


GOALS = (
    Goal("new@8 ÷ dj-stripe's new@8", 5, 8, ratio("new@8", "dj-stripe new@8")),
    Goal("new@32 ÷ the same statements by pgbench@8", 0.30, 0.45, ratio("new@32", "pgbench@8")),
    Goal("p95 of new@8 ÷ dj-stripe's", 0.20, 0.12, ratio("new@8", "dj-stripe new@8", "p95")),
    Goal("duplicate@8 ÷ dj-stripe's", 8, 15, ratio("duplicate@8", "dj-stripe duplicate@8")),
    Goal("duplicate@8 ÷ empty view@8", 0.25, 0.40, ratio("duplicate@8", "empty view@8")),
    Goal("one payment ÷ many, @100", 0.5, 0.7, ratio("one payment@100", "many payments@100")),
    Goal("claims at 1 M stored events ÷ at 1 k", 0.8, 0.9, ratio("claims 1M", "claims 1k")),
    Goal("SQLite new@8 ÷ PostgreSQL's", 0.5, 0.8, ratio("sqlite new@8", "new@8")),
    Goal("SQLite: database is locked", 0, 0, lambda figures: figures["sqlite new@8"]["locked"]),
    Goal("breaker in memory ÷ pybreaker in memory", 10, 1, _calls("memory", "pybreaker")),
    Goal("breaker on Redis ÷ pybreaker in memory", 60, 10, _calls("redis", "pybreaker")),
    Goal("refused call, ms", 5, 1, lambda figures: figures["breakers"]["refused"] / 1000),
    Goal("deliveries a second, one relay", 500, 1000, lambda figures: figures["relay"]["rate"]),
    Goal("their lag at 250 events a second, p95 in s", 2, 0.5, lambda it: it["relay"]["lag"]),
    Goal("statistics of 1 M payments ÷ added up", 0.1, 0.02, _of_a_million("statistics")),
    Goal("statistics of 1 M payments ÷ of 10 k", 1.5, 1.1, _of_more("statistics")),
    Goal("first page of 1 M payments ÷ of 10 k", 1.5, 1.1, _of_more("first page")),
    Goal("hundredth page of 1 M ÷ of 10 k", 1.5, 1.1, _of_more("hundredth page")),
    Goal("a contract and its employees, 1 M ÷ 10 k", 1.5, 1.1, _of_more("contract")),
    Goal("its latest earnings, 1 M ÷ 10 k", 1.5, 1.1, _of_more("earnings")),
    Goal("a history of 1 M events proven, s", 120, 60, _proof_of_a_million),
    Goal("wrong answers", 0, 0, _errors),
)
