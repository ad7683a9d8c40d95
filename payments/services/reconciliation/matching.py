"""Which operation of ours a listed thing is about: by our key, else by the provider's own names."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from payments.gateways.messages import GatewayEvent
from payments.models import GatewayName, GatewayOperation
from payments.statuses import OperationKind

FOLLOW_UPS = (OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)
_MONEY = (OperationKind.CHARGE, OperationKind.CAPTURE)


class Known:
    """What we know of a page of events, read in two queries however long it is."""

    def __init__(self, provider: str, events: Sequence[GatewayEvent]) -> None:
        keys = {key for event in events if (key := _uuid(event.key))}
        ours = GatewayOperation.objects.filter(provider=provider).select_related("payment")
        self._by_key = ours.in_bulk(list(keys))
        named = GatewayName.objects.filter(provider=provider, name__in=_names(events))
        self._by_name: dict[str, list[GatewayOperation]] = defaultdict(list)
        for row in named.select_related("operation__payment").order_by("operation__started_at"):
            self._by_name[row.name].append(row.operation)

    def about(self, event: GatewayEvent) -> GatewayOperation | None:
        """The operation itself; None where it is none of ours, though its charge may be."""
        keyed = self._keyed(event)
        if keyed and _fits(keyed, event):
            return keyed
        named = self._by_name[event.id]
        return next((each for each in named if _fits(each, event)), None)

    def charge_of(self, event: GatewayEvent) -> GatewayOperation | None:
        """What a capture, void or refund that is none of ours was made of."""
        keyed = self._keyed(event)
        parent = event.result.parent_reference if event.result else ""
        named = [each for name in (parent, *event.references) for each in self._by_name[name]]
        found = ([keyed] if keyed else []) + named
        return next((each for each in found if not each.is_follow_up()), None)

    def _keyed(self, event: GatewayEvent) -> GatewayOperation | None:
        key = _uuid(event.key)
        return self._by_key.get(key) if key else None


def kind_of(event: GatewayEvent, operation: GatewayOperation | None) -> OperationKind:
    """What was done. Money that came in under a reservation's key is a capture of it."""
    told = event.result.kind if event.result else None
    if told is None and operation and operation.kind == OperationKind.AUTHORIZE:
        return OperationKind.CAPTURE
    return told or OperationKind.CHARGE


def _fits(operation: GatewayOperation, event: GatewayEvent) -> bool:
    told = event.result.kind if event.result else None
    if told is None:
        return operation.kind in _MONEY
    if told in FOLLOW_UPS:
        return operation.kind == told
    return not operation.is_follow_up()


def _names(events: Iterable[GatewayEvent]) -> set[str]:
    names = {name for event in events for name in (event.id, *event.references)}
    return (names | {event.result.parent_reference for event in events if event.result}) - {""}


def _uuid(key: str) -> UUID | None:
    try:
        return UUID(hex=key)
    except ValueError:
        return None
