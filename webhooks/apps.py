"""Wiring of webhooks."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Hears what providers say."""

    name = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"
