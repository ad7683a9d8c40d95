"""What a customer paid so far: read from what statistics keep of each of their payments."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q, Sum

from payments.models import PaymentStanding, SubjectKey
from payments.models.subject import customer_digest
from payments.projections.figures import Tally
from payments.projections.progress import as_of

Standing = PaymentStanding.Standing


@dataclass(slots=True)
class History:
    """A customer's payments, each currency apart; days are those of creation, in UTC.

    `refunded` is minor units of the currency.
    """

    as_of: datetime
    first_on: date | None = None
    last_on: date | None = None
    by_currency: dict[str, Tally] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)


def keys_of(customer: str, owner: UUID | None) -> list[str]:
    """Under which keys a customer's payments are kept; none once they were forgotten.

    `customer` is the merchant's own id for them; `owner` None means every merchant's.
    """
    keys = SubjectKey.objects.filter(customer_digest=customer_digest(customer))
    if owner:
        keys = keys.filter(owner_id=owner)
    return [str(pk) for pk in keys.order_by("pk").values_list("pk", flat=True)]


def read(subjects: Collection[str]) -> History:
    """Add their payments up."""
    found = History(as_of("keep_statistics"))
    payments = PaymentStanding.objects.filter(subject__in=subjects).exclude(subject="")
    counts = {each.value: Count("pk", filter=Q(standing=each)) for each in Standing}
    sums: Any = (
        payments.order_by()
        .values("currency")
        .annotate(
            **counts,
            captured=Sum("amount"),
            given_back=Sum("refunded"),
            first_on=Min("day"),
            last_on=Max("day"),
        )
    )
    for each in sorted(sums, key=lambda row: row["currency"]):
        currency = each["currency"]
        standings = {name.value: each[name.value] for name in Standing}
        found.by_currency[currency] = Tally(**standings, amount=each["captured"])
        found.refunded[currency] = each["given_back"]
        found.first_on = min(found.first_on or each["first_on"], each["first_on"])
        found.last_on = max(found.last_on or each["last_on"], each["last_on"])
    return found
