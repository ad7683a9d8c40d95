"""Which of our operations a reconciliation is about."""

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from payments.models import GatewayOperation
from payments.statuses import OPEN_OUTCOMES, OperationKind, Outcome

OPEN = Q(outcome__isnull=True) | Q(outcome__in=sorted(OPEN_OUTCOMES))
_ENDED_UNPAID = Q(
    Q(outcome=Outcome.DECLINED) | Q(outcome=Outcome.NOT_SENT, may_have_left=True),
    kind__in=[OperationKind.CHARGE, OperationKind.AUTHORIZE],
)


def begun_by_us(
    provider: str, since: datetime, until: datetime, *, has_list: bool
) -> QuerySet[GatewayOperation]:
    """What may have moved money in this time; what is being sent right now is left alone.

    That a page which we had ended was paid after all is told by a list; without one we ask.
    """
    moved = OPEN | Q(outcome=Outcome.SUCCEEDED)
    ours = GatewayOperation.objects.filter(
        Q(outcome__isnull=False) | Q(deadline_at__lte=timezone.now()),
        moved if has_list else moved | _ENDED_UNPAID,
        provider=provider,
        started_at__gte=since,
        started_at__lt=until,
    )
    return ours.select_related("payment", "parent").order_by("started_at")
