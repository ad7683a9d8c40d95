"""What several commands understand and show alike."""

from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from django.core.management.base import OutputWrapper
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

Item = TypeVar("Item")
_WIDTH = 30


def moment(text: str) -> datetime:
    """A point in time, with its zone. Raises ArgumentTypeError."""
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or is_naive(found):
        raise ArgumentTypeError(f"{text!r}: write it with its zone, such as 2026-01-31T00:00:00Z")
    return found


def with_progress(
    items: Iterable[Item], total: int, what: str, stream: OutputWrapper
) -> Iterator[Item]:
    """Hand the items on, with a bar for whoever watches a terminal; pipes see nothing of it."""
    if not stream.isatty():
        yield from items
        return
    for done, item in enumerate(items, 1):
        yield item
        shown(done, total, what, stream)
    stream.write("")


def shown(done: int, total: int, what: str, stream: OutputWrapper) -> None:
    """Draw how far it is, for whoever watches a terminal."""
    if stream.isatty():
        full = _WIDTH * min(done, total) // max(total, 1)
        bar = "█" * full + "░" * (_WIDTH - full)
        stream.write(f"\r{bar} {done:,} of {total:,} {what}", ending="")
