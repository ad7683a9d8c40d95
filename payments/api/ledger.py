"""The ledger, to be read: one payment's postings, and what is on the accounts."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from payments.api.filters import BalancesFilter, PostingPages
from payments.api.freshness import may_lag
from payments.api.permissions import visible_postings
from payments.api.serializers import AmountField
from payments.api.views import PaymentsApi
from payments.models import Account, Posting
from payments.services.balances import Balances, balances_of

BALANCE = {"type": "string", "pattern": r"^-?\d{1,18}(\.\d{1,6})?$", "example": "-125.50"}
_ACCOUNTS = {
    "type": "object",
    "properties": {account.value: BALANCE for account in Account},
    "required": [account.value for account in Account],
}


class PostingSerializer(serializers.ModelSerializer[Posting]):
    """One move of money from one account to another, and which attempt's outcome it is of."""

    amount = AmountField(source="money.major")

    class Meta:
        model = Posting
        fields = [
            "kind", "from_account", "to_account", "amount", "currency", "provider", "operation",
            "posted_at",
        ]  # fmt: skip


class BalancesSerializer(serializers.Serializer[Any]):
    """Every account of one merchant at one provider in one currency; together they are zero."""

    provider = serializers.CharField()
    currency = serializers.CharField()
    merchant = serializers.UUIDField(source="owner_id", allow_null=True)
    accounts = serializers.SerializerMethodField()

    @extend_schema_field(_ACCOUNTS)
    def get_accounts(self, balances: Balances) -> dict[str, str]:
        return balances.accounts


class PostingsView(PaymentsApi):
    """`GET /{id}/ledger`."""

    pagination_class: Any = PostingPages
    serializer_class = PostingSerializer

    @extend_schema(responses=PostingSerializer(many=True))
    def list(self, request: Request, payment_id: UUID) -> Response:
        """What was posted for the payment, oldest first."""
        payment = self.payment(payment_id)
        return self.page_of(Posting.objects.filter(payment=payment), PostingSerializer)


class BalancesView(PaymentsApi):
    """`GET /ledger/balances`."""

    serializer_class = BalancesSerializer
    filter_backends = [DjangoFilterBackend]
    filterset_class = BalancesFilter

    def get_queryset(self) -> QuerySet[Any]:
        return visible_postings(self.request)

    @extend_schema(
        responses=inline_serializer("AllBalances", {"results": BalancesSerializer(many=True)}),
        filters=True,
    )
    @may_lag
    def read(self, request: Request) -> Response:
        """What is on the accounts now: the caller's own; for an operator every merchant's."""
        postings: Any = self.filter_queryset(self.get_queryset())
        found = balances_of(postings, by_merchant=True)
        return Response({"results": BalancesSerializer(found, many=True).data})
