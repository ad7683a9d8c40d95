"""Every path of the service, by inclusion. With or without a trailing slash is the same."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from payments.api.errors import no_such_path
from webhooks.views import receive_generic

urlpatterns = [
    re_path(r"^payments/v2/webhook/?$", receive_generic, name="generic-webhook"),
    path("payments/v2", include("payments.api.urls")),
    path("webhooks/payments/", include("webhooks.urls")),
    re_path(r"^(?:payments|webhooks)(?:/|$)", no_such_path),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^api/docs/?$", SpectacularSwaggerSplitView.as_view(), name="docs"),
    path("", include("monitoring.urls")),
]

handler400 = "payments.api.errors.bad_request"
handler403 = "payments.api.errors.permission_denied"
handler404 = "payments.api.errors.not_found"
handler500 = "payments.api.errors.server_error"
