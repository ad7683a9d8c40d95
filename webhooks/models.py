"""PaymentWebhookEvent: one notification as it reached us, its body sealed as it came."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from payments.crypto.fields import SealedField


class PaymentWebhookEvent(models.Model):
    """One piece of news from one provider, claimed once by the unique constraint.

    `next_try_at` is when somebody should take it up (again): the end of its holder's lease while
    it is `processing`, the next attempt after a failure, null where nothing is left to do by
    machine. Only who holds `lease_token` may finish it. `attempts` counts whoever tried, deliveries
    that came again among them; `tries` only the first and our own, by which the next is put off;
    `unended` how often it was taken since anybody came to an end with it.
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
    is_proven = models.BooleanField(default=True)
    external_event_id = models.CharField(max_length=191, blank=True)
    payment = models.ForeignKey(
        "payments.Payment", models.PROTECT, null=True, blank=True, related_name="webhook_events"
    )
    attempts = models.PositiveSmallIntegerField(default=1)
    tries = models.PositiveSmallIntegerField(default=1, db_default=1)
    unended = models.PositiveSmallIntegerField(default=0, db_default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    history = models.JSONField(default=list, blank=True)
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
                fields=["next_try_at"],
                condition=Q(next_try_at__isnull=False),
                name="webhook_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.event_id}: {self.status}"

    def is_settled(self) -> bool:
        """Whether another delivery of it would tell nothing new.

        What was only a hint and came to nothing may have been a forgery: the true news may follow.
        """
        came_to_nothing = self.status in (self.Status.IGNORED, self.Status.PARKED)
        return self.status == self.Status.COMPLETED or (came_to_nothing and self.is_proven)

    def is_held(self) -> bool:
        """Whether somebody is at it: its lease is not over."""
        is_processing = self.status == self.Status.PROCESSING
        return is_processing and bool(self.next_try_at and self.next_try_at > timezone.now())

    def is_at_rest(self) -> bool:
        """Whether it came to nothing, or waits for any worker, held by nobody who may have died."""
        came_to_nothing = self.status in (self.Status.IGNORED, self.Status.PARKED)
        is_waiting = self.status == self.Status.PROCESSING and self.lease_token is None
        return came_to_nothing or is_waiting


class KnownDelivery(models.Model):
    """A provider's name for one delivery, and the body that it first came with."""

    provider = models.CharField(max_length=20)
    name = models.CharField(max_length=191)
    body_digest = models.CharField(max_length=64)
    seen_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "name"], name="one_body_per_delivery")
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.name}"
