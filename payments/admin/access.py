"""API keys, made and revoked with a reason; and the named requests of their holders."""

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from payments.admin.base import ReadOnlyAdmin, ReasonForm, deed, page
from payments.admin.filters import DaysFilter
from payments.admin.labels import label, link_to_payment
from payments.models import ApiKey, IdempotencyKey
from payments.models.access import SCOPES

_COLOURS = {"live": "success", "revoked": "danger", "expired": "warning"}


class NewKeyForm(ReasonForm):
    """Whose key it is, and what it may do."""

    field_order = ("name", "scopes", "reason")
    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget())
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Who may call. Deeds are kept in the console's own log, which the history button shows."""

    keeps_log = True

    list_display = ("name", "prefix", "scope_list", "state", "created_at", "last_used_at")
    list_filter = (("created_at", DaysFilter),)
    search_fields = ("name", "prefix")
    actions_list = ["make_a_key"]
    actions_detail = ["revoke"]
    readonly_fields = ("scope_list", "shown_state")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("name", "shown_state"),
                    ("prefix", "scope_list"),
                    ("created_at", "last_used_at"),
                    ("expires_at", "revoked_at"),
                    ("owner_id", "rotated_from"),
                )
            },
        ),
    )

    @display(description="scopes")
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="state", label=_COLOURS)
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "revoked"
        return "live" if key.is_live() else "expired"

    @display(description="state")
    def shown_state(self, key: ApiKey) -> str:
        return label(self.state(key), _COLOURS)

    @deed("Make a key", "The key is shown once, on the next page.", "key", NewKeyForm)
    def make_a_key(self, request: HttpRequest, _: None, form: NewKeyForm) -> HttpResponse:
        told = form.cleaned_data
        with transaction.atomic():
            key, text = ApiKey.issue(told["name"], told["scopes"])
            self.log_addition(request, key, f"Made: {told['reason']}")
        facts = {"title": f"The key of {key.name}", "secret": text}
        return page(self, request, "admin/secret.html", facts)

    @deed("Revoke", "The key stops working at once, and for good.", "key_off")
    def revoke(self, request: HttpRequest, key: ApiKey, form: ReasonForm) -> None:
        with transaction.atomic():
            live = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True)
            if not live.update(revoked_at=timezone.now()):
                messages.warning(request, "It was revoked before.")
                return
            self.log_change(request, key, f"Revoked: {form.cleaned_data['reason']}")
        messages.success(request, f"{key.name} can no longer call.")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Facts of named requests; never what was answered."""

    list_display = ("key", "caller", "method", "path", "status_code", "of_payment", "created_at")
    list_filter = (("created_at", DaysFilter),)
    ordering = ("-created_at",)
    search_fields = ("=key",)
    readonly_fields = ("of_payment",)
    fields = (
        ("key", "caller"),
        ("method", "path"),
        ("status_code", "of_payment"),
        ("created_at", "locked_until"),
        "fingerprint",
    )

    @display(description="payment")
    def of_payment(self, named: IdempotencyKey) -> str:
        return link_to_payment(named.payment_id)
