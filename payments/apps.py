"""Wiring of payments."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """The service itself."""

    name = "payments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect receivers and system checks."""
        from payments import checks, receivers, signals  # noqa: F401, PLC0415 - they register
        from payments.resilience import registry  # noqa: PLC0415
        from payments.services.breakers import make_breaker  # noqa: PLC0415 - needs the models

        registry.configure(make_breaker)
