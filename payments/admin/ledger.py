"""The ledger: where money is by provider and currency, the latest postings, and a payment's own."""

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display

from payments.admin.base import ReadOnlyAdmin, ReadOnlyInline, page
from payments.admin.labels import major
from payments.models import Account, ApiKey, Posting
from payments.services.balances import Balances, balances_of

_LATEST = 20
_WIDTH = 1000
# Where captured money is, in the order of the bar.
_PARTS = {
    Account.PROVIDER: "owed",
    Account.REFUNDS: "refunded",
    Account.DISPUTES: "charged back",
    Account.FEES: "fees",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the bar, and what it stands for."""

    account: str
    title: str
    amount: str
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one provider holds in one currency, as a card draws it."""

    balances: Balances
    merchants: list[tuple[str, str]]

    @property
    def owed(self) -> str:
        """What the provider owes; below zero it is owed to the provider."""
        return self._written(self.balances.amounts[Account.PROVIDER])

    @property
    def captured(self) -> str:
        """All that was ever taken."""
        return self._written(self.balances.captured)

    @property
    def reserved(self) -> str:
        """What payers' banks keep for us."""
        return self._written(self.balances.amounts[Account.RESERVED])

    @property
    def parts(self) -> list[Part]:
        """The captured money, piece by piece; what is below zero has no width."""
        found, start, whole = [], 0, max(self.balances.captured, 1)
        for account, title in _PARTS.items():
            amount = self.balances.amounts[account]
            width = min(max(amount, 0) * _WIDTH // whole, _WIDTH - start)
            found.append(Part(account.value, title, self._written(amount), start, width))
            start += width
        return found

    def _written(self, amount: int) -> str:
        return major(amount, self.balances.currency)


def _sheets() -> list[Sheet]:
    """A card for each provider and currency."""
    each = balances_of(Posting.objects.all(), by_merchant=True)
    names = _names_of({one.owner_id for one in each if one.owner_id})
    merchants = {
        key: [(names.get(one.owner_id, "no merchant"), _owed(one)) for one in group]
        for key, group in groupby(each, key=attrgetter("provider", "currency"))
    }
    totals = balances_of(Posting.objects.all())
    return [Sheet(one, merchants[one.provider, one.currency]) for one in totals]


def _owed(balances: Balances) -> str:
    return major(balances.amounts[Account.PROVIDER], balances.currency)


def _names_of(owners: set[UUID]) -> dict[UUID | None, str]:
    """A merchant goes by the name of their newest key."""
    keys = ApiKey.objects.filter(owner_id__in=owners).order_by("created_at")
    return {key.owner_id: key.name for key in keys}


class PostingInline(ReadOnlyInline):
    """A payment's postings."""

    model = Posting
    verbose_name_plural = "ledger"
    fields = readonly_fields = ("kind", "moved", "from_account", "to_account", "posted_at")

    @display(description="amount")
    def moved(self, posting: Posting) -> str:
        return str(posting.money)


@admin.register(Posting)
class PostingAdmin(ReadOnlyAdmin):
    """Balances in place of a list: postings are read on their payments."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        latest = Posting.objects.select_related("payment").order_by("-id")[:_LATEST]
        facts = {"title": "Ledger", "sheets": _sheets(), "latest": latest}
        return page(self, request, "admin/ledger.html", facts)
