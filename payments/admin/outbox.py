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
# Written while the page waits.
_MOST_BY_HAND = 10_000


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


class GivenUpForm(ReasonForm):
    """Whose deliveries; counted first."""

    field_order: tuple[str, ...] = ("receiver", "only_count", "reason")
    receiver = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    only_count = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanWidget(), label="only count them"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["receiver"].choices = [  # type: ignore[attr-defined]
            (each.name, f"{each.name} (acts outside)" if each.acts_outside else each.name)
            for each in durable.all_handlers()
        ]


class ReplayForm(GivenUpForm):
    """Which events, to whom; counted first."""

    field_order = ("receiver", "type", "aggregate", "since", "only_count", "reason")
    type = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget())
    aggregate = forms.CharField(
        required=False, max_length=64, widget=UnfoldAdminTextInputWidget(), label="of payment"
    )
    since = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        types = sorted({signal.name for signal in all_signals().values()})
        self.fields["type"].choices = [("", "any"), *((n, n) for n in types)]  # type: ignore[attr-defined]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """What waits for a person can be brought once more; done ones are forgotten in time."""

    keeps_log = True
    actions_list = ["replay_events", "bring_all_again"]
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
            words = f"{told['receiver']} would hear of {count} events again, at most."
            return messages.info(request, words)
        if count > _MOST_BY_HAND:
            words = f"{count} events are too many for a page: manage.py replay_events does it."
            return messages.error(request, words)
        count = sum(len(batch) for batch in replay.schedule(events, handlers))
        self._log(request, f"{count} events replayed: {told['reason']}")
        return messages.success(request, f"{told['receiver']} hears of {count} events again.")

    @deed(
        "Bring all again",
        "Everything of one receiver that is dead or parked gets all its tries once more, in its"
        " order. Mend first what it stumbled over. Count them first.",
        "replay",
        GivenUpForm,
    )
    def bring_all_again(self, request: HttpRequest, _: None, form: GivenUpForm) -> None:
        told = form.cleaned_data
        rows = replay.given_up(replay.chosen(), told["receiver"])
        if told["only_count"]:
            words = f"{rows.count()} deliveries would be brought to {told['receiver']} again."
            return messages.info(request, words)
        count = replay.bring_again(Delivery.objects.filter(pk__in=rows.values("pk")))
        self._log(request, f"{count} given up brought again: {told['reason']}")
        return messages.success(request, f"{count} deliveries will be brought within seconds.")

    def _log(self, request: HttpRequest, what: str) -> None:
        """Of many at once the newest bears the line."""
        if newest := Delivery.objects.first():
            self.log_change(request, newest, what)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(aggregate_id=term) if term else queryset), False
