"""The operators' first page: what waits for a person, and what happened last."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from payments.admin.breaker_cards import Card, card_of
from payments.admin.filters import overdue
from payments.models import Delivery, Discrepancy, Payment, SagaRun
from payments.services import breakers
from webhooks.models import PaymentWebhookEvent

_COUNTED_AT_MOST = 1000
_LATEST = 10


def figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows to who may see it."""
    shown: dict[str, Any] = {"title": "Today"}
    if request.user.has_perm("payments.view_payment"):
        shown |= {"concerns": [_shown(each) for each in concerns()], "latest": _latest()}
    if request.user.has_perm("payments.view_breakercontrol"):
        shown |= {"troubled": _troubled()}
    return context | shown


def _troubled() -> list[Card]:
    """The breakers that are not closed, or do not decide for themselves."""
    cards = (card_of(each, {}) for each in breakers.all_breakers())
    return [card for card in cards if card.trouble]


@dataclass(frozen=True, slots=True)
class Concern:
    """What waits for a person: `rows` of it, and the page of the console that lists them."""

    name: str
    meaning: str
    rows: QuerySet[Any]
    model: str
    query: str

    def count(self) -> int:
        """How many, up to a thousand: nobody is helped by counting on."""
        return self.rows.order_by()[:_COUNTED_AT_MOST].count()


def concerns() -> list[Concern]:
    """Everything that waits for a person."""
    events = PaymentWebhookEvent.objects
    return [
        Concern(
            "Open discrepancies",
            "A provider told what our records forbid",
            Discrepancy.objects.filter(resolved_at__isnull=True),
            "payments_discrepancy",
            "state=open",
        ),
        Concern(
            "Failed webhooks",
            "Could not be applied; the provider sends them again",
            events.filter(status="failed"),
            "webhooks_paymentwebhookevent",
            "status__exact=failed",
        ),
        Concern(
            "Parked webhooks",
            "Unreadable, or about nothing of ours",
            events.filter(status="parked"),
            "webhooks_paymentwebhookevent",
            "status__exact=parked",
        ),
        Concern(
            "Overdue checks",
            "Nobody asks the providers: are worker and scheduler running?",
            overdue(Payment.objects.all()),
            "payments_payment",
            "checks=overdue",
        ),
        Concern(
            "Dead deliveries",
            "A receiver could not be told of an event, however often it was tried",
            Delivery.objects.filter(status="dead"),
            "payments_delivery",
            "status__exact=dead",
        ),
        Concern(
            "Stuck sagas",
            "Nobody knows what became of a step, or it cannot be undone",
            SagaRun.objects.filter(state="stuck"),
            "payments_sagarun",
            "state__exact=stuck",
        ),
    ]


def _shown(concern: Concern) -> dict[str, Any]:
    count = concern.count()
    return {
        "title": concern.name,
        "meaning": concern.meaning,
        "count": f"{count}+" if count == _COUNTED_AT_MOST else str(count),
        "is_calm": count == 0,
        "link": f"{reverse(f'admin:{concern.model}_changelist')}?{concern.query}",
    }


def _latest() -> list[Payment]:
    return list(Payment.objects.all()[:_LATEST])
