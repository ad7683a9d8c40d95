"""Discrepancy: where somebody's records differ from ours; it waits for a person."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from payments.statuses import Contradiction

PROPOSALS = {
    Contradiction.AMOUNT_DIFFERS: "Correct the difference in the provider's dashboard: give back"
    " what is too much, or ask the payer for the rest.",
    Contradiction.CURRENCY_DIFFERS: "Give it back in the provider's dashboard, and charge anew.",
    Contradiction.REFERENCE_DIFFERS: "Compare both transactions in the provider's dashboard;"
    " usually one is a notice of something else.",
    Contradiction.ORPHAN_CHARGE: "Give it back in the provider's dashboard, unless you know who"
    " asked for it.",
    Contradiction.KIND_DIFFERS: "Capture or release it in the provider's dashboard, as the"
    " merchant wished.",
    Contradiction.UNEXPECTED_NEWS: "Tell the merchant: the payment does not show it.",
    Contradiction.UNKNOWN_REFUND: "Tell the merchant: this refund was made without us, and the"
    " payment does not show it.",
    Contradiction.UNKNOWN_TO_PROVIDER: "Hold the delivery, and ask the provider: they do not"
    " confirm what we count.",
}


class Discrepancy(models.Model):
    """One difference, kept once however often it is told.

    What no operation of ours is about has neither operation nor payment, only its provider.
    Amounts are in minor units of `currency`, and are there where both sides told one.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(
        "payments.Payment", models.PROTECT, null=True, blank=True, related_name="discrepancies"
    )
    operation = models.ForeignKey(
        "payments.GatewayOperation",
        models.PROTECT,
        db_index=False,
        null=True,
        blank=True,
        related_name="discrepancies",
    )
    provider = models.CharField(max_length=20, blank=True)
    kind = models.CharField(max_length=24, choices=[(c.value, c.value) for c in Contradiction])
    expected = models.CharField(max_length=255)
    heard = models.CharField(max_length=255)
    expected_amount = models.BigIntegerField(null=True, blank=True)
    heard_amount = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
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
            ),
            models.UniqueConstraint(
                fields=["provider", "kind", "heard"],
                condition=Q(operation__isnull=True),
                name="one_row_per_stranger",
            ),
            models.CheckConstraint(
                condition=Q(operation__isnull=False, payment__isnull=False)
                | (Q(operation__isnull=True, payment__isnull=True) & ~Q(provider="")),
                name="a_difference_has_a_place",
            ),
        ]

    def __str__(self) -> str:
        kind = self.kind.replace("_", " ")
        return f"{kind}: expected {self.expected}, heard {self.heard}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A difference of an operation is at the operation's provider."""
        if self.operation is not None:
            self.provider = self.operation.provider
        super().save(*args, **kwargs)

    @property
    def proposal(self) -> str:
        """What a person should do, in plain words."""
        return PROPOSALS[Contradiction(self.kind)]
