"""Gateways: the circuit breakers with what operators do to them, and every recorded call."""

from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from payments.admin.base import ReadOnlyAdmin, ReasonForm, actor_of, deed, page
from payments.admin.breaker_cards import OUTCOME_COLOURS, card_of, last_hour_of, timeline_of
from payments.admin.filters import DaysFilter, as_uuid
from payments.admin.labels import link_to, link_to_payment
from payments.events import context
from payments.models import BreakerControl, GatewayCall
from payments.resilience.breaker import Breaker
from payments.resilience.storage import Outcome
from payments.services import breaker_sweep, breakers

_LATEST_CALLS = 20


class UntilForm(ReasonForm):
    """Why, and perhaps for how long."""

    field_order = ("until", "reason")
    until = forms.DateTimeField(
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
        help_text="In UTC; until further notice, where nothing is said.",
    )

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until and until <= timezone.now():
            raise forms.ValidationError("This is over already.")
        return until


@admin.register(BreakerControl)
class BreakerAdmin(ReadOnlyAdmin):
    """Every breaker of the connected providers, whether or not operators ever spoke of it."""

    actions_detail = ["reset", "force_open", "disable", "release"]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        breaker_sweep.obey_operators()
        orders = BreakerControl.objects.in_bulk()
        groups = groupby(breakers.all_breakers(), lambda each: breakers.provider_of(each.name))
        cards = {name: [card_of(each, orders) for each in group] for name, group in groups}
        troubled = [card for group in cards.values() for card in group if card.trouble]
        facts = {"title": "Circuit breakers", "providers": cards, "troubled": troubled}
        return page(self, request, "admin/breakers.html", facts)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        facts = _facts_of(row) if row else {}
        page: HttpResponse = super().change_view(
            request, object_id, form_url, facts | (extra_context or {})
        )
        return page

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> BreakerControl | None:
        """A breaker of which no operator has spoken yet has no row."""
        if object_id not in {breaker.name for breaker in breakers.all_breakers()}:
            return None
        row: BreakerControl | None = super().get_object(request, object_id, from_field)
        return row or BreakerControl(name=object_id)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """The page draws it all itself."""
        return []

    @deed(
        "Reset",
        "Closes the circuit and forgets what the window holds, so that calls pass at once."
        " Every process follows within two seconds.",
        "restart_alt",
    )
    def reset(self, request: HttpRequest, row: BreakerControl, form: ReasonForm) -> None:
        _act(breakers.reset, request, row, form)

    @deed(
        "Force open",
        "Lets no call pass, and no time ends it but the one that you name. New payments go to"
        " other providers, where there are any.",
        "block",
        UntilForm,
    )
    def force_open(self, request: HttpRequest, row: BreakerControl, form: UntilForm) -> None:
        _act(breakers.force_open, request, row, form, until=form.cleaned_data["until"])

    @deed(
        "Disable",
        "Lets every call pass and only counts, however badly the provider does.",
        "do_not_disturb_off",
        UntilForm,
    )
    def disable(self, request: HttpRequest, row: BreakerControl, form: UntilForm) -> None:
        _act(breakers.disable, request, row, form, until=form.cleaned_data["until"])

    @deed(
        "Release",
        "Lets the breaker decide for itself again. One that was forced open begins with a trial.",
        "lock_open",
    )
    def release(self, request: HttpRequest, row: BreakerControl, form: ReasonForm) -> None:
        _act(breakers.release, request, row, form)


def _act(
    act: Callable[..., Breaker],
    request: HttpRequest,
    row: BreakerControl,
    form: ReasonForm,
    **told: Any,
) -> None:
    with context.bound(actor=actor_of(request)):
        now = act(row.name, reason=form.cleaned_data["reason"], **told).statistics()
    messages.success(request, f"{now.name} is {now.state}, its mode {now.mode}.")


def _facts_of(row: BreakerControl) -> dict[str, Any]:
    breaker_sweep.obey_operators()
    breaker = breakers.breaker_named(row.name)
    calls = GatewayCall.objects.filter(breaker=row.name).select_related("operation")
    return {
        "title": row.name,
        "card": card_of(breaker, {row.name: row}),
        "hour": last_hour_of(row.name),
        "configuration": breakers.configuration_of(breaker.policy),
        "timeline": timeline_of(row.name),
        "calls": calls.order_by("-started_at")[:_LATEST_CALLS],
        "colours": OUTCOME_COLOURS,
    }


class BreakerFilter(SimpleListFilter):
    """By breaker; those of the providers connected here."""

    title = "breaker"
    parameter_name = "breaker"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(breaker.name, breaker.name) for breaker in breakers.all_breakers()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(breaker=self.value()) if self.value() else queryset


class CallOutcomeFilter(SimpleListFilter):
    """By how the call ended."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(outcome.value, outcome.value) for outcome in Outcome]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(outcome=self.value()) if self.value() else queryset


@admin.register(GatewayCall)
class GatewayCallAdmin(ReadOnlyAdmin):
    """Every attempt at a provider, and every one that a breaker refused; the latest first."""

    list_display = ("started_at", "of_breaker", "ended", "status", "took", "of_payment", "error")
    list_filter = (BreakerFilter, CallOutcomeFilter, ("started_at", DaysFilter))
    list_select_related = ("operation",)
    ordering = ("-started_at",)
    search_fields = ("=breaker",)
    search_help_text = "The exact id of a payment or an operation"
    readonly_fields = ("of_breaker", "took", "of_payment")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("of_breaker", "of_payment"),
                    ("started_at", "took"),
                    ("outcome", "status"),
                    "error",
                )
            },
        ),
    )

    @display(description="breaker")
    def of_breaker(self, call: GatewayCall) -> str:
        return link_to(BreakerControl(name=call.breaker), call.breaker)

    @display(description="outcome", label=OUTCOME_COLOURS)
    def ended(self, call: GatewayCall) -> str:
        return call.outcome

    @display(description="took", ordering="duration")
    def took(self, call: GatewayCall) -> str:
        return f"{call.duration.total_seconds():.3f} s"

    @display(description="payment")
    def of_payment(self, call: GatewayCall) -> str:
        return (
            link_to_payment(call.operation.payment_id, call.operation.kind)
            if call.operation
            else "-"
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[GatewayCall], search_term: str
    ) -> tuple[QuerySet[GatewayCall], bool]:
        if not (term := search_term.strip()):
            return queryset, False
        some_id = as_uuid(term)
        named = Q(operation=some_id) | Q(operation__payment=some_id)
        return (queryset.filter(named) if some_id else queryset.none()), False
