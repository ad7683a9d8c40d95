"""Read-only by default; whatever changes something is a POST, with a reason, from who may."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.options import BaseModelAdmin
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from payments.errors import DomainError

_COUNTED_AT_MOST = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts as far as anybody turns pages: beyond that, people filter."""

    @cached_property
    def count(self) -> int:
        return int(self.object_list[:_COUNTED_AT_MOST].count())  # type: ignore[attr-defined]


class _ReadOnly(BaseModelAdmin):  # type: ignore[type-arg]
    """Nothing is added, changed or deleted by hand: it would have no event, and no history."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(_ReadOnly, ModelAdmin):
    """A list and a page of facts. Deeds need the model's change permission."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    show_facets = ShowFacets.NEVER
    list_filter_submit = True
    actions = None
    # Whether deeds are kept in the console's log; those on payments are events instead.
    keeps_log = False

    def has_act_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        meta = self.model._meta
        return bool(request.user.has_perm(f"{meta.app_label}.change_{meta.model_name}"))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        facts = {"show_history": self.keeps_log} | (extra_context or {})
        return super().changeform_view(request, object_id, form_url, facts)


class ReadOnlyInline(_ReadOnly, TabularInline):
    """Rows of another table, to look at."""

    extra = 0
    hide_title = True
    per_page = 20


class ReasonForm(forms.Form):
    """Why an operator does something."""

    reason = forms.CharField(
        max_length=500,
        min_length=3,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept for good in the history, with your user number; name no customer here.",
    )


Deed = Callable[[Any, HttpRequest, Any, Any], HttpResponse | None]


def deed(
    title: str, explanation: str, icon: str, form_class: type[ReasonForm] = ReasonForm
) -> Callable[[Deed], Any]:
    """Turn `act(admin, request, row, form)` into a page of its own: GET asks, POST acts.

    `row` is None for a deed of the whole list. A DomainError becomes a message.
    """

    def decorate(act: Deed) -> Any:
        @wraps(act)
        def view(admin: Any, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
            row = _row(admin, request, object_id)
            is_sent = request.method == "POST"
            form = form_class(request.POST if is_sent else None)
            if is_sent and form.is_valid():
                return _acted(act, admin, request, row, form) or _back_to(admin, row)
            facts = {"title": title, "explanation": explanation, "form": form, "row": row}
            return page(admin, request, "admin/reason.html", facts)

        return action(
            view,
            description=title,
            icon=icon,
            permissions=["act"],
            url_path=act.__name__.replace("_", "-"),
        )

    return decorate


def _row(admin: Any, request: HttpRequest, object_id: str | None) -> Any:
    if object_id is None:
        return None
    row = admin.get_object(request, object_id)
    if row is None:
        raise Http404(f"There is no {admin.opts.verbose_name} {object_id}.")
    return row


def _acted(
    act: Deed, admin: Any, request: HttpRequest, row: Any, form: ReasonForm
) -> HttpResponse | None:
    try:
        return act(admin, request, row, form)
    except DomainError as error:
        messages.error(request, error.detail)
        return None


def _back_to(admin: Any, row: Any) -> HttpResponse:
    base = f"admin:{admin.opts.app_label}_{admin.opts.model_name}"
    if row is None:
        return redirect(f"{base}_changelist")
    return redirect(reverse(f"{base}_change", args=[row.pk]))


def page(admin: Any, request: HttpRequest, template: str, facts: dict[str, Any]) -> HttpResponse:
    """A page of the console about this kind of record; like all of them, never cached."""
    known = admin.admin_site.each_context(request) | {"opts": admin.opts}
    return render(request, template, known | facts)


def actor_of(request: HttpRequest) -> str:
    """The operator, as events remember them."""
    return f"user:{request.user.pk}"
