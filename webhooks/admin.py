"""What providers told us: the list, one notification redacted, and those of a payment."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from unfold.contrib.filters.admin import ChoicesDropdownFilter, FieldTextFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from payments.admin.base import ReadOnlyAdmin, ReadOnlyInline, ReasonForm, deed
from payments.admin.filters import DaysFilter, ProviderFilter, as_uuid
from payments.admin.labels import as_json, label, link_to, link_to_payment
from payments.admin.payments import PaymentAdmin
from payments.crypto.keyring import CannotOpen
from payments.crypto.redaction import redact
from webhooks import replay
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


class ReplayForm(ReasonForm):
    """Which events, with how many they are now."""

    field_order = ("which", "reason")
    which = forms.ChoiceField(widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["which"].choices = [  # type: ignore[attr-defined] # a ChoiceField's own
            (f"{provider}:{status}", f"{count} {status} of {provider}")
            for (provider, status), count in sorted(replay.replayable().items())
        ]


@admin.register(PaymentWebhookEvent)
class PaymentWebhookEventAdmin(ReadOnlyAdmin):
    """One notification as it reached us, its personal data and secrets hidden.

    Deeds are kept in the console's own log: the event's history tells what became of it.
    """

    keeps_log = True
    actions_list = ["process_many_again"]
    actions_detail = ["process_again"]
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
    readonly_fields = ("shown_status", "of_payment", "told", "told_in_headers", "story")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("provider", "type"),
                    ("shown_status", "attempts", "tries", "unended"),
                    ("event_id", "external_event_id"),
                    ("received_at", "processed_at"),
                    ("next_try_at", "story"),
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

    @display(description="what became of it")
    def story(self, event: PaymentWebhookEvent) -> str:
        lines = [f"{each['at'][:19]}  {each['status']}  {each['error']}" for each in event.history]
        return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in lines)) or "-"

    @deed(
        "Process again",
        "Takes this event up once more, as it is kept here. What was completed has had its"
        " effect, and is left alone.",
        "replay",
    )
    def process_again(
        self, request: HttpRequest, event: PaymentWebhookEvent, form: ReasonForm
    ) -> None:
        self.log_change(request, event, f"Processed again: {form.cleaned_data['reason']}")
        for done in replay.replay(PaymentWebhookEvent.objects.filter(pk=event.pk)):
            messages.info(request, f"{event.event_id}: {done.answer}")

    @deed(
        "Process many again",
        "The workers take these up at their next look, within seconds. Each has its effect once,"
        " however often it is processed.",
        "replay",
        ReplayForm,
    )
    def process_many_again(self, request: HttpRequest, _: None, form: ReplayForm) -> None:
        provider, _, status = form.cleaned_data["which"].partition(":")
        with transaction.atomic():
            rows = replay.chosen(status=status, provider=provider)
            reason = f"{form.cleaned_data['which']} processed again: {form.cleaned_data['reason']}"
            if first := rows.first():
                self.log_change(request, first, reason)
            count = replay.schedule(rows)
        messages.success(request, f"{count} events will be processed again.")

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
