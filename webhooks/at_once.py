"""News that proves itself, applied while its sender waits: claim, mark and effect in one commit.

What comes at the same time goes into the same commit, as long as nobody has to wait for anybody
else: a payment that somebody holds, and whatever is not found by our own key, goes alone.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from payments import lifecycle, rows
from payments.gateways.messages import GatewayEvent
from webhooks import inbox
from webhooks.company import Company, Guest, SharedFate, Table
from webhooks.inbox import Delivery

log = structlog.get_logger(__name__)
# More than a process has threads that wait.
_AT_MOST = 16


class _News(NamedTuple):
    """What came, and the name of ours that it bears."""

    delivery: Delivery
    event: GatewayEvent
    key: UUID


def apply_at_once(delivery: Delivery, event: GatewayEvent) -> str:
    """Claim, mark and apply in one commit: `processed`, `duplicate`, `ignored` or `accepted`.

    Whatever goes wrong is rolled back, written down as `failed`, and raised; but where the
    database is gone nothing more is asked of it.
    """
    try:
        with suppress(rows.AlreadyThere, rows.Entangled):
            return _in_company(delivery, event) or _alone(delivery, event)
        mark = inbox.mark_for(delivery.provider, event)
        with transaction.atomic(durable=True):
            row, answer = inbox.claim(delivery, event, mark)
            return inbox.apply(row, event, mark) if row else answer
    except SharedFate as fate:
        raise OperationalError(str(fate)) from fate
    except Exception as error:
        log.exception("webhook_failed", provider=delivery.provider, event_id=event.id)
        with transaction.atomic(durable=True):
            # Unless somebody else has applied it meanwhile.
            inbox.claim(delivery, event, inbox.failure(error))
        raise


def _in_company(delivery: Delivery, event: GatewayEvent) -> str | None:
    """None where it goes alone, as what proves nothing does: anybody may bring that again."""
    if not delivery.is_proven or connection.in_atomic_block:
        return None
    try:
        key = UUID(hex=event.key)
    except ValueError:
        return None
    return _company.answer_for(_News(delivery, event, key))


def _serve(table: Table[_News, str]) -> None:
    """One commit for all whose payments are free; the same event twice is once too often."""
    each: dict[tuple[str, str], Guest[_News, str]] = {}
    for guest in table.guests:
        each.setdefault((guest.item.delivery.provider, guest.item.event.id), guest)
    try:
        with transaction.atomic(durable=True), rows.together():
            # What is told after the commit keeps nobody from going on.
            transaction.on_commit(table.close, robust=True)
            _serve_those_held(list(each.values()))
    except (InterfaceError, OperationalError) as error:
        if connection.vendor == "postgresql" and connection.is_usable():
            raise
        raise SharedFate(str(error)) from error


def _serve_those_held(guests: Sequence[Guest[_News, str]]) -> None:
    """Where all tell of one payment it is waited for: others who wait go on after a moment."""
    names = {(guest.item.key, guest.item.delivery.provider) for guest in guests}
    is_of_one = len(names) == 1 < len(guests)
    held = names if is_of_one else lifecycle.hold_all_called(names)
    for guest in guests:
        if (guest.item.key, guest.item.delivery.provider) in held:
            guest.answer = guest.context.run(_as_new, guest.item.delivery, guest.item.event)


_company = Company[_News, str](_serve, _AT_MOST)


def _alone(delivery: Delivery, event: GatewayEvent) -> str:
    with transaction.atomic(durable=True), rows.together():
        return _as_new(delivery, event)


def _as_new(delivery: Delivery, event: GatewayEvent) -> str:
    """As if nobody had heard of it: the claim goes to the database with what it brings about.

    Here the payment is locked before the event is claimed. Who works off the same event from an
    earlier delivery locks the other way round, so that the two may wait for each other.
    Raises AlreadyThere and Entangled, and has then changed nothing.
    """
    mark = inbox.mark_for(delivery.provider, event, ahead=True)
    row = inbox.claim_as_new(delivery, event, mark)
    return inbox.apply(row, event, mark)
