"""System checks: what must not go into production."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Tags, register


@register(Tags.security, deploy=True)
def no_test_certificates(**_: Any) -> list[Error]:
    """A test root would let whoever holds its key sign notifications of money."""
    paypal = settings.PROVIDERS.get("paypal", {})
    if not paypal.get("test_root") and not paypal.get("test_certificate_hosts"):
        return []
    return [
        Error(
            "PayPal notifications would be believed on the word of a test certificate.",
            hint="Unset PAYPAL_TEST_ROOT and PAYPAL_TEST_CERTIFICATE_HOST.",
            id="payments.E001",
        )
    ]
