"""Payments: the list, and one payment with its timeline, attempts and discrepancies."""

from typing import Any

from cryptography.exceptions import InvalidTag
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter, FieldTextFilter
from unfold.decorators import display

from payments.admin.base import ReadOnlyAdmin, ReadOnlyInline, ReasonForm, actor_of, deed
from payments.admin.filters import ChecksFilter, DaysFilter, ProviderFilter, as_uuid
from payments.admin.labels import (
    OUTCOME_COLOURS,
    STATUS_COLOURS,
    as_json,
    as_lines,
    label,
    major,
)
from payments.admin.ledger import PostingInline
from payments.admin.refunds import DisputeInline, RefundInline
from payments.admin.settlement import DiscrepancyInline
from payments.admin.timeline import timeline_of
from payments.crypto.keyring import CannotOpen
from payments.gateways.registry import configured
from payments.models import GatewayOperation, Payment
from payments.projections import customers
from payments.services import operators


class AttemptInline(ReadOnlyInline):
    """Every operation at every provider."""

    model = GatewayOperation
    verbose_name_plural = "attempts"
    fields = readonly_fields = (
        "kind",
        "provider",
        "coloured_outcome",
        "gateway_reference",
        "reason",
        "duration",
        "started_at",
        "next_check_at",
    )

    @display(description="outcome")
    def coloured_outcome(self, operation: GatewayOperation) -> str:
        return label(operation.outcome or "no answer yet", OUTCOME_COLOURS)

    @display(description="reason")
    def reason(self, operation: GatewayOperation) -> str:
        failure = operation.failure_message or operation.failure_code
        orphan = "a second charge" if operation.is_orphan else ""
        return " · ".join(filter(None, [operation.routing_reason, failure, orphan]))

    @display(description="took")
    def duration(self, operation: GatewayOperation) -> str:
        if operation.answered_at is None:
            return "-"
        return f"{(operation.answered_at - operation.started_at).total_seconds():.2f} s"


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """What is owed, and where the customer's money is."""

    list_display = ("name", "amount_due", "coloured_status", "provider", "created_at")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ProviderFilter,
        ChecksFilter,
        ("currency", FieldTextFilter),
        ("created_at", DaysFilter),
    )
    search_fields = ("reference",)
    search_help_text = "The exact id, reference, or provider's reference"
    inlines = [AttemptInline, PostingInline, RefundInline, DisputeInline, DiscrepancyInline]
    actions_detail = ["ask_the_provider_now"]
    readonly_fields = (
        "amount_due",
        "shown_status",
        "captured",
        "refunded",
        "payer",
        "payer_so_far",
        "failure",
        "more",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("shown_status", "amount_due"),
                    ("captured", "refunded"),
                    ("reference", "id"),
                    ("provider", "payment_method"),
                    ("created_at", "completed_at"),
                    ("failure", "contract"),
                    "description",
                    "payer",
                    "payer_so_far",
                )
            },
        ),
        (
            "More",
            {
                "classes": ["collapse"],
                "fields": ("capture", "version", "owner_id", "return_url", "callback_url", "more"),
            },
        ),
    )

    @display(description="reference", ordering="reference")
    def name(self, payment: Payment) -> str:
        return payment.reference or str(payment.id)

    @display(description="amount", ordering="amount")
    def amount_due(self, payment: Payment) -> str:
        return str(payment.money)

    @display(description="status", ordering="status", label=STATUS_COLOURS)
    def coloured_status(self, payment: Payment) -> str:
        return payment.status

    @display(description="status")
    def shown_status(self, payment: Payment) -> str:
        return label(payment.status, STATUS_COLOURS)

    @display(description="captured")
    def captured(self, payment: Payment) -> str:
        return major(payment.amount_captured, payment.currency)

    @display(description="refunded")
    def refunded(self, payment: Payment) -> str:
        return major(payment.amount_refunded, payment.currency)

    @display(description="customer")
    def payer(self, payment: Payment) -> str:
        try:
            return as_lines(payment.customer) or "-"
        except (CannotOpen, InvalidTag):
            return "Sealed under a key that is not in the key ring"

    @display(description="customer so far")
    def payer_so_far(self, payment: Payment) -> str:
        if payment.subject_id is None:
            return "-"
        found = customers.read([str(payment.subject_id)])
        return (
            as_lines(
                {
                    currency: f"{tally.successful} of {tally.total} paid, "
                    f"{major(tally.amount, currency)}, "
                    f"{major(found.refunded[currency], currency)} given back"
                    for currency, tally in found.by_currency.items()
                }
            )
            or "-"
        )

    @display(description="failure")
    def failure(self, payment: Payment) -> str:
        return payment.failure_message or payment.failure_code or "-"

    @display(description="metadata")
    def more(self, payment: Payment) -> str:
        return as_json(payment.metadata)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        return super().get_queryset(request).select_related("subject", "current_operation")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payment], search_term: str
    ) -> tuple[QuerySet[Payment], bool]:
        term = search_term.strip()
        return (queryset.filter(_named(term)) if term else queryset), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        payment = self.get_object(request, object_id)
        facts = {"timeline": timeline_of(payment) if payment else []}
        page: HttpResponse = super().change_view(
            request, object_id, form_url, facts | (extra_context or {})
        )
        return page

    @deed(
        "Ask the provider now",
        "Looks the current attempt up at its provider and applies the answer, as the regular"
        " checks do. It charges nobody.",
        "contact_support",
    )
    def ask_the_provider_now(
        self, request: HttpRequest, payment: Payment, form: ReasonForm
    ) -> None:
        outcome = operators.ask_provider(
            payment_id=payment.id, actor=actor_of(request), reason=form.cleaned_data["reason"]
        )
        if outcome is None:
            messages.warning(request, "The provider gave no answer; nothing changed.")
        else:
            messages.success(request, f"The provider answered: {outcome.replace('_', ' ')}.")


def _named(term: str) -> Q:
    """Exact names only: each is answered from an index, however many payments there are."""
    attempts = GatewayOperation.objects.filter(provider__in=configured(), gateway_reference=term)
    named = Q(reference=term) | Q(pk__in=attempts.values("payment_id"))
    if some_id := as_uuid(term):
        operations = GatewayOperation.objects.filter(pk=some_id)
        named |= Q(pk=some_id) | Q(pk__in=operations.values("payment_id"))
    return named
