"""Where the providers call."""

from django.urls import re_path

from webhooks import views

urlpatterns = [
    re_path(r"^health/?$", views.health, name="webhooks-health"),
    re_path(r"^(?P<provider>[a-z0-9_-]{1,20})/?$", views.receive, name="webhook"),
]
