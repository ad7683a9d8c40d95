"""The outbox: what durable receivers have yet to hear, and what they could not receive."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from payments.admin.base import ReadOnlyAdmin, ReadOnlyInline, ReasonForm, deed
from payments.admin.events import StoredEventAdmin
from payments.admin.labels import label, link_to
from payments.events import durable, replay
from payments.events.signal import all_signals
from payments.models import Delivery

_COLOURS = {"ready": "info", "leased": "info", "done": "success", "dead": "danger"}
_COLOURS["parked"] = "warning"


class DeliveryInline(ReadOnlyInline):
    """Who had to hear of an event, and how that stands."""

    model = Delivery
    fields = readonly_fields = ("receiver", "shown_status", "attempts", "next_try_at", "ended_at")

    @display(description="receiver")
    def receiver(self, delivery: Delivery) -> str:
        return link_to(delivery, delivery.handler)

    @display(description="status")
    def shown_status(self, delivery: Delivery) -> str:
        return label(delivery.status, _COLOURS)


StoredEventAdmin.inlines = [DeliveryInline]


class ReplayForm(ReasonForm):
    """Which events, to whom; counted first."""

    field_order = ("receiver", "type", "aggregate", "since", "only_count", "reason")
    receiver = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    type = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget())
    aggregate = forms.CharField(
        required=False, max_length=64, widget=UnfoldAdminTextInputWidget(), label="of payment"
    )
    since = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget())
    only_count = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanWidget(), label="only count them"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        types = sorted({signal.name for signal in all_signals().values()})
        self.fields["type"].choices = [("", "any"), *((n, n) for n in types)]  # type: ignore[attr-defined]
        self.fields["receiver"].choices = [  # type: ignore[attr-defined]
            (each.name, f"{each.name} (acts outside)" if each.acts_outside else each.name)
            for each in durable.all_handlers()
        ]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """What waits for a person can be brought once more; done ones are forgotten in time."""

    keeps_log = True
    actions_list = ["replay_events"]
    actions_detail = ["bring_again"]
    list_display = (
        "handler",
        "of_event",
        "coloured_status",
        "attempts",
        "next_try_at",
        "ended_at",
        "last_error",
    )
    list_filter = (("status", ChoicesDropdownFilter), "handler")
    list_select_related = ("event",)
    search_fields = ("aggregate_id",)
    search_help_text = "The exact payment id"
    readonly_fields = ("of_event", "shown_status")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("handler", "of_event"),
                    ("shown_status", "attempts"),
                    ("next_try_at", "ended_at"),
                    ("aggregate_id", "sequence"),
                    ("last_error", "replay_id"),
                )
            },
        ),
    )

    @display(description="event")
    def of_event(self, delivery: Delivery) -> str:
        return link_to(delivery.event, str(delivery.event))

    @display(description="status", label=_COLOURS)
    def coloured_status(self, delivery: Delivery) -> str:
        return delivery.status

    @display(description="status")
    def shown_status(self, delivery: Delivery) -> str:
        return label(delivery.status, _COLOURS)

    @deed(
        "Bring again",
        "The receiver is told of the event once more, within seconds. What it writes into our own"
        " records it writes once; a receiver that acts outside may do so a second time.",
        "replay",
    )
    def bring_again(self, request: HttpRequest, delivery: Delivery, form: ReasonForm) -> None:
        self.log_change(request, delivery, f"Brought again: {form.cleaned_data['reason']}")
        if replay.bring_again(Delivery.objects.filter(pk=delivery.pk)):
            messages.success(request, "It will be brought within seconds.")
        else:
            messages.info(request, "It is done, or on its way: nothing was changed.")

    @deed(
        "Replay events",
        "Tells one receiver of many stored events once more. Count them first. Receivers that act"
        " outside, by mail for one, do so again for each.",
        "replay",
        ReplayForm,
    )
    def replay_events(self, request: HttpRequest, _: None, form: ReplayForm) -> None:
        told = form.cleaned_data
        handlers = replay.receivers(told["receiver"], outside=True)
        events = replay.chosen(told["type"], told["aggregate"], told["since"])
        count = sum(replay.plan(events, handlers).values())
        if told["only_count"]:
            messages.info(request, f"{told['receiver']} would hear of {count} events again.")
            return
        for _written in replay.schedule(events, handlers):
            pass
        if first := Delivery.objects.first():
            self.log_change(request, first, f"{count} events replayed: {told['reason']}")
        messages.success(request, f"{told['receiver']} hears of {count} events again.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(aggregate_id=term) if term else queryset), False
