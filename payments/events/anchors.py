"""Anchors: where each history stood, signed, so that a removed tail is noticed too.

They are a chain of their own: each signature covers the one before it, so the latest, written to
the log (and to AUDIT_ANCHOR_FILE, where one is named), vouches for all of them. What follows the
last anchor of a history is not proven to be all there was.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from payments.crypto.signatures import hmac_hex
from payments.events.models import StoredEvent, Stream, canonical_text

log = structlog.get_logger(__name__)
_PAGE = 5_000
# Longer than any transaction: an event may be committed after others with a later id.
_OVERLAP = timedelta(hours=1)
_FIRST = UUID(int=0)
_place_of = attrgetter("aggregate_type", "aggregate_id", "sequence")


class Anchor(models.Model):
    """A history had this event, with this hash, when it was anchored.

    Numbers count from one without a gap. `up_to` is the event up to which everything committed
    by then is anchored, here or before.
    """

    number = models.PositiveBigIntegerField(primary_key=True)
    aggregate_type = models.CharField(max_length=32)
    aggregate_id = models.CharField(max_length=64)
    sequence = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)
    up_to = models.UUIDField()
    anchored_at = models.DateTimeField(default=timezone.now)
    previous = models.CharField(max_length=64, blank=True)
    signature = models.CharField(max_length=64)

    class Meta:
        app_label = "payments"
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["aggregate_id", "aggregate_type", "sequence"], name="anchored_once"
            )
        ]

    def __str__(self) -> str:
        return f"anchor {self.number}: {self.aggregate_type} {self.aggregate_id} at {self.sequence}"

    def expected_signature(self) -> str:
        """What only who holds AUDIT_KEY can write."""
        facts = {
            "aggregate": [self.aggregate_type, self.aggregate_id],
            "anchored_at": self.anchored_at.isoformat(timespec="microseconds"),
            "hash": self.hash,
            "number": self.number,
            "previous": self.previous,
            "sequence": self.sequence,
            "up_to": str(self.up_to),
        }
        return hmac_hex(settings.AUDIT_KEY, f"anchor {canonical_text(facts)}".encode())


def anchor_histories() -> int:
    """Anchor every history that grew since the last time; answers how many.

    Page by page, each in a commit of its own: whoever dies in between is continued by the next.
    Of two at once one stops.
    """
    count = 0
    try:
        for page in _grown():
            anchors = _anchored(page)
            count += len(anchors)
            if anchors:
                _publish(anchors[-1], len(anchors))
    except IntegrityError:
        log.warning("anchoring_overtaken")
    return count


_Grown = tuple[UUID, str, str]


def _grown() -> Iterator[list[_Grown]]:
    """Events since the last anchor, and a little before; ids are made of the time."""
    last = Anchor.objects.last()
    names = ("id", "aggregate_type", "aggregate_id")
    events = StoredEvent.objects.order_by("id").values_list(*names)
    page = list(events.filter(id__gte=_earlier(last.up_to) if last else _FIRST)[:_PAGE])
    while page:
        yield page
        page = list(events.filter(id__gt=page[-1][0])[:_PAGE])


def _earlier(event_id: UUID) -> UUID:
    """The first id that an hour before could have had: its first 48 bits count milliseconds."""
    milliseconds = (event_id.int >> 80) - _OVERLAP // timedelta(milliseconds=1)
    return UUID(int=max(milliseconds, 0) << 80)


def _anchored(page: list[_Grown]) -> list[Anchor]:
    """Sign where the page's histories stand now, as far as that is new."""
    named = {
        "aggregate_type__in": {type_ for _, type_, _ in page},
        "aggregate_id__in": {id_ for _, _, id_ in page},
    }
    with transaction.atomic():
        # In no order: to spare a sort, PostgreSQL would read all that there is in that order.
        known = {_place_of(each) for each in Anchor.objects.order_by().filter(**named)}
        tips = sorted(Stream.objects.filter(**named), key=attrgetter("pk"))
        new = [tip for tip in tips if tip.sequence and _place_of(tip) not in known]
        return Anchor.objects.bulk_create(_signed(new, page[-1][0]))


def _signed(tips: Iterable[Stream], up_to: UUID) -> Iterator[Anchor]:
    last, now = Anchor.objects.last(), timezone.now()
    before, previous = (last.number, last.signature) if last else (0, "")
    for number, tip in enumerate(tips, start=before + 1):
        anchor = Anchor(
            number=number,
            aggregate_type=tip.aggregate_type,
            aggregate_id=tip.aggregate_id,
            sequence=tip.sequence,
            hash=tip.last_hash,
            up_to=up_to,
            anchored_at=now,
            previous=previous,
        )
        anchor.signature = previous = anchor.expected_signature()
        yield anchor


def _publish(last: Anchor, count: int) -> None:
    """Where the database's owner cannot take it back: a line that vouches for all before it."""
    log.info("histories_anchored", count=count, number=last.number, signature=last.signature)
    if settings.AUDIT_ANCHOR_FILE:
        try:
            with Path(settings.AUDIT_ANCHOR_FILE).open("a") as file:
                file.write(f"{last.number} {last.signature} {last.anchored_at.isoformat()}\n")
        except OSError:
            log.exception("anchor_file_not_written", path=str(settings.AUDIT_ANCHOR_FILE))
