"""Filters that cost no query to draw: their choices are known beforehand."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.utils import parse_date_str

from payments.events.signal import all_signals
from payments.gateways.registry import configured
from payments.models import GatewayOperation, Payment

# A sweep takes what is due within seconds; what is late by this much, nobody sweeps.
_SWEPT_BY_NOW = timedelta(minutes=5)


class ProviderFilter(SimpleListFilter):
    """By provider; those connected here."""

    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in configured()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


class EventTypeFilter(SimpleListFilter):
    """By the event's name."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = sorted({signal.name for signal in all_signals().values()})
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(type=self.value()) if self.value() else queryset


class ChecksFilter(SimpleListFilter):
    """Payments about which nobody asks, though it is time."""

    title = "checks"
    parameter_name = "checks"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("overdue", "overdue")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return overdue(queryset) if self.value() == "overdue" else queryset


def overdue(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """Those of which the provider should have been asked by now."""
    late = GatewayOperation.objects.filter(next_check_at__lt=timezone.now() - _SWEPT_BY_NOW)
    return payments.filter(pk__in=late.values("payment_id"))


class ResolvedFilter(SimpleListFilter):
    """Open, or dealt with."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "open"), ("resolved", "resolved")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(resolved_at__isnull=self.value() == "open")


class DaysFilter(RangeDateFilter):
    """Whole days in UTC, the last one included; the library's own would end at its first moment."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        start, end = self._moment("from", time.min), self._moment("to", time.max)
        if start:
            queryset = queryset.filter(**{f"{self.field_path}__gte": start})
        return queryset.filter(**{f"{self.field_path}__lte": end}) if end else queryset

    def _moment(self, name: str, at: time) -> datetime | None:
        day = parse_date_str(self.used_parameters.get(f"{self.field_path}_{name}"))
        return datetime.combine(day, at, UTC) if day else None


def as_uuid(term: str) -> UUID | None:
    """The id that somebody searches for, if it is one."""
    try:
        return UUID(term)
    except ValueError:
        return None
