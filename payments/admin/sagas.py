"""Sagas, step by step; and what a person may decide about one."""

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from payments.admin.base import ReadOnlyAdmin, ReadOnlyInline, ReasonForm, actor_of, deed
from payments.admin.labels import label, link_to_payment
from payments.models import SagaRun, SagaStep
from payments.sagas import resolving
from payments.sagas.resolving import Verdict

_COLOURS = {
    "running": "info",
    "waiting": "info",
    "compensating": "warning",
    "completed": "success",
    "stuck": "danger",
    "succeeded": "success",
    "unknown": "warning",
    "failed": "danger",
    "compensation_failed": "danger",
}


class SagaStepInline(ReadOnlyInline):
    """Every effect in its order, and how far it is."""

    model = SagaStep
    fields = readonly_fields = ("name", "shown_state", "attempt", "error", "started_at", "ended_at")

    @display(description="state")
    def shown_state(self, step: SagaStep) -> str:
        return label(step.state, _COLOURS)


class VerdictForm(ReasonForm):
    """What the operator knows of the step, and whence."""

    field_order = ("verdict", "reason")
    verdict = forms.ChoiceField(
        choices=[(each.value, each.value) for each in Verdict], widget=UnfoldAdminSelectWidget()
    )


@admin.register(SagaRun)
class SagaRunAdmin(ReadOnlyAdmin):
    """Deeds are events of the saga."""

    actions_detail = ["decide", "withdraw"]
    list_display = ("type", "of_payment", "coloured_state", "next_try_at", "created_at", "reason")
    list_filter = (("state", ChoicesDropdownFilter),)
    list_select_related = ("payment",)
    inlines = (SagaStepInline,)
    readonly_fields = ("of_payment", "shown_state")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("type", "definition_version"),
                    ("of_payment", "shown_state"),
                    ("next_try_at", "deadline"),
                    ("created_at", "ended_at"),
                    ("reason", "correlation_id"),
                )
            },
        ),
    )

    @display(description="payment")
    def of_payment(self, saga: SagaRun) -> str:
        return link_to_payment(saga.payment_id, str(saga.payment))

    @display(description="state", label=_COLOURS)
    def coloured_state(self, saga: SagaRun) -> str:
        return saga.state

    @display(description="state")
    def shown_state(self, saga: SagaRun) -> str:
        return label(saga.state, _COLOURS)

    @deed(
        "Decide",
        "Says what became of the step at which this saga is stuck; it goes on from there. Ask the"
        " provider or the warehouse first: money and goods follow what you say.",
        "gavel",
        VerdictForm,
    )
    def decide(self, request: HttpRequest, saga: SagaRun, form: VerdictForm) -> None:
        resolving.resolve(
            saga_id=saga.pk,
            verdict=Verdict(form.cleaned_data["verdict"]),
            actor=actor_of(request),
            reason=form.cleaned_data["reason"],
        )
        messages.success(request, "It goes on within seconds.")

    @deed(
        "Withdraw",
        "Turns back at the next step and undoes what was done. What is past undoing is finished"
        " instead.",
        "undo",
    )
    def withdraw(self, request: HttpRequest, saga: SagaRun, form: ReasonForm) -> None:
        resolving.cancel(
            saga_id=saga.pk, actor=actor_of(request), reason=form.cleaned_data["reason"]
        )
        messages.success(request, "It turns back at the next step.")
