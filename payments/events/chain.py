"""The chain: each event is a link, and whoever walks along proves that none was touched.

An event is chained to the one before it by HMAC-SHA-256 under AUDIT_KEY, which the database does
not hold: whoever can write SQL can neither alter an event nor insert one. Not noticed is a tail
that is removed together with its entry on the stream; that is what `anchors` are for.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from payments.crypto.signatures import hmac_hex
from payments.events.models import StoredEvent, Stream, canonical_text
from payments.events.signal import Aggregate

# What is hashed, in the order of canonical text.
_HASHED = (
    "aggregate_id", "aggregate_type", "causation_id", "correlation_id", "data", "id", "metadata",
    "priority", "sequence", "timestamp", "type", "version",
)  # fmt: skip
_FORM = "{" + ",".join(f'"{name}":%s' for name in _HASHED) + "}"
_quoted = json.JSONEncoder(ensure_ascii=False).encode
ORDER = ("aggregate_type", "aggregate_id", "sequence")


class BrokenChain(Exception):
    """A stored history is not the one that was recorded: whose, and a sentence about it."""

    def __init__(self, aggregate: Aggregate, what: str) -> None:
        super().__init__(aggregate, what)
        self.aggregate, self.what = aggregate, what

    def __str__(self) -> str:
        return f"{self.aggregate.type} {self.aggregate.id} {self.what}"


class Link(NamedTuple):
    """An event as it is stored: JSON by its own text, since a hash is taken over that."""

    aggregate_id: str
    aggregate_type: str
    causation_id: str
    correlation_id: str
    data: str
    id: Any
    metadata: str
    priority: str
    sequence: int
    timestamp: Any
    type: str
    version: int
    previous_hash: str
    hash: str

    @property
    def aggregate(self) -> Aggregate:
        """Whose history it is in."""
        return Aggregate(self.aggregate_type, self.aggregate_id)


def hash_of(event: StoredEvent) -> str:
    """The event's link: HMAC over the previous hash and the canonical text of its fields."""
    return _hash_of(link_of(event))


def link_of(event: StoredEvent) -> Link:
    """An event that was read, as it would be stored."""
    facts = {name: getattr(event, name) for name in Link._fields}
    texts = {"data": canonical_text(event.data), "metadata": canonical_text(event.metadata)}
    return Link(**facts | texts)


def _hash_of(link: Link) -> str:
    facts = _FORM % (
        _quoted(link.aggregate_id),
        _quoted(link.aggregate_type),
        _quoted(link.causation_id),
        _quoted(link.correlation_id),
        link.data,
        f'"{link.id}"',
        link.metadata,
        _quoted(str(link.priority)),
        f'"{link.sequence}"',
        f'"{link.timestamp.isoformat(timespec="microseconds")}"',
        _quoted(link.type),
        f'"{link.version}"',
    )
    return hmac_hex(settings.AUDIT_KEY, (link.previous_hash + facts).encode())


@dataclass(slots=True)
class Walk:
    """How far one history could be followed, and what ended it."""

    aggregate: Aggregate
    sequence: int = 0
    hash: str = ""
    broken: str = ""

    def take(self, link: Link) -> None:
        """Go on to the next event; nothing is taken any more once one does not fit."""
        if self.broken:
            return
        follows = (link.sequence, link.previous_hash) == (self.sequence + 1, self.hash)
        if not follows or link.hash != _hash_of(link):
            self.broken = f"breaks at event {link.sequence} ({link.type})."
            return
        self.sequence, self.hash = link.sequence, link.hash

    def breach(self, tip: Stream | None) -> str:
        """What is wrong, in words; nothing where it ends as its stream says."""
        known = (tip.sequence, tip.last_hash) if tip else (0, "")
        if self.broken or known == (self.sequence, self.hash):
            return self.broken
        return f"should have {known[0]} events, and has {self.sequence}."


def walk(aggregate: Aggregate, links: Iterable[Link]) -> Walk:
    """Follow a history from its beginning, as far as it goes."""
    walked = Walk(aggregate)
    for link in links:
        walked.take(link)
    return walked


def links_of(events: QuerySet[StoredEvent], *, at_most: int | None = None) -> Iterator[Link]:
    """These events as they are stored, each history in its order."""
    texts = {f"{name}_text": Cast(name, TextField()) for name in ("data", "metadata")}
    names = [f"{name}_text" if f"{name}_text" in texts else name for name in Link._fields]
    rows = events.order_by(*ORDER).annotate(**texts).values_list(*names)
    # All of them through a cursor, but a page at once: for a cursor that outlives its transaction
    # PostgreSQL would write the page down first.
    found = rows[:at_most] if at_most else rows.iterator()
    return (Link(*row) for row in found)


def verify_stream(aggregate: Aggregate) -> int:
    """Prove that nothing in one history was changed, removed or inserted; answers its length.

    Nobody can add to it meanwhile. Raises BrokenChain, which names the first event that does not
    fit.
    """
    names = {"aggregate_type": aggregate.type, "aggregate_id": aggregate.id}
    with transaction.atomic():
        tip = Stream.objects.select_for_update().filter(**names).first()
        walked = walk(aggregate, links_of(StoredEvent.objects.filter(**names)))
    if breach := walked.breach(tip):
        raise BrokenChain(aggregate, breach)
    return walked.sequence
