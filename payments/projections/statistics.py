"""How many payments, how much, how fast: counted as events come, and read without counting.

A payment is counted in one cell: its owner, the day of its creation, its currency, its provider.
Each event says where the payment stands, so hearing one again counts nothing twice. Whoever
writes locks the payment's row first, then the cells in their order.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils.dateparse import parse_datetime

from payments import signals
from payments.events.models import StoredEvent, Stream
from payments.events.signal import signal_named
from payments.models import DailyFigures, PaymentStanding
from payments.money import Money
from payments.projections.durations import added, bucket_of
from payments.signals import PaymentFacts
from payments.statuses import PaymentStatus

SIGNALS = (
    signals.payment_created,
    signals.payment_initiated,
    signals.payment_completed,
    signals.payment_failed,
    signals.payment_cancelled,
    signals.payment_expired,
)
Standing = PaymentStanding.Standing
_STANDINGS = dict.fromkeys(PaymentStatus, Standing.PENDING) | {
    PaymentStatus.COMPLETED: Standing.SUCCESSFUL,
    PaymentStatus.PARTIALLY_REFUNDED: Standing.SUCCESSFUL,
    PaymentStatus.REFUNDED: Standing.SUCCESSFUL,
    PaymentStatus.CHARGED_BACK: Standing.SUCCESSFUL,
    PaymentStatus.FAILED: Standing.FAILED,
    PaymentStatus.CANCELLED: Standing.FAILED,
    PaymentStatus.EXPIRED: Standing.FAILED,
}
_CELL = ("owner", "day", "currency", "provider")
_COUNTED = (*_CELL, "standing", "amount", "milliseconds")
_Move = tuple[PaymentStanding | None, PaymentStanding]
_MANY = 500


def hear(events: list[StoredEvent]) -> None:
    """Count payments where these events say that they stand, in the caller's transaction.

    Each is of another payment.
    """
    held = PaymentStanding.objects.select_for_update().order_by("pk")
    known = {str(row.pk): row for row in held.filter(pk__in=[e.aggregate_id for e in events])}
    moves: list[_Move] = []
    for event in events:
        before = known.get(event.aggregate_id)
        if before is None or before.sequence < event.sequence:
            moves.append((before, _after(before, event)))
    _count_all(moves)
    _write([after for _, after in moves])


def _after(before: PaymentStanding | None, event: StoredEvent) -> PaymentStanding:
    """Where a payment stands after this event of it."""
    facts: PaymentFacts = signal_named(event.type).read(event)
    standing = _STANDINGS[PaymentStatus(facts.status)]
    is_paid = standing == Standing.SUCCESSFUL
    known = before.milliseconds if before else None
    return PaymentStanding(
        payment_id=event.aggregate_id,
        sequence=event.sequence,
        owner=facts.owner_id,
        day=before.day if before else event.timestamp.astimezone(UTC).date(),
        currency=facts.currency,
        provider=facts.provider or (before.provider if before else ""),
        standing=standing,
        amount=Money.parse(facts.amount_captured, facts.currency).amount if is_paid else 0,
        milliseconds=known if known is not None or not is_paid else _duration(facts, event),
    )


def _duration(facts: PaymentFacts, event: StoredEvent) -> int | None:
    """From the beginning at the provider until it was paid."""
    started_at = parse_datetime(facts.started_at)
    if started_at is None:
        return None
    return max(0, (event.timestamp - started_at) // timedelta(milliseconds=1))


def _count_all(moves: list[_Move]) -> None:
    """Count each where it stands now, and no longer where it stood."""
    counts = [
        (row, count)
        for before, after in moves
        if before is None or _is_counted_otherwise(before, after)
        for row, count in ((before, -1), (after, 1))
        if row is not None
    ]
    cells = sorted({_cell_of(row) for row, _ in counts})
    figures = {each: _held(dict(zip(_CELL, each, strict=True))) for each in cells}
    for row, count in counts:
        _count(figures[_cell_of(row)], row, count)
    for cell in figures.values():
        cell.save()


def _is_counted_otherwise(before: PaymentStanding, after: PaymentStanding) -> bool:
    return any(getattr(before, name) != getattr(after, name) for name in _COUNTED)


def _cell_of(row: PaymentStanding | DailyFigures) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _CELL)


def _held(cell: dict[str, Any]) -> DailyFigures:
    """A cell's row, ours until the transaction ends; made where there is none."""
    held = DailyFigures.objects.select_for_update().filter(**cell)
    if (row := held.first()) is None:
        DailyFigures.objects.bulk_create([DailyFigures(**cell)], ignore_conflicts=True)
        row = held.get()
    return row


def _count(figures: DailyFigures, each: PaymentStanding, count: int) -> None:
    figures.pending += count * (each.standing == Standing.PENDING)
    figures.successful += count * (each.standing == Standing.SUCCESSFUL)
    figures.failed += count * (each.standing == Standing.FAILED)
    figures.amount += count * each.amount
    if each.milliseconds is not None:
        figures.milliseconds += count * each.milliseconds
        bucket = bucket_of(each.milliseconds)
        figures.durations = added(figures.durations, bucket, count)


def _write(standings: list[PaymentStanding]) -> None:
    PaymentStanding.objects.bulk_create(
        standings,
        update_conflicts=True,
        unique_fields=["payment_id"],
        update_fields=("sequence", *_COUNTED),
    )


# --- made anew


def rebuild() -> Iterator[int]:
    """Make both tables anew from the history, while events go on; yields how many were done.

    Payments first, then the cells from them. It may be cut off anywhere and begun again.
    """
    types = [signal.name for signal in SIGNALS]
    events = StoredEvent.objects.filter(type__in=types, aggregate_type="payment")
    in_order = events.order_by("aggregate_id", "sequence").iterator(chunk_size=2000)
    anew = (_folded(each) for _, each in groupby(in_order, attrgetter("aggregate_id")))
    while batch := list(islice(anew, _MANY)):
        _put_right(batch)
        yield len(batch)
    _forget_strangers()
    for cell in _all_cells():
        _recount(cell)


def payments_known() -> int:
    """How many payments a rebuild has to read."""
    return Stream.objects.filter(aggregate_type="payment").count()


def _folded(events: Iterable[StoredEvent]) -> PaymentStanding:
    standing = None
    for event in events:
        standing = _after(standing, event)
    assert standing is not None  # noqa: S101 - a group has a member
    return standing


def _put_right(batch: list[PaymentStanding]) -> None:
    """Write these, except where more was heard since they were read."""
    with transaction.atomic():
        held = PaymentStanding.objects.select_for_update().order_by("pk")
        newer = {str(row.pk): row.sequence for row in held.filter(pk__in=[b.pk for b in batch])}
        ours = [each for each in batch if newer.get(str(each.pk), 0) <= each.sequence]
        _write(ours)


def _forget_strangers() -> None:
    """Rows of payments that have no history."""
    known = Stream.objects.filter(aggregate_type="payment").values_list("aggregate_id", flat=True)
    ids = PaymentStanding.objects.order_by("pk").values_list("pk", flat=True).iterator()
    while batch := list(islice(ids, _MANY)):
        names = {str(pk) for pk in batch}
        strangers = names - set(known.filter(aggregate_id__in=names))
        PaymentStanding.objects.filter(pk__in=strangers).delete()


def _all_cells() -> set[tuple[Any, ...]]:
    counted = set(PaymentStanding.objects.order_by().values_list(*_CELL).distinct())
    return counted | set(DailyFigures.objects.values_list(*_CELL))


def _recount(cell: tuple[Any, ...]) -> None:
    """Who moves a payment in or out holds the cell's lock: what is committed is all there is."""
    names = dict(zip(_CELL, cell, strict=True))
    with transaction.atomic():
        figures = _held(names)
        inside = PaymentStanding.objects.filter(**names)
        sums = inside.aggregate(
            **{each.value: Count("pk", filter=Q(standing=each)) for each in Standing},
            amount=Sum("amount", default=0),
            milliseconds=Sum("milliseconds", default=0),
        )
        durations: dict[str, int] = {}
        measured = inside.filter(milliseconds__isnull=False).order_by()
        for took, count in measured.values_list("milliseconds").annotate(count=Count("pk")):
            durations = added(durations, bucket_of(took), count)
        DailyFigures.objects.filter(pk=figures.pk).update(**sums, durations=durations)
