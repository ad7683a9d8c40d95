"""News that nobody asked for: which operation it is about, and through the one door with it."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet

from payments import lifecycle, operations, outcomes
from payments.errors import DomainError, NotAnswered, NotConfirmed, NotSupported
from payments.gateways.contract import Gateway
from payments.gateways.messages import DisputeNews, Family, GatewayEvent, GatewayResult
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation, Payment
from payments.news import Difference
from payments.rows import Reading
from payments.services.disputes import look_up_dispute, record_dispute
from payments.services.recovery import look_up
from payments.statuses import FINAL_OUTCOMES, Contradiction, OperationKind, Outcome

_FOLLOW_UPS = (OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)
_BY_KEY = Reading(
    "SELECT {} FROM payments_gatewayoperation o WHERE o.id = %s AND o.provider = %s",
    (("o", GatewayOperation),),
)
# Some notices of a refund do not say which.
UNNAMED = "unnamed, as told by "
_OURS = (Family.PAYMENT, Family.REFUND, Family.DISPUTE)


class NotOurs(DomainError):
    """The news is of an operation that we do not know (yet): kept for a person."""

    code = "not_ours"


def concerns_us(event: GatewayEvent) -> bool:
    """Whether an event may change a payment; the rest is kept for others to act upon."""
    return event.family in _OURS and (event.result is not None or event.dispute is not None)


def confirmed(
    gateway: Gateway, event: GatewayEvent, timeout: timedelta | None = None
) -> GatewayEvent:
    """The event with the provider's own answer in place of what the notification claims.

    For notifications whose proof does not cover their body. Calls the provider, so it must be
    called outside any transaction. Raises NotOurs, NotConfirmed, or NotAnswered where no
    answer came, within the gateway's timeout or a shorter one.
    """
    if gateway.proves_body or not concerns_us(event):
        return event
    operation = operation_of(gateway.name, event)
    if event.dispute is not None:
        return _confirmed_dispute(operation, event, event.dispute, timeout)
    if event.result is None or _is_unexpected(operation, event):
        return event
    is_refund = operation.kind == OperationKind.REFUND
    if event.result.takes_back and operation.outcome == Outcome.SUCCEEDED and not is_refund:
        return event  # it moves no money, and becomes a contradiction for a person
    heard = look_up(operation, gateway, timeout)
    if heard.outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT):
        # Who does not know of it cannot have told us: a hint like that must move nothing.
        operations.keep_calls(operation, heard.calls)
        problem = NotAnswered if heard.outcome is Outcome.UNKNOWN else NotConfirmed
        raise problem(f"{gateway.name} does not confirm {event.id}.")
    return replace(event, result=heard, is_confirmed=True)


def _confirmed_dispute(
    operation: GatewayOperation, event: GatewayEvent, hint: DisputeNews, timeout: timedelta | None
) -> GatewayEvent:
    try:
        told = look_up_dispute(operation, hint, timeout)
    except NotSupported:
        return event  # kept as a hint, and moves nothing
    if told is None:
        raise NotConfirmed(f"{operation.provider} does not confirm {event.id}.")
    return replace(event, dispute=told, is_confirmed=True)


def apply_gateway_event(
    operation: GatewayOperation, event: GatewayEvent, *, is_proven: bool = False
) -> Payment:
    """Apply one verified notification to the operation that it is about (see `operation_of`).

    May join the transaction that claims its delivery; `is_proven` says that the delivery proved
    its body. News of a capture, void or refund that we did not ask for (made in the provider's
    dashboard) becomes a contradiction for a person. Raises NotOurs.
    """
    if event.dispute is not None:
        sure = is_proven or event.is_confirmed or gateway_named(operation.provider).proves_body
        return record_dispute(operation, event.dispute, is_proven=sure)
    if not operation.is_follow_up():
        return _applied(operation, event)
    with lifecycle.hold(operation.payment_id):
        # Asked again, under the lock: meanwhile other news may have been found to be of it.
        operation = operation_of(operation.provider, event)
        return _applied(operation, event)


def _applied(operation: GatewayOperation, event: GatewayEvent) -> Payment:
    if event.result is not None and not _is_unexpected(operation, event):
        if operation.is_follow_up():
            _learn_names(operation, event.result)
        source = "lookup" if event.is_confirmed else "webhook"
        return operations.settle(operation, event.result, heard_from=source)
    with lifecycle.hold(operation.payment_id) as payment:
        difference = _unasked(event)
        if difference and not _is_listed(operation, difference):
            outcomes.contradict(payment, operation, difference, "webhook")
        return payment


def _unasked(event: GatewayEvent) -> Difference | None:
    """A refund made in the dashboard is told by its own name, and so only once by whatever way.

    One that is under way and bears no name is none yet: its end will be told too.
    """
    told = event.result
    is_refund = told is not None and told.kind is OperationKind.REFUND
    if told and is_refund and told.outcome is Outcome.PENDING and not told.reference:
        return None
    if told and is_refund and told.outcome is Outcome.SUCCEEDED:
        name = told.reference or f"{UNNAMED}{event.id}"
        return Difference(Contradiction.UNKNOWN_REFUND, "no such refund", name, told.money)
    return Difference(Contradiction.UNEXPECTED_NEWS, "nothing more", event.id)


def _is_listed(operation: GatewayOperation, difference: Difference) -> bool:
    """Whether a list named this very refund already, before its notice came without a name."""
    if not difference.heard.startswith(UNNAMED) or difference.heard_money is None:
        return False
    alike = operation.discrepancies.filter(
        kind=difference.kind, heard_amount=difference.heard_money.amount
    )
    return alike.exclude(heard__startswith=UNNAMED).exists()


def _learn_names(operation: GatewayOperation, told: GatewayResult) -> None:
    """Keep what a follow-up is called, though nothing else be new: no other may pass for it."""
    new = {name: value for name, value in told.ids.items() if name not in operation.ids}
    if new:
        operation.ids |= new
        operation.save(update_fields=["ids"])
        operation.remember_names()


def _named(ours: QuerySet[GatewayOperation], event: GatewayEvent) -> GatewayOperation | None:
    """By the provider's references: the follow-up itself, or else the charge it is about.

    Bare numbers name a refund or a transaction, each counted from one: they are taken only for
    an operation of the kind that the news is about.
    """
    kind = event.result.kind if event.result else None
    named = ours.filter(names__name__in=event.references).order_by("started_at")
    if kind not in _FOLLOW_UPS:
        return named.exclude(kind__in=_FOLLOW_UPS).first()
    words = [name for name in event.references if not name.isdigit()]
    charges = ours.exclude(kind__in=_FOLLOW_UPS)
    return (
        named.filter(kind=kind).first()
        or _follow_up_of(ours, event)
        or charges.filter(names__name__in=words).first()
    )


def _follow_up_of(ours: QuerySet[GatewayOperation], event: GatewayEvent) -> GatewayOperation | None:
    """Some news of a refund names its charge, and itself by no name we know: one of this amount.

    Where several of one amount are open nobody can say which: recovery asks about each by its
    own name instead. Where it can be none of ours the news is about the charge, and unexpected.
    """
    told = event.result
    if told is None or not told.parent_reference:
        return None
    siblings = ours.filter(kind=told.kind, parent__names__name=told.parent_reference)
    alike = siblings.filter(amount=told.money.amount) if told.money else siblings
    able = [each for each in alike.order_by("-started_at") if _may_be_of(each, event, told)]
    open_ones = [each for each in able if each.is_open()]
    if len(open_ones) > 1:
        raise NotOurs("Several operations of this amount are open; each is asked about instead.")
    charge = ours.filter(names__name=told.parent_reference).exclude(kind__in=_FOLLOW_UPS)
    return next(iter(open_ones or able), None) or charge.first()


def _may_be_of(follow_up: GatewayOperation, event: GatewayEvent, told: GatewayResult) -> bool:
    """Never where both have a name of one sort and the two differ.

    What is over has had its news: it may only be told late by a name that it still lacks, and
    what the provider refused under its own name is not made good under another.
    """
    names = [(follow_up.gateway_reference, told.reference)]
    names += [(follow_up.ids.get(sort, ""), name) for sort, name in told.ids.items()]
    if any(ours and theirs and ours != theirs for ours, theirs in names):
        return False
    if follow_up.is_open() or told.outcome not in FINAL_OUTCOMES:
        return True
    is_named = bool(set(event.references) - {told.parent_reference})
    was_refused = follow_up.outcome == Outcome.DECLINED and follow_up.gateway_reference
    return is_named and not was_refused


def _is_unexpected(operation: GatewayOperation, event: GatewayEvent) -> bool:
    told = event.result.kind if event.result else None
    return told in _FOLLOW_UPS and told != operation.kind


def operation_of(provider: str, event: GatewayEvent, *, ahead: bool = False) -> GatewayOperation:
    """By our own key where it came back, else by the provider's references. Raises NotOurs.

    With `ahead` a charge that is found by its key is locked for what comes (`hold_called`).
    """
    found = _called(provider, event.key, ahead=ahead)
    found = found or _named(GatewayOperation.objects.filter(provider=provider), event)
    if found is None:
        raise NotOurs(f"No operation of ours at {provider} is called {event.key[:64]!r}.")
    return found


def _called(provider: str, key: str, *, ahead: bool) -> GatewayOperation | None:
    try:
        own = UUID(hex=key)
    except ValueError:
        return None
    held = lifecycle.hold_called(own, provider) if ahead else None
    return held or next(iter(_BY_KEY.first(own, provider)), None)
