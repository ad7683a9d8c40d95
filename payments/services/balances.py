"""What is on the accounts of the ledger: summed from its postings whenever it is read."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum

from payments.models import Account, Posting
from payments.money import Money


@dataclass(frozen=True, slots=True)
class Balances:
    """Every account of one provider and currency, in minor units; together they are zero.

    `owner_id` is the merchant, or None where all are added up (or a payment had none).
    """

    provider: str
    currency: str
    amounts: dict[Account, int]
    owner_id: UUID | None = None

    @property
    def accounts(self) -> dict[str, str]:
        """Each account's name with its balance in major units."""
        named = self.amounts.items()
        return {account.value: Money(amount, self.currency).major for account, amount in named}

    @property
    def captured(self) -> int:
        """All that was ever taken, wherever it is by now."""
        return -self.amounts[Account.PAYER] - self.amounts[Account.RESERVED]


def balances_of(postings: QuerySet[Posting], *, by_merchant: bool = False) -> list[Balances]:
    """What these postings come to, in the order of provider, currency and merchant."""
    names = ["provider", "currency", *(["owner_id"] if by_merchant else [])]
    amounts: dict[tuple[Any, ...], dict[Account, int]] = defaultdict(_nothing)
    sums = postings.order_by().values(*names, "from_account", "to_account")
    for each in sums.annotate(total=Sum("amount")):
        account = amounts[tuple(each[name] for name in names)]
        account[Account(each["from_account"])] -= each["total"]
        account[Account(each["to_account"])] += each["total"]
    found = [Balances(**dict(zip(names, k, strict=True)), amounts=v) for k, v in amounts.items()]
    return sorted(found, key=lambda each: (each.provider, each.currency, str(each.owner_id)))


def _nothing() -> dict[Account, int]:
    return dict.fromkeys(Account, 0)
