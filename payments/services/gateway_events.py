"""News that nobody asked for: which operation it is about, and through the one door with it."""

from dataclasses import replace
from uuid import UUID

from django.db.models import QuerySet

from payments import lifecycle, operations, outcomes
from payments.errors import DomainError
from payments.gateways.contract import Gateway
from payments.gateways.messages import Family, GatewayEvent
from payments.gateways.registry import gateway_named
from payments.models import GatewayOperation, Payment
from payments.news import Difference
from payments.services.disputes import record_dispute
from payments.services.recovery import look_up
from payments.statuses import Contradiction, OperationKind, Outcome

_FOLLOW_UPS = (OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)
_OURS = (Family.PAYMENT, Family.REFUND, Family.DISPUTE)


class NotOurs(DomainError):
    """The news is of an operation that we do not know (yet): kept for a person."""

    code = "not_ours"


class NotConfirmed(DomainError):
    """The provider could not confirm its own hint now; it will send it again."""

    code = "not_confirmed"


def concerns_us(event: GatewayEvent) -> bool:
    """Whether an event may change a payment; the rest is kept for others to act upon."""
    return event.family in _OURS and (event.result is not None or event.dispute is not None)


def confirmed(gateway: Gateway, event: GatewayEvent) -> GatewayEvent:
    """The event with the provider's own answer in place of what the notification claims.

    For notifications whose proof does not cover their body. Calls the provider, so it must be
    called outside any transaction. Raises NotOurs, or NotConfirmed where no answer came.
    """
    if gateway.proves_body or event.result is None:
        return event
    operation = _operation_of(gateway.name, event)
    if _is_unexpected(operation, event):
        return event
    if event.result.takes_back and operation.outcome == Outcome.SUCCEEDED:
        return event  # it moves no money, and becomes a contradiction for a person
    heard = look_up(operation, gateway)
    if heard.outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT):
        # Who does not know of it cannot have told us: a hint like that must move nothing.
        raise NotConfirmed(f"{gateway.name} does not confirm {event.id}.")
    return replace(event, result=heard, is_confirmed=True)


def apply_gateway_event(provider: str, event: GatewayEvent) -> Payment:
    """Apply one verified notification; may join the transaction that claims its delivery.

    News of a capture, void or refund that we did not ask for (made in the provider's dashboard)
    becomes a contradiction for a person. Raises NotOurs.
    """
    operation = _operation_of(provider, event)
    if event.dispute is not None:
        is_proven = gateway_named(provider).proves_body
        return record_dispute(operation, event.dispute, is_proven=is_proven)
    if event.result is not None and not _is_unexpected(operation, event):
        source = "lookup" if event.is_confirmed else "webhook"
        return operations.settle(operation.id, event.result, heard_from=source)
    with lifecycle.hold(operation.payment_id) as payment:
        difference = Difference(Contradiction.UNEXPECTED_NEWS, "nothing more", event.id)
        outcomes.contradict(payment, operation, difference, "webhook")
        return payment


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
    """Some news of a refund names its charge alone: then it is the one of this amount.

    Where several of one amount are open nobody can say which: recovery asks about each by its
    own name instead. Where none is of this amount the news is about the charge, and unexpected.
    """
    told = event.result
    if told is None or not told.parent_reference:
        return None
    siblings = ours.filter(kind=told.kind, parent__names__name=told.parent_reference)
    alike = siblings.filter(amount=told.money.amount) if told.money else siblings
    open_ones = [each for each in alike.order_by("-started_at") if each.is_open()]
    if len(open_ones) > 1:
        raise NotOurs("Several operations of this amount are open; each is asked about instead.")
    charge = ours.filter(names__name=told.parent_reference).exclude(kind__in=_FOLLOW_UPS)
    return next(iter(open_ones), None) or alike.last() or charge.first()


def _is_unexpected(operation: GatewayOperation, event: GatewayEvent) -> bool:
    told = event.result.kind if event.result else None
    return told in _FOLLOW_UPS and told != operation.kind


def _operation_of(provider: str, event: GatewayEvent) -> GatewayOperation:
    """By our own key where it came back, else by the provider's references."""
    ours = GatewayOperation.objects.filter(provider=provider)
    try:
        by_key = ours.filter(pk=UUID(hex=event.key)).first()
    except ValueError:
        by_key = None
    found = by_key or _named(ours, event)
    if found is None:
        raise NotOurs(f"No operation of ours at {provider} is called {event.key[:64]!r}.")
    return found
