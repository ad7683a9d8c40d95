"""Record an event in the change's own transaction; read a stream."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from payments import rows
from payments.events import bus, context, durable
from payments.events.chain import hash_of
from payments.events.durable import Handler
from payments.events.models import URGENCY, Delivery, Priority, StoredEvent, Stream
from payments.events.signal import Aggregate, EventSignal

# What happens now goes before what happened once.
_LAST = max(URGENCY.values()) + 1


def record(
    signal: EventSignal, aggregate: Aggregate, data: Any, *, tip: Stream | None = None
) -> StoredEvent:
    """Append an event, and announce it once the change it tells of is committed.

    `data` is an instance of the signal's data type; `tip` is the aggregate's, where the caller
    holds its lock already. Raises RuntimeError outside a transaction:
    a change and its event are one commit.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{signal.name} must be recorded in the transaction of its change.")
    if not isinstance(data, signal.data_type):
        raise TypeError(f"{signal.name} carries {signal.data_type.__name__}, not {data!r}.")
    told = {each.name: getattr(data, each.name) for each in fields(data)}
    event = _append(signal, tip or hold(aggregate), told)
    _address(event)
    _after_commit(partial(bus.send, signal, event))
    return event


def _append(signal: EventSignal, tip: Stream, data: dict[str, Any]) -> StoredEvent:
    here = context.current()
    event = StoredEvent(
        aggregate_type=tip.aggregate_type,
        aggregate_id=tip.aggregate_id,
        sequence=tip.sequence + 1,
        type=signal.name,
        version=signal.version,
        priority=signal.priority,
        timestamp=timezone.now(),
        correlation_id=here.correlation_id,
        causation_id=here.causation_id,
        data=data,
        metadata=here.metadata,
        previous_hash=tip.last_hash,
    )
    event.hash = hash_of(event)
    tip.sequence, tip.last_hash = event.sequence, event.hash
    rows.insert(event)
    rows.update(tip, ("sequence", "last_hash"))
    return event


def _address(event: StoredEvent) -> None:
    """One delivery for each durable receiver, in the same commit; and somebody brings them."""
    handlers = durable.handlers_of(event)
    for handler in handlers:
        rows.insert(delivery_of(event, handler))
    for outside in {each.acts_outside for each in handlers}:
        _after_commit(partial(bus.call_the_relay, outside=outside))


def _after_commit(tell: Callable[[], object]) -> None:
    """In the conversation of the change, whoever commits it."""
    transaction.on_commit(context.carried(tell), robust=True)


def delivery_of(event: StoredEvent, handler: Handler, replay_id: str = "") -> Delivery:
    """What is still to be brought to this handler; not written yet."""
    return Delivery(
        event=event,
        handler=handler.name,
        aggregate_id=event.aggregate_id,
        sequence=event.sequence,
        urgency=_LAST if replay_id else URGENCY[Priority(event.priority)],
        replay_id=replay_id,
    )


def hold(aggregate: Aggregate) -> Stream:
    """Lock the tip of a history until the transaction ends, beginning it where there is none."""
    names = {"aggregate_type": aggregate.type, "aggregate_id": aggregate.id}
    held = Stream.objects.select_for_update()
    if (stream := held.filter(**names).first()) is None:
        Stream.objects.bulk_create([Stream(**names)], ignore_conflicts=True)
        stream = held.get(**names)
    return stream


def read_stream(aggregate: Aggregate) -> Iterator[StoredEvent]:
    """The aggregate's events, oldest first."""
    return StoredEvent.objects.filter(
        aggregate_type=aggregate.type, aggregate_id=aggregate.id
    ).iterator()
