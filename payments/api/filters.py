"""The filters and the pages of the list of payments."""

from typing import Any

import django_filters
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError
from django.db.models import QuerySet
from django_filters.constants import EMPTY_VALUES
from rest_framework.exceptions import ErrorDetail, NotFound, ValidationError
from rest_framework.pagination import CursorPagination

from payments.errors import DomainError
from payments.models import Payment
from payments.models.subject import customer_digest
from payments.money import Money
from payments.statuses import PaymentStatus


class PaymentFilter(django_filters.FilterSet):
    """Every filter of the list; a value that makes no sense is a 400."""

    status = django_filters.MultipleChoiceFilter(
        choices=[(status.value, status.value) for status in PaymentStatus], method="in_status"
    )
    provider = django_filters.CharFilter()
    currency = django_filters.CharFilter()
    reference = django_filters.CharFilter()
    contract = django_filters.CharFilter()
    customer = django_filters.CharFilter(method="of_customer")
    created_after = django_filters.IsoDateTimeFilter("created_at", "gte")
    created_before = django_filters.IsoDateTimeFilter("created_at", "lt")
    min_amount = django_filters.CharFilter(method="by_amount")
    max_amount = django_filters.CharFilter(method="by_amount")

    class Meta:
        model = Payment
        fields: list[str] = []

    def in_status(self, payments: QuerySet[Payment], _: str, value: list[str]) -> QuerySet[Payment]:
        return payments.filter(status__in=value) if value else payments

    def of_customer(self, payments: QuerySet[Payment], _: str, value: str) -> QuerySet[Payment]:
        return payments.filter(customer_digest=customer_digest(value))

    def by_amount(self, payments: QuerySet[Payment], name: str, value: str) -> QuerySet[Payment]:
        """Amounts are in major units, so they mean something only beside a currency."""
        currency = self.data.get("currency")
        if currency in EMPTY_VALUES:
            raise _refused(name, "required", "Name the currency too: an amount alone is no money.")
        try:
            minor = Money.parse(value, str(currency)).amount
        except DomainError as error:
            raise _refused(name, error.code, error.detail) from None
        bound = "amount__gte" if name == "min_amount" else "amount__lte"
        return payments.filter(**{bound: minor})


class BalancesFilter(django_filters.FilterSet):
    """The accounts of one provider, or in one currency."""

    provider = django_filters.CharFilter()
    currency = django_filters.CharFilter()


def _refused(name: str, code: str, detail: str) -> ValidationError:
    return ValidationError({name: [ErrorDetail(detail, code)]})


class Pages(CursorPagination):
    """A list by cursor: nobody counts it, and what is written meanwhile shifts nothing."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"

    def paginate_queryset(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().paginate_queryset(*args, **kwargs)
        except (DjangoValidationError, DataError, ValueError, OverflowError):
            # Its position is no value of the column: somebody made it by hand.
            raise NotFound(self.invalid_cursor_message) from None


class PaymentPages(Pages):
    """Newest first; the id decides between payments of one instant."""

    ordering: Any = ("-created_at", "-id")


class RefundPages(Pages):
    """Refunds, newest first."""

    ordering: Any = ("-created_at", "-id")


class EventPages(Pages):
    """A history, in its own order."""

    page_size = 100
    ordering: Any = ("sequence",)


class AttemptPages(Pages):
    """Attempts, in the order in which they were made."""

    page_size = 100
    ordering: Any = ("started_at", "id")


class PostingPages(Pages):
    """Postings, in the order in which they were made."""

    page_size = 100
    ordering: Any = ("id",)
