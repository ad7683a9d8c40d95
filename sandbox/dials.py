"""The dials of a company, checked before they are set, and the dice behind them.

A `seed` makes the dice repeatable: every series starts anew when it is set.
"""

import random
from collections.abc import Callable
from typing import Any

from sandbox.models import Dials

MAX_LATENCY_MS = 120_000
MAX_DELAY_MS = 3_600_000
MAX_DUPLICATES = 100

_dice: dict[tuple[str, str], random.Random] = {}


class DialRefused(ValueError):
    """A dial was turned to where it does not go."""


def dice(dials: Dials, purpose: str) -> random.Random:
    """One die a purpose, so that calls and notices do not disturb each other's series."""
    key = (dials.company, purpose)
    if key not in _dice:
        seed = None if dials.seed is None else f"{dials.seed}/{purpose}"
        # Chooses faults, keeps no secret.
        _dice[key] = random.Random(seed)  # noqa: S311
    return _dice[key]


def throw_away_dice(company: str | None = None) -> None:
    """The next throw starts the series anew."""
    for key in [key for key in _dice if company in {None, key[0]}]:
        _dice.pop(key, None)


def _whole(name: str, value: Any, highest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise DialRefused(f"{name} must be a whole number from 0 to {highest}")
    return value


def _share(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise DialRefused(f"{name} must be a number from 0 to 1")
    return float(value)


def _yes_or_no(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise DialRefused(f"{name} must be true or false")
    return value


def _mode(name: str, value: Any) -> str:
    if value not in Dials.Mode.values:
        raise DialRefused(f"{name} must be one of {', '.join(Dials.Mode.values)}")
    return str(value)


def _seed(name: str, value: Any) -> int | None:
    return None if value is None else _whole(name, value, 2**63 - 1)


CALL_DIALS: dict[str, Callable[[str, Any], Any]] = {
    "mode": _mode,
    "latency_ms": lambda name, value: _whole(name, value, MAX_LATENCY_MS),
    "error_rate": _share,
    "seed": _seed,
}
NOTICE_DIALS: dict[str, Callable[[str, Any], Any]] = {
    "enabled": _yes_or_no,
    "delay_ms": lambda name, value: _whole(name, value, MAX_DELAY_MS),
    "duplicates": lambda name, value: _whole(name, value, MAX_DUPLICATES),
    "shuffle": _yes_or_no,
    "drop_rate": _share,
    "forge_rate": _share,
}


def _checked(
    wishes: Any, checks: dict[str, Callable[[str, Any], Any]], prefix: str = ""
) -> dict[str, Any]:
    if not isinstance(wishes, dict):
        raise DialRefused(f"{prefix.rstrip('.') or 'the body'} must be a JSON object")
    if unknown := sorted(set(wishes) - set(checks)):
        raise DialRefused(f"there is no dial {prefix}{unknown[0]}; there are {', '.join(checks)}")
    return {name: checks[name](prefix + name, value) for name, value in wishes.items()}


def turn(dials: Dials, wishes: Any) -> None:
    """Set the dials that are named; all of them, or none if one cannot be set."""
    if not isinstance(wishes, dict):
        raise DialRefused("the body must be a JSON object")
    wishes = dict(wishes)
    of_notices = _checked(wishes.pop("webhooks", {}), NOTICE_DIALS, "webhooks.")
    if "enabled" in of_notices:
        of_notices["webhooks_enabled"] = of_notices.pop("enabled")
    of_calls = _checked(wishes, CALL_DIALS)
    for name, value in (of_calls | of_notices).items():
        setattr(dials, name, value)
    dials.save()
    if "seed" in of_calls:
        throw_away_dice(dials.company)


def shown(dials: Dials) -> dict[str, Any]:
    """The dials as the control API shows and takes them."""
    calls = {name: getattr(dials, name) for name in CALL_DIALS}
    notices = {name: getattr(dials, name) for name in NOTICE_DIALS if name != "enabled"}
    return calls | {"webhooks": {"enabled": dials.webhooks_enabled} | notices}
