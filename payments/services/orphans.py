"""A second charge of one payment is given back: voided or refunded, once, and told.

It happens when an answer was lost, another provider was charged, and the first charge turns out to
have succeeded after all. Its return is an operation like any other, outside of the payment's own
sums; what cannot be returned here stays open as a discrepancy, for a person.
"""

from collections.abc import Iterator

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from payments import lifecycle, operations
from payments.errors import DomainError
from payments.events import context
from payments.gateways.contract import Capability, Gateway
from payments.gateways.messages import FollowUp, Refund, Void
from payments.gateways.registry import gateway_named
from payments.models import Discrepancy, Dispute, GatewayOperation
from payments.services.follow_ups import carry_out, handle_of
from payments.statuses import Contradiction, OperationKind, Outcome

log = structlog.get_logger(__name__)


def unreturned() -> QuerySet[GatewayOperation]:
    """Second charges whose discrepancy is open."""
    charges = GatewayOperation.objects.filter(is_orphan=True, outcome=Outcome.SUCCEEDED)
    charges = charges.exclude(kind__in=[OperationKind.VOID, OperationKind.REFUND])
    untold = charges.filter(
        discrepancies__kind=Contradiction.ORPHAN_CHARGE, discrepancies__resolved_at=None
    )
    # What else is told of it (a dispute, a refund by hand) makes it a person's business.
    others = Discrepancy.objects.filter(operation=OuterRef("pk"))
    others = others.exclude(kind=Contradiction.ORPHAN_CHARGE)
    contested = Dispute.objects.filter(operation=OuterRef("pk"))
    return (
        untold.exclude(Exists(others)).exclude(Exists(contested)).distinct().order_by("started_at")
    )


def return_orphans() -> Iterator[GatewayOperation]:
    """Give back every second charge that is known; yields each return that was begun."""
    for orphan in unreturned():
        with context.bound(correlation_id=orphan.key, source="orphans"):
            try:
                begun = give_back(orphan)
            except DomainError as error:  # its provider is not connected any more, perhaps
                log.warning("orphan_not_returned", operation_id=str(orphan.id), error=error.detail)
                continue
            if begun:
                yield begun


def give_back(orphan: GatewayOperation) -> GatewayOperation | None:
    """Void or refund a second charge; None where that is on its way, done, or declined."""
    gateway = gateway_named(orphan.provider)
    kind = _way_back(orphan, gateway)
    if kind is None:
        return None
    with lifecycle.hold(orphan.payment_id, durable=True) as payment:
        if not _may_try(list(orphan.follow_ups.all())):
            return None
        begun = operations.begin_aside(
            payment, orphan, kind, gateway, orphan.money, reason="paid twice"
        )
    try:
        carry_out(gateway, begun, _order(begun, orphan))
    except DomainError as error:
        log.warning("orphan_not_returned", operation_id=str(orphan.id), error=error.detail)
    return begun


def _may_try(tried: list[GatewayOperation]) -> bool:
    """After what never left, at widening distances; after a no it is a person's turn."""
    if any(each.outcome != Outcome.NOT_SENT for each in tried):
        return False
    delays = settings.RECOVERY_CHECK_DELAYS
    waits = delays[min(len(tried), len(delays)) - 1]
    return not tried or timezone.now() >= tried[-1].started_at + waits


def _way_back(orphan: GatewayOperation, gateway: Gateway) -> OperationKind | None:
    reserved = orphan.kind == OperationKind.AUTHORIZE
    kind = OperationKind.VOID if reserved else OperationKind.REFUND
    return kind if Capability(kind) in gateway.capabilities else None


def _order(begun: GatewayOperation, orphan: GatewayOperation) -> FollowUp:
    if begun.kind == OperationKind.VOID:
        return Void(begun.key, begun.money, handle_of(orphan))
    return Refund(begun.key, begun.money, handle_of(orphan), reason="duplicate")
