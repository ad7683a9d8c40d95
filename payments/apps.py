"""Wiring of payments."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """The service itself."""

    name = "payments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect receivers and system checks."""
        from payments import (  # noqa: PLC0415 - they register
            checks,  # noqa: F401
            notifications,  # noqa: F401
            receivers,  # noqa: F401
            signals,  # noqa: F401
        )
        from payments.resilience import registry  # noqa: PLC0415
        from payments.services.breakers import make_breaker  # noqa: PLC0415 - needs the models

        registry.configure(make_breaker)
