"""Entries of the timetable of tasks: what the scheduler sends, and how often."""

from datetime import timedelta
from typing import Any


def sweep(task: str, interval: timedelta) -> dict[str, Any]:
    """Send it every so often. One that waited until the next is sent has nothing left to do."""
    return hourly(task) | {
        "schedule": interval,
        "options": {"expires": interval.total_seconds()},
    }


def hourly(task: str) -> dict[str, Any]:
    """Send it once an hour."""
    return {"task": task, "schedule": timedelta(hours=1)}


def daily(task: str) -> dict[str, Any]:
    """Send it once a day."""
    return {"task": task, "schedule": timedelta(days=1)}
