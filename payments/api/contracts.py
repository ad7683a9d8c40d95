"""`/contracts`: what payments are for. A payment names a contract by its reference."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from payments.api import permissions
from payments.api.filters import Pages
from payments.api.freshness import may_lag
from payments.api.idempotency import idempotent
from payments.api.ledger import BALANCE
from payments.api.serializers import AmountField
from payments.api.views import PaymentsApi
from payments.errors import ContractRefused
from payments.models import ApiKey, Contract, Earning, Employee
from payments.money import Money
from payments.projections.contracts import balance_of
from payments.projections.progress import as_of
from payments.services import contracts as service


class ContractPages(Pages):
    """Newest first."""

    ordering: Any = ("-created_at", "-id")


class EarningPages(Pages):
    """Newest first."""

    ordering: Any = ("-earned_at", "-id")


class EmployeeSerializer(serializers.ModelSerializer[Employee]):
    """Who earns by a contract; `share` in hundredths of a per cent, 2500 is a quarter."""

    class Meta:
        model = Employee
        fields = ("reference", "share")


class ContractSerializer(serializers.Serializer[Any]):
    """What a client owes, and when. References are yours; name no person by them."""

    id = serializers.UUIDField(read_only=True)
    reference = serializers.CharField(max_length=100)
    client = serializers.CharField(max_length=100, required=False, allow_blank=True)
    amount = AmountField(source="money.major")
    currency = serializers.CharField(max_length=3)
    schedule = serializers.ChoiceField(Contract.Schedule.choices, required=False)
    starts_on = serializers.DateField()
    next_due_on = serializers.DateField(read_only=True, allow_null=True)
    employees = EmployeeSerializer(many=True, required=False)
    balance = serializers.SerializerMethodField()

    @extend_schema_field(BALANCE)
    def get_balance(self, contract: Contract) -> str:
        """What has fallen due and is not paid; below zero where more was paid."""
        return balance_of(contract).money.major

    def wishes(self) -> dict[str, Any]:
        """Keyword arguments of `create_contract`. Raises InvalidAmount, UnsupportedCurrency."""
        told = dict(self.validated_data)
        money = Money.parse(told.pop("money")["major"], told.pop("currency"))
        named = [(each["reference"], each["share"]) for each in told.pop("employees", [])]
        return told | {"money": money, "employees": named}


class EarningSerializer(serializers.ModelSerializer[Earning]):
    """What one employee earned by one payment."""

    employee = serializers.CharField(source="employee.reference")
    payment = serializers.UUIDField(source="payment_id")
    amount = serializers.SerializerMethodField()

    class Meta:
        model = Earning
        fields = ("employee", "payment", "amount", "currency", "earned_at")

    def get_amount(self, earning: Earning) -> str:
        return Money(earning.amount, earning.currency).major


class BalanceSerializer(serializers.Serializer[Any]):
    """Added up as events come: `as_of` says up to when everything is in it."""

    contract = serializers.UUIDField()
    currency = serializers.CharField()
    due = serializers.CharField(help_text="All that has fallen due.")
    paid = serializers.CharField(help_text="All that was paid, on time, ahead or apart.")
    balance = serializers.CharField(help_text="What is due and not paid; it may be below zero.")
    as_of = serializers.DateTimeField()


class ContractsView(PaymentsApi):
    """`POST` and `GET /contracts`, `GET /contracts/{id}` and what was earned by it."""

    pagination_class: Any = ContractPages
    serializer_class: Any = ContractSerializer

    def scope_of(self, request: Request) -> str | None:
        return "payments:write" if request.method == "POST" else "payments:read"

    def visible(self) -> QuerySet[Contract]:
        """One's own contracts, or all for an operator."""
        contracts = Contract.objects.select_related("balance").prefetch_related("employees")
        if permissions.is_operator(self.request):
            return contracts
        key = self.request.auth
        return (
            contracts.filter(owner_id=key.owner_id) if isinstance(key, ApiKey) else contracts.none()
        )

    @extend_schema(request=ContractSerializer, responses={201: ContractSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Write a contract down."""
        body = ContractSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if not isinstance(request.auth, ApiKey):
            raise ContractRefused("A contract belongs to an API key: create it with one.")
        made = service.create_contract(owner_id=request.auth.owner_id, **body.wishes())
        return Response(ContractSerializer(made).data, status=201)

    @extend_schema(responses=ContractSerializer(many=True))
    @may_lag
    def list(self, request: Request) -> Response:
        """The contracts, newest first."""
        return self.page_of(self.visible(), ContractSerializer)

    @extend_schema(responses=ContractSerializer)
    def retrieve(self, request: Request, contract_id: Any) -> Response:
        """One contract with its employees."""
        return Response(ContractSerializer(self._contract(contract_id)).data)

    def _contract(self, contract_id: Any) -> Contract:
        found = self.visible().filter(pk=contract_id).first()
        if found is None:
            raise Http404(f"There is no contract {contract_id}.")
        return found


class EarningsView(ContractsView):
    """`GET /contracts/{id}/earnings`."""

    pagination_class: Any = EarningPages
    serializer_class = EarningSerializer

    @extend_schema(responses=EarningSerializer(many=True))
    @may_lag
    def earnings(self, request: Request, contract_id: Any) -> Response:
        """What employees earned by this contract, newest first."""
        earned = Earning.objects.filter(contract=self._contract(contract_id))
        return self.page_of(earned.select_related("employee"), EarningSerializer)


class BalanceView(ContractsView):
    """`GET /contracts/{id}/balance`."""

    serializer_class = BalanceSerializer

    @extend_schema(responses=BalanceSerializer)
    def balance(self, request: Request, contract_id: Any) -> Response:
        """What has fallen due of a contract, what was paid, and up to when both are known."""
        known_at = as_of("keep_contract_balances")
        contract = self._contract(contract_id)
        sums = balance_of(contract)
        told = {
            "contract": contract.pk,
            "currency": contract.currency,
            "due": Money(sums.due, contract.currency).major,
            "paid": Money(sums.paid, contract.currency).major,
            "balance": sums.money.major,
            "as_of": known_at,
        }
        return Response(BalanceSerializer(told).data)
