"""Providers' names for their deliveries: where a signature covers little, one name is one body."""

from webhooks.inbox import Delivery
from webhooks.models import KnownDelivery


def bears_another_body(delivery: Delivery) -> bool:
    """Whether this delivery's own name came before with another body: then one is forged."""
    if not delivery.name:
        return False
    known, _ = KnownDelivery.objects.get_or_create(
        provider=delivery.provider,
        name=delivery.name,
        defaults={"body_digest": delivery.digest},
    )
    return known.body_digest != delivery.digest
