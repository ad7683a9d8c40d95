"""Find what was interrupted, and ask how it ended.

Operations that wait for news carry `next_check_at`. The sweep takes those that are due, asks the
provider by our own key, and settles the answer through the same door as everybody else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import F, QuerySet
from django.utils import timezone

from payments import lifecycle, operations, outcomes
from payments.events import context
from payments.gateways.contract import Gateway
from payments.gateways.messages import Capture, Failure, GatewayResult, Handle, Lookup
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation
from payments.news import Difference
from payments.next_checks import last_look
from payments.services.charges import charge_for
from payments.services.follow_ups import handle_of
from payments.services.leftovers import release_rest, rest_of
from payments.statuses import Contradiction, FailureCode, OperationKind, Outcome

# A sweep's bound: what is left over is still due at the next.
_AT_ONCE = 500
NOBODY_KNOWS = Difference(
    Contradiction.UNEXPECTED_NEWS, "what became of it", "no answer, however often it was asked for"
)
# The errors with which a caller ends a whole sweep, like a task whose time is over.
StopErrors = tuple[type[Exception], ...]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """What recovery learned of one operation."""

    operation: GatewayOperation
    before: str
    after: str


def due(older_than: timedelta | None) -> QuerySet[GatewayOperation]:
    """Operations that somebody should ask about now, the longest waiting first.

    With `older_than`, those that have been waiting for that long, due or not.
    """
    now = timezone.now()
    waiting = GatewayOperation.objects.filter(next_check_at__isnull=False)
    waiting = waiting.exclude(outcome=Outcome.NOT_SENT, may_have_left=False)  # see `retries`
    if older_than is None:
        found = waiting.filter(next_check_at__lte=now)
    else:
        found = waiting.filter(started_at__lte=now - older_than, deadline_at__lte=now)
    return found.order_by("next_check_at", "pk")[:_AT_ONCE]


def resolve_open_operations(
    older_than: timedelta | None = None, stops: StopErrors = ()
) -> Iterator[Finding]:
    """Ask about every due operation and settle what was learned, one by one.

    What goes wrong with one is logged and hinders no other, but for `stops`: those are raised.
    """
    for operation in due(older_than):
        if not _take(operation):
            continue
        with context.bound(correlation_id=operation.key, source="recovery"):
            yield _resolve(operation, stops)


def _take(operation: GatewayOperation) -> bool:
    """Put the next check off first, so that two sweeps do not ask the same question."""
    now = timezone.now()
    unchanged = GatewayOperation.objects.filter(
        pk=operation.pk, next_check_at=operation.next_check_at
    )
    return bool(unchanged.update(next_check_at=_later(operation, now), checks=F("checks") + 1))


def _later(operation: GatewayOperation, now: datetime) -> datetime:
    delays = settings.RECOVERY_CHECK_DELAYS
    later = now + delays[min(operation.checks, len(delays) - 1)]
    page_ends = operation.expires_at
    return page_ends if page_ends and now < page_ends < later else later


def _resolve(operation: GatewayOperation, stops: StopErrors) -> Finding:
    before = operation.outcome or "interrupted"
    try:
        release_rest(operation, gateway_named(operation.provider))
        ask_about(operation)
    except stops:
        raise
    except Exception:
        # One operation's trouble, whatever it is, must not keep the others waiting.
        log.exception("recovery_failed", operation_id=str(operation.id))
    operation.refresh_from_db()
    if operation.checks > len(settings.RECOVERY_CHECK_DELAYS) and is_in_doubt(operation):
        _hand_to_a_person(operation)
    return Finding(operation, before, operation.outcome or "interrupted")


def is_in_doubt(operation: GatewayOperation) -> bool:
    """Whether money may have moved and nobody knows."""
    is_interrupted = operation.outcome is None and operation.is_overdue()
    return is_interrupted or operation.outcome == Outcome.UNKNOWN


def _hand_to_a_person(operation: GatewayOperation) -> None:
    """All delays are used up: we go on asking, and somebody should look for themselves. Told once.

    News may have come since: what is told is what stands under the lock.
    """
    with lifecycle.hold(operation.payment_id) as payment:
        operation.refresh_from_db()
        if is_in_doubt(operation):
            outcomes.contradict(payment, operation, NOBODY_KNOWS, "lookup")


def ask_about(operation: GatewayOperation, timeout: timedelta | None = None) -> Outcome | None:
    """Look one operation up and settle the answer; None where the provider gave none."""
    gateway = gateway_named(operation.provider)
    asked_at = timezone.now()
    heard = _page_of(operation, gateway, timeout) or look_up(operation, gateway, timeout)
    if heard.outcome is Outcome.UNKNOWN:
        operations.keep_calls(operation, heard.calls)
        return None
    operation.refresh_from_db()
    if told := believed(operation, heard, gateway, asked_at):
        operations.settle(operation, told, heard_from="lookup")
    else:
        operations.keep_calls(operation, heard.calls)
    _put_off_if_ended(operation, gateway)
    return heard.outcome


def look_up(
    operation: GatewayOperation, gateway: Gateway, timeout: timedelta | None = None
) -> GatewayResult:
    """What the gateway says of an operation; an approval that waits for us is taken up at once.

    Some payers approve first and are charged by a second call of ours. It bears the operation's
    own key, so it is the same call however often it is made. Where its answer is lost, the
    operation is UNKNOWN from here on.
    """
    limit = timeout or gateway.timeout
    heard = operations.call(gateway, question_about(operation, gateway), limit)
    if heard.ids.get("needs") != OperationKind.CAPTURE or not operation.is_open():
        return heard
    approved = Handle(heard.reference, dict(operation.ids) | dict(heard.ids))
    taken = operations.call(gateway, Capture(operation.key, operation.money, approved), limit)
    calls = heard.calls + taken.calls
    if taken.outcome is Outcome.NOT_SENT:
        return replace(heard, calls=calls)
    told = replace(taken, kind=None, calls=calls)
    return _doubted(operation, told) if told.outcome is Outcome.UNKNOWN else told


def _doubted(operation: GatewayOperation, told: GatewayResult) -> GatewayResult:
    """Our own call may have moved money: that is written down, whoever asked."""
    operations.settle(operation, told, heard_from="answer")
    return replace(told, calls=())


def _page_of(
    operation: GatewayOperation, gateway: Gateway, timeout: timedelta | None
) -> GatewayResult | None:
    """The page whose address was lost, where only the same request under its key can tell it.

    Whatever else that tells says less than a lookup would.
    """
    if gateway.finds_by_key or not _is_remembered(operation, gateway):
        return None
    order = charge_for(operation.payment, operation)
    heard = operations.call(gateway, order, timeout or gateway.timeout)
    if heard.outcome is Outcome.ACTION_REQUIRED:
        return heard
    operations.keep_calls(operation, heard.calls)
    return None


def _is_remembered(operation: GatewayOperation, gateway: Gateway) -> bool:
    """Whether its request, repeated now, is the same one to the gateway, and still wanted."""
    is_lost = operation.is_open() and not operation.is_follow_up()
    until = operation.started_at + gateway.key_memory
    if operation.expires_at:
        until = min(until, operation.expires_at)
    return is_lost and not operation.gateway_reference and timezone.now() < until


def question_about(operation: GatewayOperation, gateway: Gateway) -> Lookup:
    """What became of this operation? By its reference, or by our own key without one."""
    maker = _maker_of(operation)
    return Lookup(
        key=operation.key,
        kind=OperationKind(operation.kind),
        handle=handle_of(operation),
        parent=handle_of(operation.parent),
        money=operation.money,
        began_at=maker.started_at,
        over_at=over_at(maker, gateway),
    )


def _maker_of(operation: GatewayOperation) -> GatewayOperation:
    """Whose request made what would be listed: a capture and a void change what was there."""
    changes = operation.kind in (OperationKind.CAPTURE, OperationKind.VOID)
    return operation.parent if changes and operation.parent else operation


def over_at(operation: GatewayOperation, gateway: Gateway) -> datetime:
    """When nothing of it can be made any more: no request is on its way, and no page is open."""
    arrived_by = operation.deadline_at + gateway.settling_time
    return max(arrived_by, operation.expires_at or arrived_by)


def believed(
    operation: GatewayOperation, heard: GatewayResult, gateway: Gateway, now: datetime
) -> GatewayResult | None:
    """What a lookup's answer is worth; None where it changes nothing.

    "Never heard of it" is believed only when the request can no longer be on its way, and a
    page that nobody paid, or where a card was declined, ends only when its life is over. Money
    that the provider is still busy with never ends by our clock.
    """
    may_try_again = heard.outcome is Outcome.PENDING and heard.failure and operation.redirect_url
    if not may_try_again and heard.outcome not in (Outcome.ACTION_REQUIRED, Outcome.NOT_SENT):
        return heard
    return _unpaid(operation, heard, gateway, now) if operation.is_open() else None


def _unpaid(
    operation: GatewayOperation, heard: GatewayResult, gateway: Gateway, now: datetime
) -> GatewayResult | None:
    if operation.redirect_url:
        return _of_page(operation, heard, now)
    if heard.redirect_url and operation.expires_at and now < operation.expires_at:
        return heard  # the page whose address was lost is found again
    if now < operation.deadline_at + gateway.settling_time:
        return None
    # Never sent, or its page's address was lost: no payer can have it. The next attempt opens
    # another page at the same gateway; should this one be paid after all, that is an orphan.
    return replace(heard, outcome=Outcome.NOT_SENT, reference="")


def _of_page(
    operation: GatewayOperation, heard: GatewayResult, now: datetime
) -> GatewayResult | None:
    """A page that lives tells at most of a card that was declined; at its end that is the end."""
    if operation.expires_at and now < operation.expires_at:
        return replace(heard, outcome=Outcome.PENDING) if heard.failure else None
    failure = heard.failure or _last_failure(operation)
    return replace(heard, outcome=Outcome.DECLINED, failure=failure, reference="")


def _last_failure(operation: GatewayOperation) -> Failure:
    if operation.failure_code:
        return Failure(FailureCode(operation.failure_code), operation.failure_message)
    return Failure(FailureCode.EXPIRED, "Nobody paid before the page's life was over.")


def _put_off_if_ended(operation: GatewayOperation, gateway: Gateway) -> None:
    """An operation that has ended is looked at a last few times, then never again.

    A capture whose rest is not free yet stays due.
    """
    operation.refresh_from_db()
    if rest_of(operation, gateway):
        return
    if not operation.is_open() and operation.next_check_at is not None:
        again = last_look(operation, timezone.now())
        over = operation.outcome == Outcome.SUCCEEDED
        GatewayOperation.objects.filter(pk=operation.pk).update(
            next_check_at=None if over else again
        )
