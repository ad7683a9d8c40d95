"""PaymentWebhookEvent: one notification as it reached us, its body sealed as it came."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from payments.crypto.fields import SealedField


class PaymentWebhookEvent(models.Model):
    """One piece of news from one provider, claimed once.

    The unique constraint is what makes its effect happen once: the claim, the effect and the
    mark are one commit.
    """

    class Status(models.TextChoices):
        """Where the news stands."""

        PROCESSING = "processing"
        COMPLETED = "completed"
        FAILED = "failed"
        PARKED = "parked"
        IGNORED = "ignored"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(max_length=20)
    event_id = models.CharField(max_length=191)
    type = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.PROCESSING)
    body = SealedField()
    headers = models.JSONField(default=dict)
    delivery_id = models.CharField(max_length=191, blank=True)
    body_digest = models.CharField(max_length=64, blank=True)
    external_event_id = models.CharField(max_length=191, blank=True)
    payment = models.ForeignKey(
        "payments.Payment", models.PROTECT, null=True, blank=True, related_name="webhook_events"
    )
    attempts = models.PositiveSmallIntegerField(default=1)
    error = models.CharField(max_length=500, blank=True)
    source_address = models.CharField(max_length=45, blank=True)
    correlation_id = models.CharField(max_length=64, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "payment_webhook_events"
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(fields=["event_id", "provider"], name="one_event_per_provider"),
            models.CheckConstraint(
                condition=Q(status__in=["processing", "completed", "failed", "parked", "ignored"]),
                name="webhook_status_is_known",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "received_at"], name="webhook_by_status"),
            models.Index(fields=["provider", "-received_at"], name="webhook_by_provider"),
            models.Index(
                fields=["provider", "delivery_id"],
                condition=~Q(delivery_id=""),
                name="webhook_by_delivery",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.event_id}: {self.status}"
