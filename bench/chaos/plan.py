"""What will be broken and when: drawn from a seed before anything begins."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.chaos.forms import Form
from bench.chaos.settings import COMPANIES

# Of twenty kills so many each.
_VICTIMS = {"web child": 9, "web": 2, "worker child": 5, "worker": 3, "beat": 1}
_MODES = ("down", "error", "flaky", "slow", "timeout_after_commit")
_CALLS = {"latency_ms": 700, "error_rate": 0.5}
# Dice are dice: somewhat more is asked for than must come of it.
_MORE = 1.4
# Seconds between two outages, and how long each may last.
_OUTAGE_EVERY, _OUTAGE = 9.0, (2.0, 6.0)
_PAUSE = (2.0, 4.0)


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """One deed at one moment, in seconds after the start."""

    at: float
    deed: str
    target: str
    facts: dict[str, Any] = field(default_factory=dict, compare=False)


def drawn(form: Form, seed: int) -> list[Trouble]:
    """The whole plan, in the order of its moments."""
    dice = random.Random(seed)  # noqa: S311 - chooses faults, keeps no secret
    seconds = form.load.total_seconds()
    parts = (_kills(form, dice), _dials(form, dice), _outages(dice, seconds))
    plan = [trouble for part in parts for trouble in part]
    if form.on_servers:
        plan += _restarts(form, dice)
    return sorted(plan)


def _moments(dice: random.Random, count: int, seconds: float) -> list[float]:
    """So many, one in each of as many equal parts, away from start and end."""
    part = seconds * 0.94 / count
    return [seconds * 0.03 + part * (number + dice.random() * 0.8) for number in range(count)]


def _kills(form: Form, dice: random.Random) -> Iterator[Trouble]:
    twenty = [name for name, count in _VICTIMS.items() for _ in range(count)]
    victims = dice.sample(twenty, len(twenty)) * (form.kills // 10 + 1)
    moments = _moments(dice, form.kills + form.kills // 10, form.load.total_seconds())
    for at, victim in zip(moments, victims, strict=False):
        yield Trouble(at, "kill", victim, {"place": dice.randint(0, 7)})


def _restarts(form: Form, dice: random.Random) -> Iterator[Trouble]:
    seconds = form.load.total_seconds()
    for number, at in enumerate(_moments(dice, form.restarts, seconds)):
        yield Trouble(at, "restart", "postgres", {"mode": ("immediate", "fast")[number % 2]})
    for at in _moments(dice, form.restarts, seconds):
        yield Trouble(at, "restart", "redis")
    for at in _moments(dice, form.pauses, seconds):
        yield Trouble(at, "pause", "redis")
        yield Trouble(at + dice.uniform(*_PAUSE), "resume", "redis")


def _dials(form: Form, dice: random.Random) -> Iterator[Trouble]:
    """Notices: some are lost and some forged all the time; whose come twice changes."""
    seconds = form.load.total_seconds()
    always = {"drop_rate": form.drops * _MORE, "forge_rate": form.forgeries * 2 * _MORE}
    for company in COMPANIES:
        seeded = _CALLS | {"seed": dice.randint(0, 2**31)}
        yield Trouble(0.0, "dial", company, seeded | {"webhooks": always})
    turns = [*dice.sample(COMPANIES, 5), *dice.sample(COMPANIES, 5)]
    for number, twice in enumerate(turns):
        for company in COMPANIES:
            notices = {"duplicates": int(company == twice), "shuffle": dice.random() < 0.5}
            at = seconds * number / len(turns) + 0.1
            yield Trouble(at, "dial", company, {"webhooks": notices})


def _outages(dice: random.Random, seconds: float) -> Iterator[Trouble]:
    """One company after the other fails in one of its ways, and comes back."""
    for at in _moments(dice, max(1, round(seconds / _OUTAGE_EVERY)), seconds):
        company, mode = dice.choice(COMPANIES), dice.choice(_MODES)
        yield Trouble(at, "outage", company, {"mode": mode})
        yield Trouble(at + dice.uniform(*_OUTAGE), "dial", company, {"mode": "up"})
