"""The history of everything, to browse and search."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from payments.admin.base import ReadOnlyAdmin
from payments.admin.filters import DaysFilter, EventTypeFilter
from payments.admin.labels import as_json, link_to_payment
from payments.models import StoredEvent

_PRIORITY_COLOURS = {"LOW": "info", "HIGH": "warning", "CRITICAL": "danger"}


@admin.register(StoredEvent)
class StoredEventAdmin(ReadOnlyAdmin):
    """Newest first: ids are made of the time, so their own index has the order."""

    list_display = ("type", "about", "sequence", "coloured_priority", "timestamp", "correlation_id")
    list_filter = (
        EventTypeFilter,
        ("priority", ChoicesDropdownFilter),
        ("timestamp", DaysFilter),
    )
    ordering = ("-id",)
    search_fields = ("aggregate_id",)
    search_help_text = "The exact payment id or correlation id"
    readonly_fields = ("about", "coloured_priority", "facts", "surroundings")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("type", "version"),
                    ("about", "sequence"),
                    ("timestamp", "coloured_priority"),
                    ("correlation_id", "causation_id"),
                    "facts",
                    "surroundings",
                    "previous_hash",
                    "hash",
                )
            },
        ),
    )

    @display(description="of")
    def about(self, event: StoredEvent) -> str:
        if event.aggregate_type == "payment":
            return link_to_payment(event.aggregate_id)
        return f"{event.aggregate_type} {event.aggregate_id}"

    @display(description="priority", label=_PRIORITY_COLOURS)
    def coloured_priority(self, event: StoredEvent) -> str:
        return event.priority

    @display(description="data")
    def facts(self, event: StoredEvent) -> str:
        return as_json(event.data)

    @display(description="metadata")
    def surroundings(self, event: StoredEvent) -> str:
        return as_json(event.metadata)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StoredEvent], search_term: str
    ) -> tuple[QuerySet[StoredEvent], bool]:
        term = search_term.strip()
        named = Q(aggregate_type="payment", aggregate_id=term) | Q(correlation_id=term)
        return (queryset.filter(named) if term else queryset), False
