"""Refunds and disputes: what went back, and what the payer's bank contests."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from payments.admin.base import ReadOnlyAdmin, ReadOnlyInline
from payments.admin.filters import ProviderFilter
from payments.admin.labels import label, link_to, link_to_payment, major
from payments.models import Dispute, Refund

_REFUND_COLOURS = {"pending": "info", "succeeded": "success", "failed": "danger"}
_DISPUTE_COLOURS = {"open": "danger", "won": "success", "lost": "warning"}


class RefundInline(ReadOnlyInline):
    """A payment's refunds."""

    model = Refund
    fields = readonly_fields = ("amount", "state", "reason", "reference", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        return super().get_queryset(request).select_related("operation")

    @display(description="amount")
    def amount(self, refund: Refund) -> str:
        return str(refund.money)

    @display(description="state")
    def state(self, refund: Refund) -> str:
        return label(refund.status, _REFUND_COLOURS)

    @display(description="provider's reference")
    def reference(self, refund: Refund) -> str:
        return refund.operation.gateway_reference or "-"


def _state_of(dispute: Dispute) -> str:
    """What is only told, and proven by nobody, counts for nothing yet."""
    told = label(dispute.status, _DISPUTE_COLOURS)
    is_proven = dispute.proven_status == dispute.status
    return told if is_proven else format_html("{} not proven", told)


class DisputeInline(ReadOnlyInline):
    """A payment's disputes."""

    model = Dispute
    fields = readonly_fields = ("what", "contested", "state", "reason", "deadline", "closed_at")

    @display(description="dispute")
    def what(self, dispute: Dispute) -> str:
        return link_to(dispute, dispute.gateway_reference)

    @display(description="amount")
    def contested(self, dispute: Dispute) -> str:
        return major(dispute.amount, dispute.currency)

    @display(description="state")
    def state(self, dispute: Dispute) -> str:
        return _state_of(dispute)


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    """The open ones first, the nearest deadline on top."""

    list_display = ("gateway_reference", "of_payment", "contested", "state", "reason", "deadline")
    list_filter = (("status", ChoicesDropdownFilter), ProviderFilter)
    list_select_related = ("payment",)
    ordering = ("closed_at", "deadline")
    readonly_fields = ("of_payment", "contested", "state")
    fields = (
        ("gateway_reference", "provider"),
        ("of_payment", "contested"),
        ("state", "reason"),
        ("deadline", "created_at", "closed_at"),
    )

    @display(description="payment")
    def of_payment(self, dispute: Dispute) -> str:
        return link_to_payment(dispute.payment_id, str(dispute.payment))

    @display(description="amount")
    def contested(self, dispute: Dispute) -> str:
        return major(dispute.amount, dispute.currency)

    @display(description="state")
    def state(self, dispute: Dispute) -> str:
        return _state_of(dispute)
