"""Wiring of monitoring."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Watches payments and webhooks; nothing comes back."""

    name = "monitoring"
    default_auto_field = "django.db.models.BigAutoField"
