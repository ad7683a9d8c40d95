"""Discrepancies: what a provider told that our records forbid; they wait for a person."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import F
from django.http import HttpRequest
from django.utils.text import Truncator
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import display

from payments.admin.base import ReadOnlyAdmin, ReadOnlyInline, ReasonForm, actor_of, deed
from payments.admin.filters import ResolvedFilter
from payments.admin.labels import as_lines, label, link_to, link_to_payment, major
from payments.errors import NotSupported
from payments.models import Discrepancy
from payments.services import operators
from payments.services.recovery import is_in_doubt

_LONGEST_IN_LIST = 18
_DECISIONS = ("it_was_done", "it_was_not_done")
_COLOURS = {"open": "danger", "resolved": "success"}


def _state(discrepancy: Discrepancy) -> str:
    return "resolved" if discrepancy.resolved_at else "open"


class DiscrepancyInline(ReadOnlyInline):
    """A payment's contradictions."""

    model = Discrepancy
    fields = readonly_fields = (
        "what",
        "expected",
        "heard",
        "source",
        "created_at",
        "state",
        "resolution",
    )

    @display(description="kind")
    def what(self, discrepancy: Discrepancy) -> str:
        return link_to(discrepancy, discrepancy.kind)

    @display(description="state")
    def state(self, discrepancy: Discrepancy) -> str:
        return label(_state(discrepancy), _COLOURS)


@admin.register(Discrepancy)
class DiscrepancyAdmin(ReadOnlyAdmin):
    """The open ones first."""

    list_display = (
        "kind",
        "state",
        "provider",
        "expected",
        "heard_in_short",
        "payment_in_short",
        "source",
        "created_at",
    )
    list_filter = (ResolvedFilter, ("kind", ChoicesDropdownFilter), "provider")
    list_select_related = ("payment",)
    ordering = (F("resolved_at").desc(nulls_first=True), "-created_at")
    actions_detail = ["resolve", "it_was_done", "it_was_not_done"]
    readonly_fields = ("of_payment", "shown_state", "sums", "proposed")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("shown_state", "kind"),
                    ("expected", "heard"),
                    ("sums", "proposed"),
                    ("of_payment", "provider"),
                    ("source", "created_at"),
                    ("resolved_at", "resolved_by"),
                    "resolution",
                )
            },
        ),
    )

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """What cannot be done to this one is not offered."""
        row = self.get_object(request, str(object_id))
        may_decide = bool(row and row.operation and is_in_doubt(row.operation))
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if may_decide or each.method.__name__ not in _DECISIONS]

    @display(description="heard")
    def heard_in_short(self, discrepancy: Discrepancy) -> str:
        return Truncator(discrepancy.heard).chars(_LONGEST_IN_LIST)

    @display(description="payment")
    def payment_in_short(self, discrepancy: Discrepancy) -> str:
        payment = discrepancy.payment
        name = payment.reference if payment else ""
        text = Truncator(name or str(discrepancy.payment_id)).chars(_LONGEST_IN_LIST)
        return link_to_payment(discrepancy.payment_id, text)

    @display(description="payment")
    def of_payment(self, discrepancy: Discrepancy) -> str:
        return link_to_payment(discrepancy.payment_id, str(discrepancy.payment))

    @display(description="amounts")
    def sums(self, discrepancy: Discrepancy) -> str:
        told = {"ours": discrepancy.expected_amount, "theirs": discrepancy.heard_amount}
        known = {name: amount for name, amount in told.items() if amount is not None}
        currency = discrepancy.currency
        return as_lines({name: major(known[name], currency) for name in known}) or "-"

    @display(description="proposed")
    def proposed(self, discrepancy: Discrepancy) -> str:
        return discrepancy.proposal

    @display(description="state", label=_COLOURS)
    def state(self, discrepancy: Discrepancy) -> str:
        return _state(discrepancy)

    @display(description="state")
    def shown_state(self, discrepancy: Discrepancy) -> str:
        return label(_state(discrepancy), _COLOURS)

    @deed(
        "Resolve",
        "Says that a person has dealt with this contradiction. It moves no money and changes no"
        " payment: give money back at the provider first, where that is due.",
        "task_alt",
    )
    def resolve(self, request: HttpRequest, discrepancy: Discrepancy, form: ReasonForm) -> None:
        operators.resolve_discrepancy(
            discrepancy_id=discrepancy.id,
            actor=actor_of(request),
            reason=form.cleaned_data["reason"],
        )
        messages.success(request, "Resolved.")

    @deed(
        "It was done",
        "For what nobody can tell us, and for nothing else: you saw at the provider that this"
        " attempt was carried out. It counts from now on as if the provider had said so.",
        "check_circle",
    )
    def it_was_done(self, request: HttpRequest, discrepancy: Discrepancy, form: ReasonForm) -> None:
        _conclude(request, discrepancy, form, is_done=True)

    @deed(
        "It was not done",
        "For what nobody can tell us, and for nothing else: you saw at the provider that this"
        " attempt came to nothing. A payment may then be tried again, elsewhere too; should the"
        " provider tell otherwise later, that second charge is given back.",
        "cancel",
    )
    def it_was_not_done(
        self, request: HttpRequest, discrepancy: Discrepancy, form: ReasonForm
    ) -> None:
        _conclude(request, discrepancy, form, is_done=False)


def _conclude(
    request: HttpRequest, discrepancy: Discrepancy, form: ReasonForm, *, is_done: bool
) -> None:
    if discrepancy.operation_id is None:
        raise NotSupported("This is about no attempt of ours, so there is nothing to decide.")
    payment = operators.conclude(
        operation_id=discrepancy.operation_id,
        is_done=is_done,
        actor=actor_of(request),
        reason=form.cleaned_data["reason"],
    )
    messages.success(request, f"Written down; the payment is {payment.status} now.")
