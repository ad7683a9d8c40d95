"""Wiring of payments."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """The service itself."""

    name = "payments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect receivers and system checks."""
        from payments import checks, signals  # noqa: F401, PLC0415 - fill their registers
