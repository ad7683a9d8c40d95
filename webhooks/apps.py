"""Wiring of webhooks."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Hears what providers say."""

    name = "webhooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let the names of its signals be known."""
        from webhooks import signals  # noqa: F401, PLC0415 - they register
