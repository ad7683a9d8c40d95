"""`GET /customers/{customer}/history`: what one of the merchant's customers paid so far."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from payments.api import permissions
from payments.api.freshness import only_reads
from payments.api.statistics import CurrencySerializer, by_currency
from payments.api.views import PaymentsApi
from payments.models import ApiKey
from payments.money import Money
from payments.projections import customers
from payments.projections.customers import History
from payments.projections.statistics import customer as customer_named
from payments.remembered import recall


class CustomerCurrencySerializer(CurrencySerializer):
    """One currency of theirs; the total is what was captured, refunded or not."""

    refunded_amount = serializers.CharField()


class CustomerHistorySerializer(serializers.Serializer[Any]):
    """Counted as events come: `as_of` says up to when everything is in it."""

    customer = serializers.CharField()
    first_payment_on = serializers.DateField(allow_null=True)
    last_payment_on = serializers.DateField(allow_null=True)
    by_currency = CustomerCurrencySerializer(many=True)
    as_of = serializers.DateTimeField()


class CustomersView(PaymentsApi):
    """`GET /customers/{customer}/history`."""

    serializer_class = CustomerHistorySerializer

    @extend_schema(responses=CustomerHistorySerializer)
    @only_reads
    def history(self, request: Request, customer: str) -> Response:
        """How much a customer paid, named by your own id for them, as payments name them."""
        subjects = self._subjects(customer)
        if not subjects:
            raise Http404(f"There is no customer {customer}, or they were forgotten.")
        return Response({"customer": customer} | tell(subjects))

    def _subjects(self, customer: str) -> list[str]:
        if permissions.is_operator(self.request):
            return customers.keys_of(customer, None)
        key = self.request.auth
        return customers.keys_of(customer, key.owner_id) if isinstance(key, ApiKey) else []


def tell(subjects: list[str]) -> dict[str, Any]:
    """The answer, worked out or remembered; where several merchants know them, worked out."""
    if len(subjects) > 1:
        return _told(customers.read(subjects))
    return recall(
        "history", customer_named(subjects[0]), "", lambda: _told(customers.read(subjects))
    )


def _told(found: History) -> dict[str, Any]:
    return {
        "first_payment_on": found.first_on,
        "last_payment_on": found.last_on,
        "by_currency": [
            each
            | {"refunded_amount": Money(found.refunded[each["currency"]], each["currency"]).major}
            for each in by_currency(found.by_currency)
        ],
        "as_of": found.as_of,
    }
