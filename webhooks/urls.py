"""Where the providers call."""

from django.urls import re_path

from webhooks import health, views

urlpatterns = [
    re_path(r"^health/?$", health.health, name="webhooks-health"),
    re_path(r"^(?P<provider>[a-z0-9_-]{1,20})/?$", views.receive, name="webhook"),
]
