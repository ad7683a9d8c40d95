"""Durable receivers for tests: each leaves a row for every event that it heard of."""

from datetime import timedelta

import time_machine
from django.db import transaction
from django.utils import timezone

from payments.events.durable import Handler, Receive
from payments.events.models import StoredEvent
from payments.events.signal import Aggregate, EventSignal
from payments.events.store import record
from payments.signals import payment_created
from tests.payments.test_events import facts
from webhooks.models import KnownDelivery


class Killed(BaseException):
    """What a process dies of is no exception that anybody handles."""


def keep(event: StoredEvent) -> None:
    """Heard, once: the same event twice would break a unique constraint."""
    KnownDelivery.objects.create(provider="keep", name=f"{event.aggregate_id} {event.sequence}")


def keep_and_stumble(event: StoredEvent) -> None:
    keep(event)
    raise ValueError("Card 4111 of Jane Roe")


def keep_and_die(event: StoredEvent) -> None:
    keep(event)
    raise Killed


def handler(
    receive: Receive,
    *signals: EventSignal,
    name: str = "keep",
    acts_outside: bool = False,
    is_strict: bool = False,
) -> Handler:
    """Of `payment.created`, unless other signals are named."""
    return Handler(name, receive, signals or (payment_created,), acts_outside, is_strict)


def later(**away: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(**away))


def write(
    count: int = 1, *, about: str = "p-1", signal: EventSignal = payment_created
) -> list[StoredEvent]:
    with transaction.atomic():
        return [record(signal, Aggregate("payment", about), facts()) for _ in range(count)]


def heard() -> list[str]:
    """What was heard, in this order."""
    return list(KnownDelivery.objects.order_by("pk").values_list("name", flat=True))
