"""What providers told us: the list, one notification redacted, and those of a payment."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, FieldTextFilter
from unfold.decorators import display

from payments.admin.base import ReadOnlyAdmin, ReadOnlyInline
from payments.admin.filters import DaysFilter, ProviderFilter, as_uuid
from payments.admin.labels import as_json, label, link_to, link_to_payment
from payments.admin.payments import PaymentAdmin
from payments.crypto.keyring import CannotOpen
from payments.crypto.redaction import redact
from webhooks.models import PaymentWebhookEvent

_COLOURS = {"processing": "info", "completed": "success", "failed": "danger", "parked": "warning"}


class WebhookEventInline(ReadOnlyInline):
    """What a provider told of one payment."""

    model = PaymentWebhookEvent
    verbose_name_plural = "webhook events"
    fields = readonly_fields = ("name", "type", "shown_status", "attempts", "received_at")

    @display(description="event id")
    def name(self, event: PaymentWebhookEvent) -> str:
        return link_to(event, event.event_id)

    @display(description="status")
    def shown_status(self, event: PaymentWebhookEvent) -> str:
        return label(event.status, _COLOURS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentWebhookEvent]:
        return super().get_queryset(request).defer("body")


# The page of a payment shows what is registered here; payments itself knows no webhooks.
PaymentAdmin.inlines.append(WebhookEventInline)


@admin.register(PaymentWebhookEvent)
class PaymentWebhookEventAdmin(ReadOnlyAdmin):
    """One notification as it reached us, its personal data and secrets hidden."""

    list_display = (
        "provider",
        "event_id",
        "type",
        "coloured_status",
        "of_payment",
        "attempts",
        "received_at",
    )
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ProviderFilter,
        ("type", FieldTextFilter),
        ("received_at", DaysFilter),
    )
    list_select_related = ("payment",)
    search_fields = ("event_id",)
    search_help_text = "The exact event id, payment id or correlation id"
    readonly_fields = ("shown_status", "of_payment", "told", "told_in_headers")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("provider", "type"),
                    ("shown_status", "attempts"),
                    ("event_id", "external_event_id"),
                    ("received_at", "processed_at"),
                    ("of_payment", "source_address"),
                    "correlation_id",
                    "error",
                    "told",
                    "told_in_headers",
                )
            },
        ),
    )

    @display(description="status", label=_COLOURS)
    def coloured_status(self, event: PaymentWebhookEvent) -> str:
        return event.status

    @display(description="status")
    def shown_status(self, event: PaymentWebhookEvent) -> str:
        return label(event.status, _COLOURS)

    @display(description="payment")
    def of_payment(self, event: PaymentWebhookEvent) -> str:
        return link_to_payment(event.payment_id, str(event.payment or ""))

    @display(description="body, redacted")
    def told(self, event: PaymentWebhookEvent) -> str:
        try:
            body = bytes(event.body)
        except CannotOpen as error:
            return str(error)
        try:
            return as_json(redact(json.loads(body)))
        except ValueError:
            return f"{len(body)} bytes that are no JSON"

    @display(description="headers, redacted")
    def told_in_headers(self, event: PaymentWebhookEvent) -> str:
        return as_json(event.headers)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentWebhookEvent]:
        return super().get_queryset(request).select_related("payment")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        named = Q(event_id=term) | Q(correlation_id=term)
        if payment_id := as_uuid(term):
            named |= Q(payment_id=payment_id)
        return (queryset.filter(named) if term else queryset), False
