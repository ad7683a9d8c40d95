"""Health, figures, and the first page."""

from django.urls import re_path

from monitoring import views
from monitoring.api import OperatorsHealthView, ProviderHealthView

urlpatterns = [
    re_path(r"^$", views.home, name="home"),
    re_path(r"^metrics/?$", views.metrics, name="metrics"),
    re_path(r"^health/live/?$", views.live, name="live"),
    re_path(r"^health/(?:ready|startup)/?$", views.ready, name="ready"),
    re_path(r"^health/?$", views.ready, name="health-overview"),
    re_path(
        r"^health/circuit-breakers/?$",
        OperatorsHealthView.as_view({"get": "circuit_breakers"}),
        name="health-breakers",
    ),
    re_path(
        r"^health/detailed/?$",
        OperatorsHealthView.as_view({"get": "detailed"}),
        name="health-detailed",
    ),
    re_path(
        r"^health/(?P<provider>[\w-]{1,64})/?$",
        ProviderHealthView.as_view({"get": "retrieve"}),
        name="health-provider",
    ),
]
