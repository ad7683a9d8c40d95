"""Contracts: what they owe, who earns by them, what fell due, and what was paid."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from payments.admin.base import ReadOnlyAdmin, ReadOnlyInline, ReasonForm, deed
from payments.admin.labels import label, link_to_payment, major
from payments.models import ApiKey, Contract, Earning, Employee, Invoice
from payments.money import Money
from payments.projections.contracts import balance_of
from payments.services import contracts

_COLOURS = {"open": "warning", "kept": "info", "paid": "success"}


class EmployeeInline(ReadOnlyInline):
    """Who earns by it."""

    model = Employee
    fields = readonly_fields = ("reference", "part")

    @display(description="share")
    def part(self, employee: Employee) -> str:
        return f"{employee.share / 100:.2f} %"


class InvoiceInline(ReadOnlyInline):
    """What fell due."""

    model = Invoice
    fields = readonly_fields = ("due_on", "sum", "state", "paid_by", "paid_at")

    @display(description="amount")
    def sum(self, invoice: Invoice) -> str:
        return major(invoice.amount, invoice.currency)

    @display(description="state")
    def state(self, invoice: Invoice) -> str:
        """Kept is what a payment is about to pay."""
        kept = "kept" if invoice.payment_id else "open"
        return label("paid" if invoice.paid_at else kept, _COLOURS)

    @display(description="payment")
    def paid_by(self, invoice: Invoice) -> str:
        return link_to_payment(invoice.payment_id, "payment") if invoice.payment_id else "-"


class EarningInline(ReadOnlyInline):
    """What was earned by it."""

    model = Earning
    fields = readonly_fields = ("employee", "sum", "paid_by", "earned_at")

    @display(description="amount")
    def sum(self, earning: Earning) -> str:
        return major(earning.amount, earning.currency)

    @display(description="payment")
    def paid_by(self, earning: Earning) -> str:
        return link_to_payment(earning.payment_id, "payment")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("employee")


class ContractForm(ReasonForm):
    """A new contract, as the API would write it down."""

    field_order = ("key", "reference", "client", "amount", "currency", "schedule", "starts_on")
    key = forms.ModelChoiceField(
        ApiKey.objects.all(), widget=UnfoldAdminSelectWidget(), label="API key it belongs to"
    )
    reference = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget())
    client = forms.CharField(max_length=100, required=False, widget=UnfoldAdminTextInputWidget())
    amount = forms.CharField(
        max_length=20, widget=UnfoldAdminTextInputWidget(), help_text="Such as 125.50"
    )
    currency = forms.CharField(max_length=3, widget=UnfoldAdminTextInputWidget())
    schedule = forms.ChoiceField(
        choices=Contract.Schedule.choices, widget=UnfoldAdminSelectWidget()
    )
    starts_on = forms.DateField(widget=UnfoldAdminSingleDateWidget())
    employees = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="One a line, with a share in hundredths of a per cent: emp-7 2500",
    )

    def clean_employees(self) -> list[tuple[str, int]]:
        lines = [line.split() for line in self.cleaned_data["employees"].splitlines() if line]
        if any(len(line) != 2 or not line[1].isdecimal() for line in lines):
            raise forms.ValidationError("Write one a line, like: emp-7 2500")
        return [(name, int(share)) for name, share in lines]


@admin.register(Contract)
class ContractAdmin(ReadOnlyAdmin):
    """Written down once; what befalls it are events."""

    keeps_log = True
    actions_list = ["write_down"]
    list_display = ("reference", "client", "sum", "owed", "schedule", "next_due_on", "created_at")
    list_select_related = ("balance",)
    list_filter = (("schedule", ChoicesDropdownFilter),)
    search_fields = ("reference",)
    inlines = (EmployeeInline, InvoiceInline, EarningInline)
    readonly_fields = ("sum", "owed")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("reference", "client"),
                    ("sum", "owed"),
                    ("schedule", "starts_on"),
                    ("next_due_on", "created_at"),
                )
            },
        ),
    )

    @display(description="amount")
    def sum(self, contract: Contract) -> str:
        return str(contract.money)

    @display(description="due and not paid")
    def owed(self, contract: Contract) -> str:
        return str(balance_of(contract).money)

    @deed("New contract", "Payments pay it by naming its reference.", "add", ContractForm)
    def write_down(self, request: HttpRequest, _: None, form: ContractForm) -> None:
        told = form.cleaned_data
        made = contracts.create_contract(
            owner_id=told["key"].owner_id,
            reference=told["reference"],
            money=Money.parse(told["amount"], told["currency"].upper()),
            starts_on=told["starts_on"],
            schedule=told["schedule"],
            client=told["client"],
            employees=told["employees"],
        )
        self.log_change(request, made, f"Written down: {told['reason']}")
        messages.success(request, f"Payments that name {made.reference!r} pay it.")
