"""Refund: money given back, whole or in part. Dispute: the payer's bank contests a payment."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from payments.money import Money
from payments.statuses import Outcome

_STATUS_OF_OUTCOME = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.DECLINED: "failed",
    Outcome.NOT_SENT: "failed",
}


class Refund(models.Model):
    """What the merchant asked to give back. How it stands is its operation's outcome."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(
        "payments.Payment", models.PROTECT, related_name="refunds", db_index=False
    )
    operation = models.OneToOneField(
        "payments.GatewayOperation", models.PROTECT, related_name="refund"
    )
    reason = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["payment", "-created_at", "-id"], name="refund_of_payment")]

    def __str__(self) -> str:
        return f"refund of {self.money}: {self.status}"

    @property
    def money(self) -> Money:
        """What is given back."""
        return self.operation.money

    @property
    def status(self) -> str:
        """`pending`, `succeeded` or `failed`."""
        outcome = self.operation.outcome
        return _STATUS_OF_OUTCOME.get(Outcome(outcome), "pending") if outcome else "pending"


class Dispute(models.Model):
    """One contested charge, as the provider tells of it; `deadline` is for an answer to it.

    `status` is what was told last, `proven_status` what counts: empty while all was hearsay.
    """

    class Status(models.TextChoices):
        """Where it stands."""

        OPEN = "open"
        WON = "won"
        LOST = "lost"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey("payments.Payment", models.PROTECT, related_name="disputes")
    operation = models.ForeignKey(
        "payments.GatewayOperation", models.PROTECT, related_name="disputes"
    )
    provider = models.CharField(max_length=20)
    gateway_reference = models.CharField(max_length=128)
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    proven_status = models.CharField(max_length=8, choices=Status, blank=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=100, blank=True)
    deadline = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "gateway_reference"], name="one_row_per_dispute"
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="dispute_amount_is_positive"),
        ]

    def __str__(self) -> str:
        return f"dispute {self.gateway_reference}: {self.status}"
