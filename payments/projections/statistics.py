"""How many payments, how much, how fast: counted as events come, and read without counting.

A payment is counted in one cell: its owner, the day of its creation, its currency, its provider.
Each event says where the payment stands, so hearing one again counts nothing twice. Whoever
writes locks the payment's row first, then the cells in their order.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils.dateparse import parse_datetime

from payments import signals
from payments.events.models import StoredEvent
from payments.events.signal import signal_named
from payments.models import DailyFigures, PaymentStanding
from payments.money import Money
from payments.projections.anew import Histories
from payments.projections.durations import added, bucket_of
from payments.signals import BESIDE, PaymentFacts
from payments.statuses import PaymentStatus

SIGNALS = (
    signals.payment_created,
    signals.payment_initiated,
    signals.payment_authorized,
    signals.payment_completed,
    signals.payment_failed,
    signals.payment_cancelled,
    signals.payment_expired,
    signals.refund_succeeded,
    signals.refund_failed,
)
COUNTED = "payments"
EVERYBODY = "everybody"
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
_KEPT = (*_COUNTED, "subject", "refunded")
_Move = tuple[PaymentStanding | None, PaymentStanding]


def hear(events: list[StoredEvent]) -> set[str]:
    """Count payments where these events say that they stand, in the caller's transaction.

    Each is of another payment. Answers about whom something else is to be told from now on.
    """
    known = _known(events)
    moves: list[_Move] = []
    for event in events:
        row = known[event.aggregate_id]
        if row.sequence < event.sequence:
            before = row if row.sequence else None
            moves.append((before, _after(before, event)))
    _count_all(moves)
    _histories.write([after for _, after in moves])
    return concerned(after for _, after in moves)


def _known(events: list[StoredEvent]) -> dict[str, PaymentStanding]:
    """Where these payments stood, held; with sequence zero where nothing was heard of them yet.

    Were those not written first, a rebuild could count them between our look and our counting.
    """
    known = _histories.held(event.aggregate_id for event in events)
    strangers = [_after(None, each) for each in events if each.aggregate_id not in known]
    for blank in strangers:
        blank.sequence = 0
    return known | (_histories.begun(strangers) if strangers else {})


def concerned(payments: Iterable[PaymentStanding]) -> set[str]:
    """The merchants and customers of these payments, and everybody, as `remembered` names them."""
    about = {EVERYBODY}
    for each in payments:
        about |= {merchant(each.owner), customer(each.subject)}
    return about


def merchant(owner: str) -> str:
    """A merchant, as `remembered` names them."""
    return f"merchant:{owner}"


def customer(subject: str) -> str:
    """A customer, as `remembered` names them."""
    return f"customer:{subject}"


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
        provider=_provider_of(facts) or (before.provider if before else ""),
        standing=standing,
        amount=Money.parse(facts.amount_captured, facts.currency).amount if is_paid else 0,
        subject=facts.subject_id or (before.subject if before else ""),
        refunded=Money.parse(facts.amount_refunded, facts.currency).amount,
        milliseconds=known if known is not None or not is_paid else _duration(facts, event),
    )


def _provider_of(facts: PaymentFacts) -> str:
    """Where the payment is by now; what is done beside it, at whichever provider, moves it not."""
    return "" if BESIDE in facts.details else facts.provider


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


# --- made anew


def rebuild() -> Iterator[int]:
    """Make both tables anew from the history, while events go on; yields how many were done.

    Payments first, then the cells from them. It may be cut off anywhere and begun again.
    """
    yield from _histories.replay()
    recount()


def recount() -> None:
    """Make the cells anew from where each payment stands."""
    for cell in _all_cells():
        _recount(cell)


def known() -> int:
    """How many payments a rebuild has to read."""
    return _histories.count()


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


_histories = Histories(PaymentStanding, "payment", SIGNALS, _after, _KEPT)
