"""Discrepancy: where somebody's records differ from ours; it waits for a person."""

from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from payments.statuses import Contradiction


class Discrepancy(models.Model):
    """One difference, kept once however often it is told."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey("payments.Payment", models.PROTECT, related_name="discrepancies")
    operation = models.ForeignKey(
        "payments.GatewayOperation", models.PROTECT, related_name="discrepancies"
    )
    kind = models.CharField(max_length=24, choices=[(c.value, c.value) for c in Contradiction])
    expected = models.CharField(max_length=255)
    heard = models.CharField(max_length=255)
    source = models.CharField(max_length=20)
    created_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    resolution = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name_plural = "discrepancies"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "kind", "heard"], name="one_row_per_difference"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: expected {self.expected}, heard {self.heard}"
