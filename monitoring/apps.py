"""Wiring of monitoring."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Watches payments and webhooks; nothing comes back."""

    name = "monitoring"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Begin to listen, and watch every connection from its beginning."""
        from monitoring import receivers, slow_queries  # noqa: F401, PLC0415 - they register
