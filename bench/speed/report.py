"""One table of figures, one of ratios; and both in a file for programs."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.speed.goals import EVENTS, GOALS, Figures

_NUMBERS = ("rate", "p50", "p95", "p99", "errors")


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal and what came of it."""

    name: str
    value: float
    floor: float
    target: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Report:
    """A run: how long, on what, and what it found."""

    machine: str
    seconds: int
    statements: int
    rounds: Sequence[Figures]

    @property
    def figures(self) -> Figures:
        """Each number's median over the rounds that have it."""
        return {
            name: {
                number: median(each[name][number] for each in self.rounds if name in each)
                for number in first
            }
            for name, first in self.rounds[0].items()
        }

    @property
    def judged(self) -> list[Judged]:
        """Every goal."""
        values = [(goal, goal.value(self.rounds)) for goal in GOALS]
        return [
            Judged(goal.name, value, goal.floor, goal.target, goal.verdict(value))
            for goal, value in values
        ]

    @property
    def is_good(self) -> bool:
        """Whether every floor holds."""
        return all(goal.is_held(goal.value(self.rounds)) for goal in GOALS)

    def as_text(self) -> str:
        """For people."""
        return "\n".join([*self._figure_lines(), "", *self._ratio_lines(), "", self.machine])

    def _figure_lines(self) -> list[str]:
        lines = [f"{'':24}{'a second':>10}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'errors':>8}"]
        for name, figure in self.figures.items():
            if "rate" in figure and name != "relay":
                cells = [_cell(figure.get(number), number) for number in _NUMBERS]
                lines.append(f"{name:24}" + "".join(cells))
        return [*lines, "", *self._other_lines()]

    def _other_lines(self) -> list[str]:
        figures, claims = self.figures, self.figures["claims 1k"]
        calls = figures["breakers"]
        microseconds = ", ".join(f"{name} {value:.1f}" for name, value in calls.items())
        return [
            f"a new event costs {self.statements} statements and one commit",
            f"is it a duplicate? {claims['look']:.3f} ms by Redis, {claims['read']:.3f} by its row",
            f"µs a call through a breaker: {microseconds}",
            *self._backbone_lines(),
        ]

    def _backbone_lines(self) -> list[str]:
        figures = self.figures
        appends, relay, mix = figures["appends"], figures["relay"], figures["remembered"]
        sizes = {name: figures[name] for name in figures if name.startswith("reads ")}
        appended = f"{appends['recorded']:.0f}, of bare inserts {appends['inserted']:.0f}"
        return [
            f"events appended a second: {appended}",
            f"deliveries a second: {relay['rate']:.0f}, p95 of their lag {relay['lag']:.2f} s",
            *(f"{name}, ms: {_listed(numbers)}" for name, numbers in sizes.items()),
            f"history of {EVENTS:,} events: {_listed(figures['audit'])}",
            f"answers remembered: {mix['process']:.0%} here, {mix['shared']:.0%} by Redis",
        ]

    def _ratio_lines(self) -> list[str]:
        lines = [f"{'ratio, median of the rounds':46}{'measured':>9}{'floor':>8}{'target':>8}"]
        for each in self.judged:
            numbers = f"{each.value:9.3g}{each.floor:8g}{each.target:8g}"
            lines.append(f"{each.name:46}{numbers}  {each.verdict}")
        return lines

    def write(self, path: Path) -> None:
        """For programs."""
        kept = {
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": self.machine,
            "seconds": self.seconds,
            "statements": self.statements,
            "is_good": self.is_good,
            "goals": [asdict(each) for each in self.judged],
            "figures": self.figures,
            "rounds": list(self.rounds),
        }
        path.write_text(json.dumps(kept, indent=1))


def _listed(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in numbers.items())


def _cell(value: float | None, number: str) -> str:
    width, places = {"rate": (10, 0), "errors": (8, 0)}.get(number, (9, 1))
    return " " * width if value is None else f"{value:{width}.{places}f}"


def machine(database: str) -> str:
    """What the figures were taken on, and how busy it was with other things."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores for servers and load alike, Python {platform.python_version()},"
        f" {database}; load average before: {load:.1f}"
    )
