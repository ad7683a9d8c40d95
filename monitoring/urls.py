"""Health, and the first page."""

from django.urls import re_path

from monitoring import views

urlpatterns = [
    re_path(r"^$", views.home, name="home"),
    re_path(r"^health/live/?$", views.live, name="live"),
    re_path(r"^health/(?:ready|startup)/?$", views.ready, name="ready"),
    re_path(r"^health/?$", views.ready, name="health-overview"),
]
